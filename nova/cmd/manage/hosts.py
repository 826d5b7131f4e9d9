"""Hosts in cells: discovered, listed, taken out; and the short ways to a first cell."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from groundwork.errors import Invalid, NotFound
from nova.cells import discovery, mappings
from nova.cells.discovery import HostTaken
from nova.cells.registry import Cell
from nova.cells.templates import Urls
from nova.cmd.manage import cells as cell_commands
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.printing import attempt, print_table
from nova.cmd.manage.schemas import one_line
from nova.db.api import host_mappings


def discover_hosts(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: nothing new and --strict, or a cell could not be searched. 2: a host is in another cell."""
    try:
        cells: Sequence[Cell] = deployment.cells()
        if given.cell_uuid is not None:
            cells = [deployment.cell(given.cell_uuid)]
    except NotFound as problem:
        print(problem)
        return 1
    found, status = 0, 0
    for cell in cells:
        if cell.is_cell0:
            _say(given, "Skipping cell0 since it does not contain hosts.")
            continue
        mapped, its_status = _discover_in(deployment, cell, given)
        found, status = found + mapped, max(status, its_status)
    return 1 if given.strict and not found and not status else status


def _discover_in(deployment: Deployment, cell: Cell, given: argparse.Namespace) -> tuple[int, int]:
    """How many hosts were mapped, and the exit status."""
    _say(given, f"Getting unmapped computes from cell '{cell.name}': {cell.uuid}")
    try:
        mapped = discovery.discover_in_cell(
            deployment.api_database(), cell, deployment.database(cell), given.by_service
        )
    except HostTaken as problem:
        print(f"ERROR: {problem}")
        return 0, 2
    except UNREADABLE as exc:
        print(f"ERROR: Cell {cell.uuid} cannot be searched: {one_line(exc)}")
        return 0, 1
    for host in mapped:
        _say(given, f"Created host mapping for compute host '{host.host}'")
    _say(given, f"Found {len(mapped)} unmapped computes in cell: {cell.uuid}")
    return len(mapped), 0


def _say(given: argparse.Namespace, line: str) -> None:
    if given.verbose:
        print(line)


def list_hosts(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: no such cell."""
    by_id = {cell.id: cell for cell in deployment.stored_cells()}
    if given.cell_uuid is not None:
        by_id = {number: cell for number, cell in by_id.items() if cell.uuid == given.cell_uuid}
        if not by_id:
            print(f"Cell with uuid {given.cell_uuid} was not found.")
            return 1
    with deployment.api_database().read() as tx:
        hosts = host_mappings.list_mappings(tx, cell_ids=list(by_id))
    print_table(
        ("Cell Name", "Cell UUID", "Hostname"),
        [(by_id[host.cell_id].name, by_id[host.cell_id].uuid, host.host) for host in hosts],
    )
    return 0


def delete_host(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: no such cell. 2: no such host. 3: it is in another cell. 4: it has servers."""

    def work() -> None:
        mappings.delete_host(
            deployment.api_database(),
            given.cell_uuid,
            given.host,
            cell_database=deployment.database(deployment.cell(given.cell_uuid)),
        )

    exits = {
        mappings.HostNotFound: 2,
        NotFound: 1,
        mappings.HostElsewhere: 3,
        mappings.HasServers: 4,
    }
    return attempt(work, exits)


def set_up_one_cell(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: no transport URL, or no hosts; what was made stays, and the next run goes on from there."""
    urls = Urls(
        given.transport_url or deployment.local.transport_url, deployment.local.database_connection
    )
    if not urls.transport_url:
        print(
            "Must specify --transport-url if [DEFAULT]/transport_url is not set in the configuration."
        )
        return 1
    cell_commands.map_cell0(deployment, argparse.Namespace(database_connection=None))
    return _map(deployment, urls, name=None, verbose=False, without_hosts=1)


def map_cell_and_hosts(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: no transport URL."""
    urls = Urls(
        given.transport_url or deployment.local.transport_url, deployment.local.database_connection
    )
    return _map(deployment, urls, name=given.name, verbose=given.verbose, without_hosts=0)


def _map(
    deployment: Deployment, urls: Urls, *, name: str | None, verbose: bool, without_hosts: int
) -> int:
    """The cell with this database is made unless it is there; its hosts are mapped."""

    def work() -> None:
        mappings.create_cell(deployment.api_database(), urls, local=deployment.local, name=name)

    cell = _cell_with(deployment, urls)
    if cell is None:
        if status := attempt(work, {Invalid: 1, mappings.UrlInUse: 1}):
            return status
        cell = _cell_with(deployment, urls)
        assert cell is not None, "it was made just now"
    if verbose:
        print(cell.uuid)

    api_database, database = deployment.api_database(), deployment.database(cell)
    discovery.discover_in_cell(api_database, cell, database)
    with api_database.read() as tx:
        hosts = host_mappings.list_mappings(tx, cell_ids=[cell.id])
    if not hosts:
        print("No hosts found to map to cell, exiting.")
        return without_hosts
    return 0


def _cell_with(deployment: Deployment, urls: Urls) -> Cell | None:
    wanted = urls.filled(deployment.local).database_connection
    return next(
        (cell for cell in deployment.cells() if not cell.is_cell0 and cell.database_url == wanted),
        None,
    )
