"""How candidates look on the wire, put together from ready pieces of JSON.

Names and uuids that stand in answers need no escaping: classes and traits are ``[A-Z0-9_]``, suffixes
``[A-Za-z0-9_-]``, and uuids are stored in their canonical form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from groundwork.operations import Call
from placement.api.microversion import since
from placement.candidates.filling import Solution
from placement.candidates.index.facts import Fact
from placement.candidates.index.index import Index
from placement.candidates.index.trees import Tree
from placement.candidates.search import Run

# A piece of JSON with gaps for uuids, and what picks those from the uuids of a tree.
Template = tuple[bytes, Callable[[tuple[bytes, ...]], tuple[bytes, ...]]]

# The trees that answer with some solutions.
Used = Mapping[tuple[Solution, ...], list[Tree]]


def show_candidates(
    call: Call, index: Index, found: Iterable[Run], classes: frozenset[str]
) -> bytes:
    """The whole answer; ``classes`` are those asked for, the only ones that summaries held below 1.27."""
    templates: dict[tuple[Solution, ...], Template] = {}
    used: dict[tuple[Solution, ...], list[Tree]] = {}
    requests: list[bytes] = []
    for trees, solutions in found:
        known = templates.get(solutions)
        if known is None:
            known = templates[solutions] = _template(call, solutions)
            used[solutions] = []
        requests.append(_filled(known, trees))
        used[solutions] += trees
    summaries = (
        _summaries_of_trees(index, used)
        if since(call, 29)
        else _summaries_of_used(call, index, used, None if since(call, 27) else classes)
    )
    return _joined(requests, list(summaries))


def _filled(template: Template, trees: list[Tree]) -> bytes:
    """The piece for each of the trees, all filled at once: there may be thousands."""
    piece, pick = template
    uuids = chain.from_iterable(map(pick, [tree.uuids for tree in trees]))
    return b",".join([piece] * len(trees)) % tuple(uuids)


def _joined(requests: list[bytes], summaries: list[bytes]) -> bytes:
    """The whole from its parts, copied once: some answers are megabytes."""
    if not requests:
        return b'{"allocation_requests":[],"provider_summaries":{}}'
    requests[0] = b'{"allocation_requests":[' + requests[0]
    requests[-1] += b'],"provider_summaries":{' + summaries.pop(0)
    (summaries or requests)[-1] += b"}}"
    return b",".join(requests + summaries)


def _template(call: Call, solutions: tuple[Solution, ...]) -> Template:
    gaps: list[int] = []
    pieces = [_piece(call, solution, gaps) for solution in solutions]
    return b",".join(pieces), _picking(gaps)


def _piece(call: Call, solution: Solution, gaps: list[int]) -> bytes:
    """The JSON of one candidate; the places of the providers that are missing in it go to ``gaps``."""
    pieces: list[bytes] = []

    def gap(place: int) -> bytes:
        gaps.append(place)
        return b'"%b"'

    for place, amounts in solution.resources:
        uuid, resources = gap(place), msgspec.json.encode(dict(amounts))
        if since(call, 12):
            pieces.append(uuid + b':{"resources":' + resources + b"}")
        else:
            pieces.append(
                b'{"resource_provider":{"uuid":' + uuid + b'},"resources":' + resources + b"}"
            )
    joined = b",".join(pieces)
    if not since(call, 12):
        return b'{"allocations":[' + joined + b"]}"
    if not since(call, 34):
        return b'{"allocations":{' + joined + b"}}"
    mappings = b",".join(
        b'"' + suffix.encode() + b'":[' + b",".join(gap(place) for place in places) + b"]"
        for suffix, places in solution.mappings
    )
    return b'{"allocations":{' + joined + b'},"mappings":{' + mappings + b"}}"


def _picking(places: list[int]) -> Callable[[tuple[bytes, ...]], tuple[bytes, ...]]:
    """What takes these places of a tuple."""
    if len(places) < 2:
        return lambda uuids: tuple(uuids[place] for place in places)
    return itemgetter(*places)


def _summaries_of_trees(index: Index, used: Used) -> Iterator[bytes]:
    """All providers of every tree that a candidate uses, as since 1.29."""
    trees: dict[Tree, None] = {}
    for solutions, found in used.items():
        places = {place: None for solution in solutions for place, _ in solution.resources}
        for tree in found if index.sharing else ():
            own = len(tree.own)
            for place in places:
                trees[tree if place < own else index.tree_of(tree.usable[place])] = None
        if not index.sharing:
            trees.update(dict.fromkeys(found))
    return iter([tree.summary or _summarize_tree(index, tree) for tree in trees])


def _summarize_tree(index: Index, tree: Tree) -> bytes:
    tree.summary = b",".join(_summarize_fully(index, row) for row in tree.own)
    return tree.summary


def _summarize_fully(index: Index, row: int) -> bytes:
    body = _summarize(index, row, None)
    fact = index.fact(row)
    body["traits"] = _traits(fact)
    *_, root = lineage = list(index.lineage_of(row))
    body["parent_provider_uuid"] = index.fact(lineage[1]).uuid if len(lineage) > 1 else None
    body["root_provider_uuid"] = index.fact(root).uuid
    return _member(fact.uuid, body)


def _summaries_of_used(
    call: Call,
    index: Index,
    used: Used,
    only: frozenset[str] | None,
) -> Iterator[bytes]:
    """The providers that candidates use, and no others."""
    rows = {
        tree.usable[place]: None
        for solutions, trees in used.items()
        for solution in solutions
        for place, _ in solution.resources
        for tree in trees
    }
    for row in rows:
        fact, body = index.fact(row), _summarize(index, row, only)
        if since(call, 17):
            body["traits"] = _traits(fact)
        yield _member(fact.uuid, body)


def _summarize(index: Index, row: int, only: frozenset[str] | None) -> dict[str, Any]:
    return {
        "resources": {
            stock.resource_class: {"capacity": stock.capacity, "used": stock.used}
            for stock in index.fact(row).stocks
            if only is None or stock.resource_class in only
        }
    }


def _traits(fact: Fact) -> list[str]:
    """Standard names first."""
    return sorted(fact.traits, key=lambda name: (name.startswith("CUSTOM_"), name))


def _member(uuid: str, body: dict[str, Any]) -> bytes:
    return b'"%b":%b' % (uuid.encode(), msgspec.json.encode(body))
