"""How a volume attachment is shown, by microversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.domain.block_device import BlockDevice

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShownAttachment:
    """A volume of a server about to be shown."""

    server_uuid: str
    device: BlockDevice


class VolumeAttachmentView(View[ShownAttachment]):
    """The view."""

    def start(self, shown: ShownAttachment) -> Body:
        """The body as of 2.1."""
        device = shown.device
        body: Body = {
            "id": device.volume_id,
            "serverId": shown.server_uuid,
            "volumeId": device.volume_id,
        }
        if device.device_name:
            body["device"] = device.device_name
        return body

    @changed_in("2.70")
    def tag(self, body: Body, shown: ShownAttachment) -> None:
        body["tag"] = shown.device.tag

    @changed_in("2.79")
    def delete_on_termination(self, body: Body, shown: ShownAttachment) -> None:
        body["delete_on_termination"] = shown.device.delete_on_termination

    @changed_in("2.89")
    def records(self, body: Body, shown: ShownAttachment) -> None:
        del body["id"]
        body["attachment_id"] = shown.device.attachment_id
        body["bdm_uuid"] = shown.device.uuid
