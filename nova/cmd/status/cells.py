"""Checks of the cells: are they mapped, are their hosts, and are their computes new enough?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from groundwork.database import Transaction
from groundwork.upgrade_checks import Finding, Result
from nova.cells.registry import Cell
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.schemas import one_line
from nova.db.api import host_mappings
from nova.db.cell import compute_nodes, services
from nova.domain.service_versions import OLDEST_COMPUTE_VERSION

T = TypeVar("T")

# Names in a sentence; the operator finds the others with the command that it names.
_SHOWN = 5


def check_cells(deployment: Deployment) -> Finding:
    """There must be cell0, another cell, and every host must be mapped to its cell."""
    try:
        cells = deployment.cells()
        with deployment.api_database().read() as tx:
            mapped = {mapping.host for mapping in host_mappings.list_mappings(tx)}
    except UNREADABLE as exc:
        return Finding(
            Result.FAILURE,
            f"The API database cannot be read: {one_line(exc)} Is [api_database]/connection set, and has "
            "'nova-manage api_db sync' been run?",
        )
    if not any(cell.is_cell0 for cell in cells):
        return Finding(
            Result.FAILURE, "There is no mapping of cell0: run 'nova-manage cell_v2 map_cell0'."
        )
    real = [cell for cell in cells if not cell.is_cell0]
    if not real:
        return Finding(
            Result.FAILURE,
            "There is no cell besides cell0: run 'nova-manage cell_v2 create_cell' or "
            "'nova-manage cell_v2 simple_cell_setup'.",
        )
    return _check_hosts(deployment, real, mapped)


def _check_hosts(deployment: Deployment, cells: Sequence[Cell], mapped: Collection[str]) -> Finding:
    unmapped: list[str] = []
    for cell in cells:
        try:
            with deployment.database(cell).read() as tx:
                nodes = compute_nodes.list_unmapped(tx)
        except UNREADABLE as exc:
            return Finding(Result.FAILURE, _unreadable(cell, exc))
        unmapped += sorted({node.host for node in nodes} - set(mapped))
    cure = "run 'nova-manage cell_v2 discover_hosts'."
    if unmapped and not mapped:
        return Finding(
            Result.FAILURE, f"No host mappings found but there are compute nodes: {cure}"
        )
    if unmapped:
        return Finding(
            Result.WARNING, f"Hosts are in no cell yet: {some(unmapped)}. To map them {cure}"
        )
    if not mapped:
        return Finding(
            Result.SUCCESS,
            f"No host mappings or compute nodes were found. When compute hosts are there {cure}",
        )
    return Finding(Result.SUCCESS)


def check_computes(deployment: Deployment) -> Finding:
    """No compute may be older than the release before this one."""
    found = read_every_cell(
        deployment, lambda tx: services.list_services(tx, binary=services.COMPUTE)
    )
    if isinstance(found, Finding):
        return found
    old = [
        f"{service.host} (version {service.version})"
        for service in found
        if service.version < OLDEST_COMPUTE_VERSION
    ]
    if not old:
        return Finding(Result.SUCCESS)
    return Finding(
        Result.FAILURE,
        f"Compute services are too old for this release, which supports version {OLDEST_COMPUTE_VERSION} and later: "
        f"{some(old)}. Upgrade them to the release before this one first.",
    )


def read_every_cell(
    deployment: Deployment, read: Callable[[Transaction], Iterable[T]]
) -> list[T] | Finding:
    """What ``read`` finds in the cells, cell0 left out, one after the other; a warning when one cannot be asked."""
    found: list[T] = []
    try:
        cells = [cell for cell in deployment.cells() if not cell.is_cell0]
    except UNREADABLE as exc:
        return Finding(Result.WARNING, f"The cells are not known: {one_line(exc)}")
    for cell in cells:
        try:
            with deployment.database(cell).read() as tx:
                found += read(tx)
        except UNREADABLE as exc:
            return Finding(Result.WARNING, _unreadable(cell, exc))
    return found


def _unreadable(cell: Cell, exc: Exception) -> str:
    return f"The database of cell {cell.name} ({cell.uuid}) cannot be read: {one_line(exc)}"


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
