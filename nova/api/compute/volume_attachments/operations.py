"""``/servers/{server_id}/os-volume_attachments``, reading."""

from __future__ import annotations

from functools import partial

from groundwork.errors import NotFound
from groundwork.operations import Answer, Call, operation
from nova.api.compute.servers.lookup import find_server
from nova.api.compute.volume_attachments import schemas
from nova.api.compute.volume_attachments.views import ShownAttachment, VolumeAttachmentView
from nova.cells.servers import Located, Servers

_RULE = "os_compute_api:os-volumes-attachments"


class VolumeAttachments:
    """The volumes of a server."""

    def __init__(self, *, servers: Servers) -> None:
        self.find_server = partial(find_server, servers)
        self._view = VolumeAttachmentView()

    @operation(
        "GET",
        "/servers/{server_id}/os-volume_attachments",
        versions="2.1-",
        policy=f"{_RULE}:index",
        subject="find_server",
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403, 404, 503),
    )
    def index(self, call: Call, located: Located) -> Answer:
        """List the volumes of a server."""
        volumes = located.server.volumes[int(call.query.get("offset", 0)) :]
        limit = int(call.query.get("limit", 0))
        shown = [
            self._view.show(call.version, ShownAttachment(located.server.uuid, device))
            for device in (volumes[:limit] if limit else volumes)
        ]
        return Answer({"volumeAttachments": shown})

    @operation(
        "GET",
        "/servers/{server_id}/os-volume_attachments/{id}",
        versions="2.1-",
        policy=f"{_RULE}:show",
        subject="find_server",
        query=schemas.SHOW_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 503),
    )
    def show(self, call: Call, located: Located) -> Answer:
        """Show a volume of a server."""
        uuid, volume_id = located.server.uuid, call.path["id"]
        found = next((each for each in located.server.volumes if each.volume_id == volume_id), None)
        if found is None:
            raise NotFound(f"Instance {uuid} is not attached to volume {volume_id}.")
        shown = self._view.show(call.version, ShownAttachment(uuid, found))
        return Answer({"volumeAttachment": shown})
