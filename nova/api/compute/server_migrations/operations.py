"""``/servers/{server_id}/migrations``, reading."""

from __future__ import annotations

from functools import partial

from groundwork.errors import NotFound
from groundwork.operations import Answer, Call, operation
from nova.api.compute.server_migrations import schemas
from nova.api.compute.server_migrations.views import ServerMigrationView, ShownProgress
from nova.api.compute.servers.lookup import ask_cell_of, find_server
from nova.cells.scatter import Scatter
from nova.cells.servers import Located, Servers
from nova.db.cell import server_migrations

# The largest number that a row of the databases can have.
_DIGITS = 18


class ServerMigrations:
    """Live migrations of a server that have not ended."""

    def __init__(self, *, servers: Servers, scatter: Scatter) -> None:
        self.find_server = partial(find_server, servers)
        self._scatter = scatter
        self._view = ServerMigrationView()

    @operation(
        "GET",
        "/servers/{server_id}/migrations",
        versions="2.23-",
        policy="os_compute_api:servers:migrations:index",
        soft_policies=("os_compute_api:servers:migrations:index:host",),
        subject="find_server",
        query=schemas.QUERY,
        response=schemas.LISTED,
        errors=(400, 403, 404, 503),
    )
    def list(self, call: Call, located: Located) -> Answer:
        """List the live migrations of a server that are in progress."""
        found = ask_cell_of(
            self._scatter,
            located,
            lambda tx: server_migrations.live_in_progress(tx, located.server.uuid),
        )
        shows_hosts = call.can(
            "os_compute_api:servers:migrations:index:host", {"project_id": located.project_id}
        )
        shown = [
            self._view.show(call.version, ShownProgress(migration, shows_hosts))
            for migration in found or ()
        ]
        return Answer({"migrations": shown})

    @operation(
        "GET",
        "/servers/{server_id}/migrations/{id}",
        versions="2.23-",
        policy="os_compute_api:servers:migrations:show",
        subject="find_server",
        query=schemas.QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 503),
    )
    def show(self, call: Call, located: Located) -> Answer:
        """Show a live migration of a server that is in progress."""
        text, uuid = call.path["id"], located.server.uuid
        found = None
        if text.isascii() and text.isdigit() and len(text) <= _DIGITS:
            number = int(text)
            found = ask_cell_of(
                self._scatter,
                located,
                lambda tx: server_migrations.find_of_server(tx, uuid, number),
            )
        if found is None:
            raise NotFound(f"Migration {text} for server {uuid} could not be found.")
        if not found.is_live_in_progress:
            raise NotFound(f"Migration {text} for server {uuid} is not live-migration in progress.")
        return Answer({"migration": self._view.show(call.version, ShownProgress(found, True))})
