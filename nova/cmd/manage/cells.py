"""Cells: made, changed, removed, listed."""

from __future__ import annotations

import argparse

from groundwork.errors import Invalid, NotFound
from nova.cells import mappings
from nova.cells.mappings import Changes
from nova.cells.registry import CELL0_UUID
from nova.cells.templates import Urls, masked
from nova.cmd.manage.deployment import Deployment
from nova.cmd.manage.printing import attempt, print_table


def map_cell0(deployment: Deployment, given: argparse.Namespace) -> int:
    """Always 0; a cell0 that is there is left as it is.

    :raises Problem: the URL is none, or another cell has that database.
    """
    connection = given.database_connection or _default_of_cell0(deployment)
    _, is_new = mappings.map_cell0(deployment.api_database(), connection, local=deployment.local)
    if not is_new:
        print("Cell0 is already setup")
    return 0


def _default_of_cell0(deployment: Deployment) -> str:
    """``nova`` has ``nova_cell0`` beside it: the name that installation guides give to the database they make."""
    main = deployment.local.database_connection or deployment.api_connection
    connection, mark, parameters = main.partition("?")
    return f"{connection}_cell0{mark}{parameters}"


def create_cell(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: a URL is missing or bad. 2: another cell has one of them."""

    def work() -> None:
        cell = mappings.create_cell(
            deployment.api_database(),
            _urls(deployment, given),
            local=deployment.local,
            name=given.name,
            disabled=given.disabled,
        )
        if given.verbose:
            print(cell.uuid)

    return attempt(work, {Invalid: 1, mappings.UrlInUse: 2})


def _urls(deployment: Deployment, given: argparse.Namespace) -> Urls:
    return Urls(
        given.transport_url or deployment.local.transport_url,
        given.database_connection or deployment.local.database_connection,
    )


def update_cell(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: no such cell. 2: not possible. 3: URL of another cell. 4: both flags. 5: cell0 has no such state."""
    if given.enable and given.disable:
        print("Cell cannot be disabled and enabled at the same time.")
        return 4
    if given.cell_uuid == CELL0_UUID and (given.enable or given.disable):
        print("Cell0 cannot be disabled or enabled.")
        return 5

    # The configured URLs are those of an ordinary cell; cell0 would be lost under them.
    urls = Urls(given.transport_url or "", given.database_connection or "")
    if given.cell_uuid != CELL0_UUID:
        urls = _urls(deployment, given)
    changes = Changes(
        name=given.name,
        transport_url=urls.transport_url,
        database_connection=urls.database_connection,
        disabled=True if given.disable else False if given.enable else None,
    )

    def work() -> None:
        mappings.update_cell(
            deployment.api_database(), given.cell_uuid, changes, local=deployment.local
        )

    return attempt(work, {NotFound: 1, Invalid: 2, mappings.UrlInUse: 3})


def delete_cell(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: no such cell. 2: hosts, no force. 3: living servers. 4: mappings of deleted servers, no force."""

    def work() -> None:
        mappings.delete_cell(
            deployment.api_database(),
            given.cell_uuid,
            cell_database=deployment.database(deployment.cell(given.cell_uuid)),
            force=given.force,
        )

    exits = {
        NotFound: 1,
        mappings.HasHosts: 2,
        mappings.HasServers: 3,
        mappings.HasMappings: 4,
    }
    return attempt(work, exits)


def list_cells(deployment: Deployment, given: argparse.Namespace) -> int:
    """Always 0; URLs as they are stored, without passwords unless asked for."""
    show = str if given.verbose else masked
    cells = sorted(deployment.stored_cells(), key=lambda cell: (cell.name or "", cell.uuid))
    print_table(
        ("Name", "UUID", "Transport URL", "Database Connection", "Disabled"),
        [
            (
                cell.name,
                cell.uuid,
                show(cell.transport_url),
                show(cell.database_connection),
                cell.disabled,
            )
            for cell in cells
        ],
    )
    return 0
