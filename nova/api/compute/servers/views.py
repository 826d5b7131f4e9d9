"""How a server is shown, by microversion."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

import msgspec

from groundwork.operations import Call, Origin
from nova.api.changes import View, changed_in
from nova.api.links import Links
from nova.db.api.instance_mappings import KnownServer
from nova.db.cell.faults import Fault
from nova.domain.flavor import Flavor
from nova.domain.server import Server
from nova.lifecycle.states import status_of

_WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})

# Hints that may name one server or several; shown as lists however they were given.
_HINTS_OF_SERVERS = frozenset({"same_host", "different_host"})

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hrefs:
    """The beginnings of the URLs in an answer, put together once for all servers of a list."""

    servers: str
    server_bookmarks: str
    flavor_bookmarks: str
    image_bookmarks: str

    def of_server(self, uuid: str) -> list[dict[str, str]]:
        """The links of a server; its uuid needs no quoting."""
        return [
            {"rel": "self", "href": f"{self.servers}/{uuid}"},
            {"rel": "bookmark", "href": f"{self.server_bookmarks}/{uuid}"},
        ]


# Few flavors and images come by, on many servers.
_quoted = lru_cache(maxsize=4096)(partial(quote, safe=""))


@dataclass(frozen=True, slots=True)
class Sight:
    """What decides how much of servers this caller sees, and the pieces that many servers of an answer share."""

    hrefs: Hrefs
    #: Shown under the extended-attributes policy.
    extended: bool
    #: Shown under the flavor extra-specs policy.
    with_extra_specs: bool
    #: Details of faults with code 500 are for administrators.
    is_admin: bool
    #: Only a single server shows its groups.
    is_detail_of_one: bool = False
    # By identity, as flavors cannot be hashed; each is kept beside its piece, so that no other one takes its place.
    _flavors: dict[int, tuple[Flavor, Body]] = field(default_factory=dict)
    _images: dict[str, Body] = field(default_factory=dict)

    def flavor(self, flavor: Flavor) -> Body:
        """A flavor as embedded in servers (2.47); the same piece for all that have it, so not to be changed."""
        known = self._flavors.get(id(flavor))
        if known is None:
            body = embedded_flavor(flavor, with_extra_specs=self.with_extra_specs)
            known = self._flavors[id(flavor)] = (flavor, body)
        return known[1]

    def image(self, image_id: str) -> Body:
        """An image as shown in servers; one piece for all, like flavors."""
        known = self._images.get(image_id)
        if known is None:
            links = _bookmark(self.hrefs.image_bookmarks, image_id)
            known = self._images[image_id] = {"id": image_id, "links": links}
        return known


class Showing(msgspec.Struct, frozen=True):
    """A server about to be shown. A struct, as it is quickly made."""

    server: Server
    fault: Fault | None
    sight: Sight
    #: ``host_status`` when the caller may see it.
    host_status: str | None = None


class ServerView(View[Showing]):
    """The full view."""

    def __init__(self, *, links: Links, instance_name: Callable[[Server], str]) -> None:
        """``instance_name``: the server's name on its hypervisor."""
        self._links = links
        self._instance_name = instance_name

    def hrefs(self, origin: Origin) -> Hrefs:
        """The URLs that lead the client back the way it came."""
        links = self._links
        return Hrefs(
            servers=links.self_href(origin, "servers"),
            server_bookmarks=links.bookmark_href(origin, "servers"),
            flavor_bookmarks=links.bookmark_href(origin, "flavors"),
            image_bookmarks=links.bookmark_href(origin, "images"),
        )

    def start(self, shown: Showing) -> Body:
        """The body as of 2.1."""
        server, sight = shown.server, shown.sight
        status = status_of(server)
        body: Body = {
            "id": server.uuid,
            "name": server.display_name,
            "status": status,
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "metadata": server.metadata,
            "hostId": host_id(server),
            "image": sight.image(server.image_ref) if server.image_ref else "",
            "flavor": {
                "id": server.flavor.flavorid,
                "links": _bookmark(sight.hrefs.flavor_bookmarks, server.flavor.flavorid),
            },
            "created": seconds(server.created_at),
            "updated": seconds(server.updated_at or server.created_at),
            "addresses": {},
            "accessIPv4": server.access_ip_v4 or "",
            "accessIPv6": server.access_ip_v6 or "",
            "links": sight.hrefs.of_server(server.uuid),
            "OS-DCF:diskConfig": "AUTO" if server.auto_disk_config else "MANUAL",
            "OS-EXT-AZ:availability_zone": server.availability_zone or "",
            "config_drive": "True" if server.config_drive else "",
            "key_name": server.key_name,
            "OS-SRV-USG:launched_at": microseconds(server.launched_at),
            "OS-SRV-USG:terminated_at": microseconds(server.terminated_at),
            "OS-EXT-STS:task_state": server.task_state,
            "OS-EXT-STS:vm_state": server.vm_state,
            "OS-EXT-STS:power_state": server.power_state or 0,
            "os-extended-volumes:volumes_attached": [
                {"id": volume.volume_id} for volume in server.volumes
            ],
        }
        if status in _WITH_PROGRESS:
            body["progress"] = server.progress
        if server.security_groups:
            body["security_groups"] = [{"name": name} for name in server.security_groups]
        if status in ("ERROR", "DELETED") and shown.fault is not None:
            body["fault"] = _fault(shown)
        if sight.extended:
            body["OS-EXT-SRV-ATTR:host"] = server.host
            body["OS-EXT-SRV-ATTR:hypervisor_hostname"] = server.node
            body["OS-EXT-SRV-ATTR:instance_name"] = self._instance_name(server)
        return body

    @changed_in("2.3")
    def volumes_that_go_along(self, body: Body, shown: Showing) -> None:
        if shown.server.block_devices:
            for item, volume in zip(
                body["os-extended-volumes:volumes_attached"], shown.server.volumes, strict=True
            ):
                item["delete_on_termination"] = volume.delete_on_termination

    @changed_in("2.3")
    def extended_attributes(self, body: Body, shown: Showing) -> None:
        if not shown.sight.extended:
            return
        server = shown.server
        body |= {
            "OS-EXT-SRV-ATTR:reservation_id": server.reservation_id,
            "OS-EXT-SRV-ATTR:launch_index": server.launch_index,
            "OS-EXT-SRV-ATTR:hostname": server.hostname,
            "OS-EXT-SRV-ATTR:kernel_id": server.kernel_id or "",
            "OS-EXT-SRV-ATTR:ramdisk_id": server.ramdisk_id or "",
            "OS-EXT-SRV-ATTR:root_device_name": server.root_device_name,
            "OS-EXT-SRV-ATTR:user_data": server.user_data,
        }

    @changed_in("2.9")
    def locked(self, body: Body, shown: Showing) -> None:
        body["locked"] = shown.server.locked_by is not None

    @changed_in("2.16")
    def host_status(self, body: Body, shown: Showing) -> None:
        if shown.host_status is not None:
            body["host_status"] = shown.host_status

    @changed_in("2.19")
    def description(self, body: Body, shown: Showing) -> None:
        body["description"] = shown.server.display_description

    @changed_in("2.26")
    def tags(self, body: Body, shown: Showing) -> None:
        body["tags"] = list(shown.server.tags)

    @changed_in("2.47")
    def flavor_copy(self, body: Body, shown: Showing) -> None:
        body["flavor"] = shown.sight.flavor(shown.server.flavor)

    @changed_in("2.63")
    def trusted_certificates(self, body: Body, shown: Showing) -> None:
        certificates = shown.server.trusted_certs
        body["trusted_image_certificates"] = None if certificates is None else list(certificates)

    @changed_in("2.71")
    def server_groups(self, body: Body, shown: Showing) -> None:
        if shown.sight.is_detail_of_one:
            body["server_groups"] = groups_of(shown.server.scheduler_hints)

    @changed_in("2.73")
    def locked_reason(self, body: Body, shown: Showing) -> None:
        body["locked_reason"] = shown.server.locked_reason

    @changed_in("2.90")
    def hostname_for_all(self, body: Body, shown: Showing) -> None:
        body["OS-EXT-SRV-ATTR:hostname"] = shown.server.hostname

    @changed_in("2.96")
    def pinned_availability_zone(self, body: Body, shown: Showing) -> None:
        body["pinned_availability_zone"] = shown.server.pinned_availability_zone

    @changed_in("2.98")
    def image_properties(self, body: Body, shown: Showing) -> None:
        if body["image"]:
            body["image"] = body["image"] | {"properties": shown.server.image_properties}

    @changed_in("2.100")
    def scheduler_hints(self, body: Body, shown: Showing) -> None:
        hints = shown.server.scheduler_hints or {}
        body["scheduler_hints"] = {
            name: [value] if name in _HINTS_OF_SERVERS and isinstance(value, str) else value
            for name, value in hints.items()
        }


def _bookmark(prefix: str, name: str) -> list[dict[str, str]]:
    return [{"rel": "bookmark", "href": f"{prefix}/{_quoted(name)}"}]


def _fault(shown: Showing) -> Body:
    fault = shown.fault
    assert fault is not None
    body = {
        "code": fault.code,
        "created": seconds(fault.created_at),
        "message": fault.message,
    }
    if fault.details and (shown.sight.is_admin or fault.code != 500):
        body["details"] = fault.details
    return body


def host_id(server: Server) -> str:
    """Tells a project which of its servers share a host, without telling which host: SHA-224 of both names."""
    return _host_id(server.project_id, server.host) if server.host else ""


@lru_cache(maxsize=16384)
def _host_id(project_id: str, host: str) -> str:
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest()


def seconds(moment: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``; ``moment`` is UTC. (By way of JSON, as ``isoformat`` takes six times as long.)"""
    return f"{msgspec.json.encode(moment)[1:20].decode()}Z"


def microseconds(moment: datetime | None) -> str | None:
    """``YYYY-MM-DDTHH:MM:SS.ffffff``, without a zone letter."""
    if moment is None:
        return None
    # JSON leaves a fraction of nothing out.
    if not moment.microsecond:
        return f"{msgspec.json.encode(moment)[1:20].decode()}.000000"
    return msgspec.json.encode(moment)[1:27].decode()


def brief(hrefs: Hrefs, server: Server) -> Body:
    """The short form of ``GET /servers``."""
    return {
        "id": server.uuid,
        "name": server.display_name,
        "links": hrefs.of_server(server.uuid),
    }


def unreachable(links: Links, call: Call, known: KnownServer) -> Body:
    """A server whose cell does not answer (2.69), in the brief list."""
    return {
        "id": known.uuid,
        "status": "UNKNOWN",
        "links": links.of(call.origin, "servers", known.uuid),
    }


def unreachable_in_detail(links: Links, call: Call, known: KnownServer) -> Body:
    """The same in the detailed list."""
    return unreachable(links, call, known) | {
        "tenant_id": known.project_id,
        "created": seconds(known.created_at),
    }


def unreachable_alone(links: Links, call: Call, known: KnownServer) -> Body:
    """The same when it was asked for by its id: the request spec tells a little more."""
    body = unreachable_in_detail(links, call, known) | {
        "user_id": known.user_id,
        "OS-EXT-STS:power_state": 0,
    }
    spec = known.spec
    if spec is None:
        return body
    body["OS-EXT-AZ:availability_zone"] = spec.availability_zone or "UNKNOWN"
    body["image"] = (
        {"id": spec.image_id, "links": [links.bookmark(call.origin, "images", spec.image_id)]}
        if spec.image_id
        else ""
    )
    body["flavor"] = embedded_flavor(spec.flavor, with_extra_specs=True)
    if call.version >= (2, 71):
        body["server_groups"] = groups_of(spec.scheduler_hints)
    return body


def embedded_flavor(flavor: Flavor, *, with_extra_specs: bool) -> Body:
    """The copy of its flavor that a server shows (2.47)."""
    body: Body = {
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mb,
        "disk": flavor.root_gb,
        "ephemeral": flavor.ephemeral_gb,
        "swap": flavor.swap_mb,
        "original_name": flavor.name,
    }
    if with_extra_specs:
        body["extra_specs"] = dict(flavor.extra_specs)
    return body


def groups_of(scheduler_hints: Mapping[str, Any] | None) -> list[str]:
    """The server group that a server was created into: none or one."""
    group = (scheduler_hints or {}).get("group")
    return [group] if isinstance(group, str) else list(group or [])
