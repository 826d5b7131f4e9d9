"""How candidates look on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from groundwork.operations import Call
from placement.api.microversion import since
from placement.candidates.search import Candidate
from placement.candidates.snapshot import Node, World


def show_candidates(
    call: Call, world: World, found: Sequence[Candidate], classes: frozenset[str]
) -> dict[str, Any]:
    """The whole answer; ``classes`` are those asked for, the only ones that summaries held below 1.27."""
    summarized = _summarized(call, world, found)
    return {
        "allocation_requests": [_show_request(call, candidate) for candidate in found],
        "provider_summaries": {
            node.uuid: _summarize(call, node, None if since(call, 27) else classes)
            for node in summarized
        },
    }


def _show_request(call: Call, candidate: Candidate) -> dict[str, Any]:
    if not since(call, 12):
        shares = [
            {"resource_provider": {"uuid": node.uuid}, "resources": amounts}
            for node, amounts in candidate.resources.items()
        ]
        return {"allocations": shares}
    body: dict[str, Any] = {
        "allocations": {
            node.uuid: {"resources": amounts} for node, amounts in candidate.resources.items()
        }
    }
    if since(call, 34):
        body["mappings"] = {
            suffix: [node.uuid for node in nodes] for suffix, nodes in candidate.mappings.items()
        }
    return body


def _summarized(call: Call, world: World, found: Iterable[Candidate]) -> Iterable[Node]:
    """The providers used, since 1.29 with all others of their trees."""
    used = {node: None for candidate in found for node in candidate.resources}
    if not since(call, 29):
        return used
    roots = dict.fromkeys(node.root for node in used)
    return [node for root in roots for node in world.trees[root].nodes]


def _summarize(call: Call, node: Node, only: frozenset[str] | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resources": {
            name: {"capacity": stock.inventory.capacity, "used": stock.used}
            for name, stock in node.stocks.items()
            if only is None or name in only
        }
    }
    if since(call, 17):
        # Standard names first.
        body["traits"] = sorted(node.traits, key=lambda name: (name.startswith("CUSTOM_"), name))
    if since(call, 29):
        body["parent_provider_uuid"] = node.parent.uuid if node.parent else None
        body["root_provider_uuid"] = node.root.uuid
    return body
