"""Every server's mapping points to the one cell where its row is.

In motion: a build on its way into a cell stands in both for a moment; what has a build request is left to
:mod:`nova.audit.builds`. A mapping is said to lead nowhere only when every cell could be asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from nova.audit.finding import AddMapping, Check, CorrectMapping, Finding, ForgetMapping, Kind
from nova.audit.view import View
from nova.cells.registry import Cell
from nova.db.api.census import Counted
from nova.db.cell.census import CountedServer, deleted_among
from nova.domain.resources import amounts_by_class


def look(view: View) -> Iterator[Finding]:
    """Rows without their mapping, then mappings without their row."""
    for cell in view.walked:
        for servers in view.servers(cell):
            yield from _look_at_rows(view, cell, servers)
    for counted in view.mappings():
        yield from _look_at_mappings(view, counted)


def _look_at_rows(view: View, cell: Cell, servers: Sequence[CountedServer]) -> Iterator[Finding]:
    mapped = view.mappings_of(server.uuid for server in servers)
    astray = [server for server in servers if _cell_id(mapped, server.uuid) != cell.id]
    if not astray:
        return
    built = view.being_built(server.uuid for server in astray)
    homes = view.living(server.uuid for server in astray)
    for server in astray:
        mapping = mapped.get(server.uuid)
        if server.uuid in built or (
            mapping and mapping.cell_id and view.is_unreadable(mapping.cell_id)
        ):
            continue
        others = homes.get(server.uuid, {}).keys() - {cell.uuid}
        yield judge_row(cell, server, mapping, others)


def _cell_id(mapped: Mapping[str, Counted], uuid: str) -> int | None:
    return mapped[uuid].cell_id if uuid in mapped else None


def judge_row(
    cell: Cell, server: CountedServer, mapping: Counted | None, others: Collection[str]
) -> Finding:
    """What is wrong with a living row to whose cell no mapping points; ``others``: cells that have it as well."""
    if others:
        return Finding(
            Check.MAPPINGS,
            Kind.IN_TWO_CELLS,
            server.uuid,
            f"lives in cell {cell.uuid} and also in {', '.join(sorted(others))}",
            "find out on which host its guest runs, and mark the other row as deleted in that cell's database",
            cell.uuid,
        )
    if mapping is None:
        return Finding(
            Check.MAPPINGS,
            Kind.SERVER_WITHOUT_MAPPING,
            server.uuid,
            f"lives in cell {cell.uuid} and has no mapping: nobody can see it, and it does not count",
            "nova-manage cell_v2 map_instances --cell_uuid, or delete its row if it should not exist",
            cell.uuid,
            AddMapping(
                cell.uuid,
                {
                    "instance_uuid": server.uuid,
                    "cell_id": cell.id,
                    "project_id": server.project_id,
                    "user_id": server.user_id,
                    "vcpus": server.vcpus,
                    "memory_mb": server.memory_mb,
                    "resources": amounts_by_class(server.spec),
                },
            ),
        )
    where = "no cell" if mapping.cell_id is None else f"cell number {mapping.cell_id}"
    return Finding(
        Check.MAPPINGS,
        Kind.MAPPED_ELSEWHERE,
        server.uuid,
        f"lives in cell {cell.uuid}, but is mapped to {where}",
        "look whether it is being moved by hand; the mapping follows the row",
        cell.uuid,
        CorrectMapping(mapping, {"cell_id": cell.id}, cell.uuid),
    )


def _look_at_mappings(view: View, counted: Sequence[Counted]) -> Iterator[Finding]:
    lost: list[Counted] = []
    waiting = [each for each in counted if each.cell_id is None]
    built = view.being_built(each.instance_uuid for each in waiting)
    lost += [each for each in waiting if each.instance_uuid not in built]
    for cell_id in {each.cell_id for each in counted if each.cell_id is not None}:
        there = [each for each in counted if each.cell_id == cell_id]
        if view.is_unreadable(cell_id):
            continue
        cell = view.by_id(cell_id)
        lost += there if cell is None else absent(view, cell, there)
    if not lost or not view.is_whole:
        return
    homes = view.living(each.instance_uuid for each in lost)
    for each in lost:
        # What lives somewhere is found there, by its row.
        if each.instance_uuid not in homes:
            yield judge_lost(each)


def absent(view: View, cell: Cell, mapped: Sequence[Counted]) -> Sequence[Counted]:
    """Those mapped to a cell of which it has no row at all, not even the record of a deleted one."""
    uuids = [each.instance_uuid for each in mapped]
    living = view.living_in(cell, uuids)
    rest = [uuid for uuid in uuids if uuid not in living]
    deleted = view.ask(cell, lambda tx: deleted_among(tx, rest)) if rest else frozenset()
    known = living.keys() | deleted
    return [each for each in mapped if each.instance_uuid not in known]


def judge_lost(mapping: Counted) -> Finding:
    """What becomes of a mapping whose server lives in no cell."""
    if mapping.cell_id is None:
        return Finding(
            Check.MAPPINGS,
            Kind.MAPPING_WITHOUT_SERVER,
            mapping.instance_uuid,
            "has a mapping without cell and no build request: nobody will ever build it",
            "delete its rows in instance_mappings and request_specs",
            repair=ForgetMapping(mapping),
        )
    return Finding(
        Check.MAPPINGS,
        Kind.MAPPING_WITHOUT_SERVER,
        mapping.instance_uuid,
        f"is mapped to cell number {mapping.cell_id}, but no cell has a row of it",
        "if a cell's database was lost, restore it before you repair; the repair stops counting the server",
        repair=CorrectMapping(mapping, {"queued_for_delete": True}),
    )
