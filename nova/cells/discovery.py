"""Discovery: hosts that report in a cell's database are mapped to that cell in the API database.

Safe to repeat and to run in several processes at once. The mapping is written before the nodes are marked as mapped:
whoever is interrupted in between, the next run finds the mapping, marks the nodes and tells of nothing new.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict
from nova.cells.registry import Cell
from nova.db.api import host_mappings
from nova.db.cell import compute_nodes, services

LOG = logging.getLogger(__name__)


class HostTaken(Conflict):
    """Hosts of this name are mapped to another cell; ``facts["hosts"]`` names them."""


@dataclass(frozen=True, slots=True)
class MappedHost:
    """A host that was mapped now. ``nodes`` are the hypervisors or bare-metal nodes that it reports."""

    host: str
    cell: Cell
    nodes: tuple[str, ...] = ()


class Databases(Protocol):
    """Finds the database of a cell (:class:`nova.cells.target.Targets` does)."""

    def database(self, cell: Cell) -> Database: ...


def discover_hosts(
    api_database: Database, cells: Iterable[Cell], targets: Databases, by_service: bool = False
) -> tuple[MappedHost, ...]:
    """Map the unmapped hosts of these cells; those that were mapped now, by cell. cell0 has none and is passed over.

    ``by_service`` also takes compute services that report no node yet, as Ironic's may (``nova-compute`` rows instead
    of nodes). A cell whose database cannot be asked is logged and does not keep others from being searched.

    :raises HostTaken: hosts of these names are in another cell; all other hosts have been mapped by then.
    """
    mapped: list[MappedHost] = []
    taken: list[str] = []
    for cell in cells:
        if cell.is_cell0:
            continue
        try:
            mapped += discover_in_cell(api_database, cell, targets.database(cell), by_service)
        except HostTaken as problem:
            taken += problem.facts["hosts"]
        except Exception as exc:
            LOG.warning("hosts of cell %s (%s) cannot be discovered: %s", cell.name, cell.uuid, exc)
    if taken:
        raise _taken(taken)
    return tuple(mapped)


def discover_in_cell(
    api_database: Database, cell: Cell, database: Database, by_service: bool = False
) -> tuple[MappedHost, ...]:
    """As :func:`discover_hosts` for one cell.

    :raises HostTaken: as there.
    :raises oslo_db.exception.DBError: one of the databases cannot be used.
    """
    with database.read() as tx:
        nodes = compute_nodes.list_unmapped(tx)
        reporting = services.list_services(tx, binary=services.COMPUTE) if by_service else ()
    with api_database.read() as tx:
        found = host_mappings.list_mappings(tx, cell_ids=[cell.id])
    known = {mapping.host for mapping in found}

    names: dict[str, list[str]] = {service.host: [] for service in reporting}
    for node in nodes:
        names.setdefault(node.host, []).append(node.hypervisor_hostname)
    outcomes = {host: _map(api_database, host, cell) for host in names if host not in known}
    taken = [host for host, outcome in outcomes.items() if outcome is None]

    ours = [node.uuid for node in nodes if node.host not in taken]
    if ours:
        with database.write() as tx:
            compute_nodes.mark_mapped(tx, ours)
    if taken:
        raise _taken(taken)
    return tuple(
        MappedHost(host, cell, tuple(names[host])) for host, is_new in outcomes.items() if is_new
    )


def _map(api_database: Database, host: str, cell: Cell) -> bool | None:
    """True: mapped now. False: it was. None: it is in another cell, and servers there would be lost by moving it."""

    def work(tx: Transaction) -> bool | None:
        was_mapped = host_mappings.find(tx, host) is not None
        found = host_mappings.map_host(tx, host, cell.id)
        return not was_mapped if found.cell_id == cell.id else None

    return api_database.run(work)


def _taken(hosts: Sequence[str]) -> HostTaken:
    names = ", ".join(hosts)
    return HostTaken(
        f"Hosts of another cell have the same names: {names}. Give each host a name of its own.",
        hosts=list(hosts),
    )
