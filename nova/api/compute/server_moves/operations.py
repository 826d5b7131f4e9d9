"""The actions that move a server to another host or flavor, and those that confirm or revert it."""

from __future__ import annotations

from functools import partial

from groundwork.database import Database
from groundwork.errors import Invalid, NotFound
from groundwork.operations import Answer, Call, operation
from nova.api.compute.server_moves import schemas
from nova.api.compute.servers.lookup import find_server
from nova.cells.servers import Located, Servers
from nova.db.api.flavors import Audience, find_flavor
from nova.domain.flavor import Flavor
from nova.lifecycle.resize_accept import MoveIntake

_HOST_NAMED = (2, 56)
_ERRORS = (400, 403, 404, 409, 503)


class ServerMoves:
    """The actions."""

    def __init__(self, *, servers: Servers, api_database: Database, intake: MoveIntake) -> None:
        self.find_server = partial(find_server, servers)
        self._database = api_database
        self._intake = intake

    @operation(
        "POST",
        "/servers/{id}/action",
        versions="2.1-",
        action="resize",
        policy="os_compute_api:servers:resize",
        body=schemas.RESIZE,
        success=202,
        errors=_ERRORS,
        subject="find_server",
    )
    def resize(self, call: Call, located: Located) -> Answer:
        """Resize a server to another flavor; it waits to be confirmed or reverted then."""
        asked = call.body["resize"]
        disk_config = asked.get("OS-DCF:diskConfig")
        self._intake.resize(
            call.context,
            located,
            self._flavor(call, str(asked["flavorRef"])),
            auto_disk_config=None if disk_config is None else disk_config == "AUTO",
        )
        return Answer()

    @operation(
        "POST",
        "/servers/{id}/action",
        versions="2.1-",
        action="confirmResize",
        policy="os_compute_api:servers:confirm_resize",
        body=schemas.CONFIRM,
        success=204,
        errors=_ERRORS,
        subject="find_server",
    )
    def confirm(self, call: Call, located: Located) -> Answer:
        """Confirm a resize or cold migration."""
        self._intake.confirm(call.context, located)
        return Answer()

    @operation(
        "POST",
        "/servers/{id}/action",
        versions="2.1-",
        action="revertResize",
        policy="os_compute_api:servers:revert_resize",
        body=schemas.REVERT,
        success=202,
        errors=_ERRORS,
        subject="find_server",
    )
    def revert(self, call: Call, located: Located) -> Answer:
        """Revert a resize or cold migration."""
        self._intake.revert(call.context, located)
        return Answer()

    @operation(
        "POST",
        "/servers/{id}/action",
        versions="2.1-",
        action="migrate",
        policy="os_compute_api:os-migrate-server:migrate",
        soft_policies=("os_compute_api:os-migrate-server:migrate:host",),
        body=schemas.MIGRATE,
        success=202,
        errors=_ERRORS,
        subject="find_server",
    )
    def migrate(self, call: Call, located: Located) -> Answer:
        """Migrate a server to another host while it is off; it waits to be confirmed or reverted then."""
        host = None
        if call.version >= _HOST_NAMED:
            host = (call.body["migrate"] or {}).get("host")
        if host is not None:
            call.authorize(
                "os_compute_api:os-migrate-server:migrate:host",
                {"project_id": located.project_id, "user_id": located.user_id},
            )
        self._intake.migrate(call.context, located, host)
        return Answer()

    def _flavor(self, call: Call, flavorid: str) -> Flavor:
        project_id = None if call.context.is_admin else call.context.project_id
        try:
            with self._database.read() as tx:
                flavor = find_flavor(tx, flavorid, audience=Audience(project_id))
        except NotFound as exc:
            raise Invalid(f"Flavor {flavorid} could not be found.") from exc
        if flavor.disabled:
            raise Invalid(f"Flavor {flavorid} could not be found.")
        return flavor
