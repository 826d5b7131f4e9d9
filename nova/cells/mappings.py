"""Writing the mappings: cells made, changed and removed, hosts taken out of them.

What each of these refuses is decided in the transaction that would do it, so two operators cannot talk past each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry
from oslo_utils import uuidutils

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from nova.cells.registry import CELL0_UUID
from nova.cells.templates import Urls
from nova.db.api import cell_mappings, host_mappings
from nova.db.api.cell_mappings import CellMapping
from nova.db.cell import compute_nodes as node_queries
from nova.db.cell.models import compute_nodes, instances

# cell0 has no bus; its transport URL says so in every listing.
NO_BUS = "none:///"

# A host with its port, without its credentials; an IPv6 address has colons of its own.
_ADDRESS = re.compile(r"(\[[^\]]*\]|[^:]*)(:[0-9]*)?")

_LONGEST_NAME = 255

# Of a process that fills no placeholders.
_NO_URLS = Urls("", "")


class UrlInUse(Conflict):
    """Another cell has this database or bus."""


class HasHosts(Conflict):
    """Hosts are mapped to the cell."""


class HasServers(Conflict):
    """Servers live there."""


class HasMappings(Conflict):
    """Servers that do not live any more are still mapped to the cell."""


class HostElsewhere(Conflict):
    """The host is mapped to another cell."""


class HostNotFound(NotFound):
    """The host is mapped to no cell."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of a cell; None leaves it as it is."""

    name: str | None = None
    transport_url: str | None = None
    database_connection: str | None = None
    disabled: bool | None = None


def map_cell0(
    api_database: Database, database_connection: str, *, local: Urls = _NO_URLS
) -> tuple[CellMapping, bool]:
    """cell0, and whether it was made now; one that is there keeps its database. ``local`` fills placeholders.

    :raises Invalid: the URL is none.
    :raises UrlInUse: another cell has this database.
    """
    urls = Urls(NO_BUS, database_connection)

    def work(tx: Transaction) -> tuple[CellMapping, bool]:
        found = cell_mappings.find(tx, CELL0_UUID)
        if found is not None:
            return found, False
        _require_urls(urls.filled(local))
        _require_unused(cell_mappings.lock_cells(tx), urls, local)
        made = cell_mappings.insert(
            tx,
            uuid=CELL0_UUID,
            name="cell0",
            transport_url=NO_BUS,
            database_connection=database_connection,
        )
        return made, True

    try:
        return api_database.run(work)
    except DBDuplicateEntry:
        # Somebody else made it since we looked; a new transaction sees theirs.
        return api_database.run(work)


def create_cell(
    api_database: Database,
    urls: Urls,
    *,
    local: Urls,
    name: str | None = None,
    disabled: bool = False,
) -> CellMapping:
    """A new cell; ``local`` fills placeholders before URLs are compared.

    :raises Invalid: a URL is missing or is none, or the name is too long.
    :raises UrlInUse: another cell has one of the URLs.
    """
    _require_name(name)
    _require_urls(urls.filled(local))

    def work(tx: Transaction) -> CellMapping:
        _require_unused(cell_mappings.lock_cells(tx), urls, local)
        return cell_mappings.insert(
            tx,
            uuid=uuidutils.generate_uuid(),
            name=name,
            transport_url=urls.transport_url,
            database_connection=urls.database_connection,
            disabled=disabled,
        )

    return api_database.run(work)


def update_cell(api_database: Database, uuid: str, changes: Changes, *, local: Urls) -> CellMapping:
    """The cell as it is afterwards; running services use it within seconds.

    :raises NotFound: no such cell.
    :raises Invalid: a URL is none, the name is too long, or cell0 was to be enabled or disabled.
    :raises UrlInUse: another cell has one of the URLs.
    """
    _require_name(changes.name)

    def work(tx: Transaction) -> CellMapping:
        cells = cell_mappings.lock_cells(tx)
        changed = _changed(_pick(cells, uuid), changes)
        urls = Urls(changed.transport_url, changed.database_connection)
        _require_urls(urls.filled(local))
        _require_unused((cell for cell in cells if cell.uuid != uuid), urls, local)
        cell_mappings.update(tx, changed)
        return changed

    return api_database.run(work)


def delete_cell(
    api_database: Database, uuid: str, *, cell_database: Database, force: bool = False
) -> None:
    """Forget the cell; its database is left as it is, but its hosts can be discovered anew.

    ``force`` unmaps hosts and servers that do not live any more. A cell with living servers is never forgotten.

    :raises NotFound: no such cell.
    :raises HasHosts: and no ``force``.
    :raises HasServers: living ones.
    :raises HasMappings: of servers that do not live any more, and no ``force``.
    """
    living = _has_living_servers(cell_database)

    def work(tx: Transaction) -> tuple[str, ...]:
        cell = _pick(cell_mappings.lock_cells(tx), uuid)
        hosts = tuple(found.host for found in host_mappings.list_mappings(tx, cell_ids=[cell.id]))
        servers = cell_mappings.count_servers(tx, cell.id)
        if hosts and not force:
            raise HasHosts(f"There are existing hosts mapped to cell with uuid {uuid}.")
        if servers.living or living:
            raise HasServers(f"There are existing servers in the cell with uuid {uuid}.")
        if servers.all and not force:
            raise HasMappings(
                f"Servers that are deleted are still mapped to the cell with uuid {uuid}: run "
                "'nova-manage db archive_deleted_rows', or use --force."
            )
        for host in hosts:
            host_mappings.unmap_host(tx, host)
        cell_mappings.unmap_servers(tx, cell.id)
        cell_mappings.delete(tx, cell.id)
        return hosts

    for host in api_database.run(work):
        _let_discover(cell_database, host)


def delete_host(api_database: Database, uuid: str, host: str, *, cell_database: Database) -> None:
    """Take the host out of its cell; it can be discovered again when its service runs on.

    :raises NotFound: no such cell.
    :raises HostNotFound: the host is in no cell.
    :raises HostElsewhere: the host is in another cell.
    :raises HasServers: on that host.
    """

    def work(tx: Transaction) -> None:
        cell = _pick(cell_mappings.lock_cells(tx), uuid)
        found = host_mappings.find(tx, host)
        if found is None:
            raise HostNotFound(f"The host {host} was not found.", host=host)
        if found.cell_id != cell.id:
            raise HostElsewhere(f"The host {host} was not found in the cell {uuid}.", host=host)
        with cell_database.read() as cell_tx:
            if node_queries.count_servers(cell_tx, host):
                raise HasServers(f"There are servers on the host {host}.", host=host)
        host_mappings.unmap_host(tx, host)

    api_database.run(work)
    _let_discover(cell_database, host)


def _pick(cells: Iterable[CellMapping], uuid: str) -> CellMapping:
    for cell in cells:
        if cell.uuid == uuid:
            return cell
    raise NotFound(f"Cell with uuid {uuid} was not found.", cell=uuid)


def _changed(cell: CellMapping, changes: Changes) -> CellMapping:
    if changes.disabled is not None and cell.uuid == CELL0_UUID:
        raise Invalid("Cell0 cannot be enabled or disabled.")
    return replace(
        cell,
        name=cell.name if changes.name is None else changes.name,
        transport_url=changes.transport_url or cell.transport_url,
        database_connection=changes.database_connection or cell.database_connection,
        disabled=cell.disabled if changes.disabled is None else changes.disabled,
    )


def _require_name(name: str | None) -> None:
    if name is not None and len(name) > _LONGEST_NAME:
        raise Invalid(f"The name of a cell has at most {_LONGEST_NAME} characters.")


def _require_urls(urls: Urls) -> None:
    if not urls.transport_url:
        raise Invalid(
            "Must specify --transport-url or [DEFAULT]/transport_url in the configuration."
        )
    if not urls.database_connection:
        raise Invalid(
            "Must specify --database_connection or [database]/connection in the configuration."
        )
    for url in (urls.transport_url, urls.database_connection):
        if "://" not in url.lstrip(":/"):
            raise Invalid("A URL of the cell is invalid: it begins with no scheme and '://'.")
    if not _has_readable_addresses(urls.transport_url):
        raise Invalid(
            "The transport URL of the cell is invalid: the address or port of a host is none."
        )
    try:
        sa.make_url(urls.database_connection).get_dialect()
    except (sa.exc.ArgumentError, ValueError) as exc:
        # The text of the cause may hold the password.
        raise Invalid("The database connection URL of the cell is invalid.") from exc


def _has_readable_addresses(url: str) -> bool:
    """Whoever sends to the cell would stumble over the others, request by request."""
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        return False
    return all(_ADDRESS.fullmatch(host.rpartition("@")[2]) for host in netloc.split(","))


def _require_unused(others: Iterable[CellMapping], urls: Urls, local: Urls) -> None:
    wanted = urls.filled(local)
    for other in others:
        its = Urls(other.transport_url, other.database_connection).filled(local)
        if its.database_connection == wanted.database_connection or (
            its.transport_url == wanted.transport_url != NO_BUS
        ):
            raise UrlInUse(
                f"Cell {other.uuid} has the specified transport_url and/or database_connection already.",
                cell=other.uuid,
            )


def _has_living_servers(cell_database: Database) -> bool:
    """As the cell has it: a mapping may be marked before, or left after, what happens to its server."""
    with cell_database.read() as tx:
        query = sa.select(instances.c.id).where(instances.c.deleted == 0).limit(1)
        return tx.execute(query).first() is not None


def _let_discover(cell_database: Database, host: str) -> None:
    """Discovery looks at nodes that are not marked as mapped; without this the host would stay unseen for ever."""
    with cell_database.write() as tx:
        tx.execute(
            sa.update(compute_nodes).where(compute_nodes.c.host == host).values(mapped=False)
        )
