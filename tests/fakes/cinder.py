"""A small Block Storage API v3: volumes that exist from the start, and attachments to them as of 3.44."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

StartResponse = Callable[..., Any]
Answer = tuple[int, Any]


class FakeCinder:
    """A WSGI application. ``requests`` lists what changed something; ``refusals`` makes (method, path part) fail once
    each with that status.
    """

    def __init__(self) -> None:
        self.volumes: dict[str, dict[str, Any]] = {}
        self.attachments: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.refusals: list[tuple[str, str, int]] = []
        self._lock = threading.Lock()

    def add_volume(self, *, size: int = 1, bootable: bool = False, **more: Any) -> str:
        """An available volume; its id."""
        volume_id = str(uuid.uuid4())
        self.volumes[volume_id] = {
            "id": volume_id,
            "status": "available",
            "size": size,
            "bootable": str(bootable).lower(),
            "multiattach": False,
            "attachments": [],
            "volume_image_metadata": {},
            **more,
        }
        return volume_id

    def __call__(self, environ: Mapping[str, Any], start: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        path = re.sub(r"^(/v3)?(/[0-9a-f]{32})?(?=/)", "", environ["PATH_INFO"].rstrip("/"))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else None
        query = parse_qs(environ.get("QUERY_STRING", ""))
        with self._lock:
            if method != "GET":
                self.requests.append((method, path))
            assert environ.get("HTTP_OPENSTACK_API_VERSION") == "volume 3.44"
            status, answer = self._refusal(method, path) or self._answer(method, path, query, body)
        data = b"" if answer is None else json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        start(f"{status} X", headers)
        return [data]

    def _refusal(self, method: str, path: str) -> Answer | None:
        for refusal in self.refusals:
            if refusal[0] == method and refusal[1] in path:
                self.refusals.remove(refusal)
                return refusal[2], {}
        return None

    def _answer(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> Answer:
        parts = path.strip("/").split("/")
        match method, parts:
            case "GET", ["volumes", volume_id]:
                found = self.volumes.get(volume_id)
                return (200, {"volume": found}) if found else (404, {})
            case "DELETE", ["volumes", volume_id]:
                return self._delete_volume(volume_id)
            case "GET", ["attachments"]:
                [wanted] = query["volume_id"]
                own = [a for a in self.attachments.values() if a["volume_id"] == wanted]
                return 200, {"attachments": own}
            case "POST", ["attachments"]:
                return self._attach(**body["attachment"])
            case _, ["attachments", attachment_id, *_] if attachment_id in self.attachments:
                return self._change(method, self.attachments[attachment_id], body)
        return 404, {}

    def _attach(self, instance_uuid: str, volume_uuid: str) -> Answer:
        volume = self.volumes.get(volume_uuid)
        if volume is None:
            return 404, {}
        own = [a for a in self.attachments.values() if a["volume_id"] == volume_uuid]
        free = ("available", "in-use") if volume["multiattach"] else ("available",)
        # Another one for the same server, as when it moves; not while a host is on its way in.
        is_ours = any(a["instance"] == instance_uuid for a in own)
        if volume["status"] not in free and not (
            is_ours and volume["status"] in ("in-use", "reserved")
        ):
            return 400, {"badRequest": {"code": 400, "message": "Invalid volume"}}
        made = {
            "id": str(uuid.uuid4()),
            "status": "reserved",
            "instance": instance_uuid,
            "volume_id": volume_uuid,
            "connector": None,
        }
        self.attachments[made["id"]] = made
        self._settle(volume_uuid)
        return 200, {"attachment": made}

    def _change(self, method: str, attachment: dict[str, Any], body: Any) -> Answer:
        if method == "DELETE":
            del self.attachments[attachment["id"]]
            self._settle(attachment["volume_id"])
            return 200, {"attachments": []}
        if method == "PUT":
            connector = body["attachment"]["connector"]
            own = [
                a for a in self.attachments.values() if a["volume_id"] == attachment["volume_id"]
            ]
            is_shared = self.volumes[attachment["volume_id"]]["multiattach"]
            if len(own) > 1 and not is_shared and any(a["connector"] for a in own):
                return 409, {"conflictingRequest": {"code": 409, "message": "duplicate connectors"}}
            info = {"driver_volume_type": "fake", "data": {"host": connector["host"]}}
            attachment |= {"connector": connector, "status": "attaching", "connection_info": info}
            self._settle(attachment["volume_id"])
            return 200, {"attachment": attachment}
        assert body == {"os-complete": {}}
        attachment["status"] = "attached"
        self._settle(attachment["volume_id"])
        return 204, None

    def _delete_volume(self, volume_id: str) -> Answer:
        volume = self.volumes.get(volume_id)
        if volume is None:
            return 404, {}
        if volume["status"] != "available":
            return 400, {}
        del self.volumes[volume_id]
        return 202, None

    def _settle(self, volume_id: str) -> None:
        """The volume's status is that of its attachment that has come furthest."""
        shown = {"reserved": "reserved", "attaching": "attaching", "attached": "in-use"}
        own = {a["status"] for a in self.attachments.values() if a["volume_id"] == volume_id}
        furthest = next((s for s in ("attached", "attaching", "reserved") if s in own), None)
        self.volumes[volume_id]["status"] = shown[furthest] if furthest else "available"
