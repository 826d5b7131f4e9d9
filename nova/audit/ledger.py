"""What the quota counts is what lives: each mapping has the sizes of its server, and counts exactly while it lives.

Sizes are vcpus, memory, and amounts by resource class, which limits on these count. A mapping without amounts is right:
the request spec tells them.

In motion: servers with an operation under way or a task_state, resized ones until the resize is confirmed or reverted,
and soft-deleted ones until they are reclaimed or restored, may count differently for a while; and a delete that has
marked the mapping has ``idle_s`` to reach the cell. Servers whose mapping is wrong are left to
:mod:`nova.audit.mappings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from nova.audit.finding import Check, CorrectMapping, Finding, Kind
from nova.audit.view import View
from nova.cells.registry import Cell
from nova.db.api.census import Counted
from nova.db.cell.census import CountedServer, deleted_among
from nova.domain.resources import amounts_by_class
from nova.lifecycle.states import VmState


def look(view: View) -> Iterator[Finding]:
    """Living servers that count wrongly, then deleted ones that count still."""
    since = view.now - timedelta(seconds=view.idle_s)
    for cell in view.walked:
        for servers in view.servers(cell):
            mapped = view.mappings_of(server.uuid for server in servers)
            suspects = [finding.subject for finding in judge_living(cell, servers, mapped, since)]
            if suspects:
                # The mappings were read after the rows; something may have begun in between.
                rows = view.living_in(cell, suspects)
                yield from judge_living(cell, list(rows.values()), mapped, since)
    for counted in view.mappings():
        yield from _look_for_deleted(view, counted)


def judge_living(
    cell: Cell, servers: Sequence[CountedServer], mapped: Mapping[str, Counted], since: datetime
) -> Iterator[Finding]:
    """Living servers of a cell against what their mappings say; ``since`` is the last moment that is long ago."""
    for server in servers:
        mapping = mapped.get(server.uuid)
        if mapping is None or mapping.cell_id != cell.id or server.is_in_motion:
            continue
        if server.vm_state in (VmState.RESIZED, VmState.SOFT_DELETED):
            continue
        if mapping.queued_for_delete:
            # First the mapping is marked, then the cell is told: an API process is just about to.
            if (mapping.updated_at or mapping.created_at) >= since:
                continue
            yield _not_counted(cell, server, mapping)
        elif wrong := _wrong_sizes(server, mapping):
            yield _wrong_count(cell, server, mapping, "; ".join(wrong))


def _wrong_sizes(server: CountedServer, mapping: Counted) -> Sequence[str]:
    """What is wrong with what the server counts for."""
    wrong = []
    if (mapping.vcpus, mapping.memory_mb) != (server.vcpus, server.memory_mb):
        wrong.append(
            f"counts for {mapping.vcpus} vcpus and {mapping.memory_mb} MiB, "
            f"but has {server.vcpus} and {server.memory_mb}"
        )
    takes = amounts_by_class(server.spec)
    if mapping.amounts not in (None, takes):
        wrong.append(f"counts for {_said(mapping.amounts or {})}, but takes {_said(takes)}")
    return wrong


def _said(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted(amounts.items())) or "nothing"


def _not_counted(cell: Cell, server: CountedServer, mapping: Counted) -> Finding:
    """A delete that was accepted and never reached the cell: its user has got an error and sees the server."""
    return Finding(
        Check.LEDGER,
        Kind.NOT_COUNTED,
        server.uuid,
        "lives and nobody deletes it, but it counts as deleted",
        "delete it again if its user wants that",
        cell.uuid,
        CorrectMapping(mapping, {"queued_for_delete": False, **_sizes(server, mapping)}, cell.uuid),
    )


def _wrong_count(cell: Cell, server: CountedServer, mapping: Counted, text: str) -> Finding:
    return Finding(
        Check.LEDGER,
        Kind.WRONG_COUNT,
        server.uuid,
        text,
        "correct vcpus, memory_mb and resources in instance_mappings",
        cell.uuid,
        CorrectMapping(mapping, _sizes(server, mapping), cell.uuid),
    )


def _sizes(server: CountedServer, mapping: Counted) -> dict[str, Any]:
    sizes: dict[str, Any] = {"vcpus": server.vcpus, "memory_mb": server.memory_mb}
    if mapping.amounts is not None:
        sizes["resources"] = amounts_by_class(server.spec)
    return sizes


def _look_for_deleted(view: View, counted: Sequence[Counted]) -> Iterator[Finding]:
    for cell in view.readable:
        mapped = {each.instance_uuid: each for each in counted if each.cell_id == cell.id}
        if not mapped:
            continue
        uuids = list(mapped)
        for uuid in sorted(view.ask(cell, lambda tx, uuids=uuids: deleted_among(tx, uuids))):  # type: ignore[misc]
            yield judge_deleted(cell, mapped[uuid])


def judge_deleted(cell: Cell, mapping: Counted) -> Finding:
    """A mapping that counts although only the record of its server is left."""
    return Finding(
        Check.LEDGER,
        Kind.COUNTED_THOUGH_DELETED,
        mapping.instance_uuid,
        f"is deleted in cell {cell.uuid}, but counts for {mapping.vcpus} vcpus and {mapping.memory_mb} MiB",
        "set queued_for_delete in instance_mappings",
        cell.uuid,
        CorrectMapping(mapping, {"queued_for_delete": True}),
    )
