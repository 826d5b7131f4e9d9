"""From the body of ``POST /servers`` to a checked create request.

The order of checks is that of the wire: what the body says about itself, then what it names (flavor, image, key pair,
zone, host), then policies on what it asks for.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from groundwork.columns import now
from groundwork.database import Database
from groundwork.errors import Forbidden, Invalid, NotFound, OverQuota
from groundwork.operations import Call
from groundwork.versions import Version
from nova.api.compute.server_tags.tags import to_tags
from nova.api.compute.servers.block_devices import check_sizes, read_devices, root_volume
from nova.api.compute.servers.boot_source import BootSource
from nova.api.compute.servers.injected_files import check_files, read_files
from nova.api.fields import as_boolean
from nova.clients.glance import Image
from nova.db.api import aggregates, host_mappings, server_groups
from nova.db.api.flavors import Audience, find_flavor
from nova.db.api.key_pairs import find_key_pair
from nova.domain.flavor import Flavor
from nova.domain.injected_file import InjectedFile
from nova.domain.numa_reading import numa_request_of
from nova.domain.pci_aliases import Alias, pci_requests_of
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.domain.server_group import ServerGroup
from nova.lifecycle.accept import CreateRequest
from nova.lifecycle.states import TaskState, VmState
from nova.lifecycle.upgrades import Upgrades
from nova.quota.limits import Limits
from nova.quota.tally import UNLIMITED

# Letters and digits that people do not confuse, as generated passwords have always had.
_LETTERS = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1Il")

_REQUIRED_NETWORKS = Version(2, 37)


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """What the operator decides about creates."""

    password_length: int = 12
    default_schedule_zone: str | None = None
    default_availability_zone: str = "nova"
    pci_aliases: Mapping[str, Alias] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the user wants the server."""

    zone: str | None = None
    forced_host: str | None = None
    forced_node: str | None = None
    requested_host: str | None = None
    requested_node: str | None = None


class CreateRequests:
    """Reads create bodies."""

    def __init__(
        self,
        *,
        api_database: Database,
        boot_source: BootSource,
        limits: Limits,
        upgrades: Upgrades,
        options: CreateOptions,
    ) -> None:
        self._database = api_database
        self._boot_source = boot_source
        self._limits = limits
        self._upgrades = upgrades
        self._options = options

    def read(self, call: Call) -> CreateRequest:
        """The request that the body makes.

        :raises Invalid: something in it makes no sense or does not exist.
        :raises Forbidden: the caller may not ask for something in it.
        :raises OverQuota: too much metadata or too many files.
        :raises Conflict: there is a compute that could not build it yet.
        """
        body: Mapping[str, Any] = call.body["server"]
        hints = call.body.get("os:scheduler_hints") or call.body.get("OS-SCH-HNT:scheduler_hints")
        min_count, max_count = _counts(body)
        _check_networks(call, body)
        files = read_files(body.get("personality", ()))
        self._check_quantities(call, body, files)
        flavor = self._flavor(call, str(body["flavorRef"]))
        devices = read_devices(body)
        check_sizes(devices, flavor)
        is_volume_backed = root_volume(devices) is not None
        image = self._boot_source.find(call, body.get("imageRef") or None, devices, max_count)
        _check_fit(call, flavor, image, is_volume_backed=is_volume_backed)
        # For what it refuses: what the server wants of NUMA nodes is read again from flavor and image where it matters.
        numa_request_of(flavor, image.properties)
        pci_requests = pci_requests_of(flavor, image.properties, self._options.pci_aliases)
        placing = self._placing(call, body)
        group = self._group(call, (hints or {}).get("group"))
        template = replace(
            self._template(call, body, flavor, image, placing, hints), block_devices=devices
        )
        spec = RequestSpec(
            project_id=template.project_id,
            user_id=template.user_id,
            flavor=flavor,
            image_id=image.id or None,
            is_volume_backed=is_volume_backed,
            image_properties=template.image_properties,
            availability_zone=placing.zone,
            forced_host=placing.forced_host,
            forced_node=placing.forced_node,
            requested_host=placing.requested_host,
            requested_node=placing.requested_node,
            scheduler_hints=hints or {},
            group=group,
            pci_requests=pci_requests,
        )
        self._upgrades.require_buildable(template, spec, files)
        return CreateRequest(
            template=template,
            spec=spec,
            min_count=min_count,
            max_count=max_count,
            admin_password=body.get("adminPass") or self._password(),
            files=files,
            has_own_hostname="hostname" in body,
        )

    def _template(
        self,
        call: Call,
        body: Mapping[str, Any],
        flavor: Flavor,
        image: Image,
        placing: Placing,
        hints: Mapping[str, Any] | None,
    ) -> Server:
        # Only what is not going to be created comes without a name.
        name = body.get("name", "").strip()
        key_name, key_data = self._key(call, body.get("key_name"))
        groups = tuple(
            group["name"] for group in body.get("security_groups", ()) if "name" in group
        )
        certificates = body.get("trusted_image_certificates")
        if certificates is not None:
            call.authorize("os_compute_api:servers:create:trusted_certs")
        return Server(
            uuid="",
            project_id=call.context.project,
            user_id=call.context.user,
            display_name=name,
            # Up to 2.18 the description is the name.
            display_description=body.get("description") if call.version >= (2, 19) else name,
            hostname=body.get("hostname"),
            flavor=flavor,
            vm_state=VmState.BUILDING,
            task_state=TaskState.SCHEDULING,
            created_at=now(),
            availability_zone=placing.zone,
            pinned_availability_zone=placing.zone,
            image_ref=image.id or None,
            image_properties=_image_properties(image),
            kernel_id=image.properties.get("kernel_id"),
            ramdisk_id=image.properties.get("ramdisk_id"),
            key_name=key_name,
            key_data=key_data,
            user_data=body.get("user_data"),
            config_drive=as_boolean(body.get("config_drive", False)),
            reservation_id="r-"
            + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8)),
            access_ip_v4=body.get("accessIPv4"),
            access_ip_v6=body.get("accessIPv6"),
            auto_disk_config=body.get("OS-DCF:diskConfig", "AUTO") == "AUTO",
            metadata=dict(body.get("metadata", {})),
            security_groups=groups or ("default",),
            scheduler_hints=hints,
            trusted_certs=None if certificates is None else tuple(certificates),
            tags=to_tags(body.get("tags", ())),
        )

    def _flavor(self, call: Call, flavorid: str) -> Flavor:
        project_id = None if call.context.is_admin else call.context.project_id
        try:
            with self._database.read() as tx:
                return find_flavor(tx, flavorid, audience=Audience(project_id))
        except NotFound as exc:
            raise Invalid(f"Flavor {flavorid} could not be found.") from exc

    def _key(self, call: Call, name: str | None) -> tuple[str | None, str | None]:
        if name is None:
            return None, None
        try:
            with self._database.read() as tx:
                pair = find_key_pair(tx, call.context.user, name)
        except NotFound as exc:
            raise Invalid("Invalid key_name provided.") from exc
        return pair.name, pair.public_key

    def _group(self, call: Call, named: str | list[str] | None) -> ServerGroup | None:
        """The server group that the hint ``group`` names: a uuid, or a list of one."""
        names = [named] if isinstance(named, str) else list(named or ())
        if not names:
            return None
        if len(names) > 1:
            raise Invalid("A server can be in one server group only.")
        with self._database.read() as tx:
            found = server_groups.find(tx, names[0])
        is_seen = found is not None and (
            call.context.is_admin or found.project_id == call.context.project_id
        )
        if found is None or not is_seen:
            raise Invalid(f"Instance group {names[0]} could not be found.")
        return found.without_members()

    def _placing(self, call: Call, body: Mapping[str, Any]) -> Placing:
        zone, host, node = _split_zone(body.get("availability_zone"))
        requested_host = body.get("host")
        requested_node = body.get("hypervisor_hostname")
        if requested_host or requested_node:
            call.authorize("compute:servers:create:requested_destination")
            if host or node:
                raise Invalid(
                    "Requested host or hypervisor_hostname cannot be given together with a zone "
                    "of the form zone:host:node."
                )
        if host or node:
            call.authorize("os_compute_api:servers:create:forced_host")
        zone = zone or self._options.default_schedule_zone
        with self._database.read() as tx:
            known = aggregates.zone_names(tx) | {self._options.default_availability_zone}
            if zone and zone not in known:
                raise Invalid("The requested availability zone is not available")
            for name in (host, requested_host):
                if name and host_mappings.find(tx, name) is None:
                    raise Invalid(f"Compute host {name} could not be found.")
        return Placing(zone, host, node, requested_host, requested_node)

    def _check_quantities(
        self, call: Call, body: Mapping[str, Any], files: tuple[InjectedFile, ...]
    ) -> None:
        """Metadata keys and injected files against the limits of the project and the user."""
        metadata, whose = body.get("metadata", {}), (call.context.project, call.context.user)
        if metadata:
            limit = self._limits.metadata_items(*whose)
            if limit != UNLIMITED and len(metadata) > limit:
                raise OverQuota(f"Maximum number of metadata items exceeds {limit}")
        if files:
            check_files(files, self._limits.injected_files(*whose))

    def _password(self) -> str:
        return "".join(secrets.choice(_LETTERS) for _ in range(self._options.password_length))


def _counts(body: Mapping[str, Any]) -> tuple[int, int]:
    low = int(body.get("min_count", 1))
    high = int(body.get("max_count", low))
    for name, value in (("min_count", low), ("max_count", high)):
        if value < 1:
            raise Invalid(
                f"Invalid input for field/attribute {name}. Value: {value}. "
                f"{value} is less than the minimum of 1"
            )
    if low > high:
        raise Invalid("min_count must be <= max_count")
    return low, high


def _check_networks(call: Call, body: Mapping[str, Any]) -> None:
    """Servers without network are all there is until a network service is configured."""
    networks = body.get("networks")
    if networks is None or networks == "none" or networks == []:
        return
    call.authorize("os_compute_api:servers:create:attach_network")
    if networks != "auto":
        raise Invalid("Networks or ports cannot be attached: no network service is configured.")


def _check_fit(call: Call, flavor: Flavor, image: Image, *, is_volume_backed: bool) -> None:
    if flavor.disabled:
        raise Invalid(f"Flavor {flavor.flavorid} could not be found.")
    if image.min_ram_mb > flavor.memory_mb:
        raise Invalid("Flavor's memory is too small for requested image.")
    if is_volume_backed:
        # The flavor's disk is not used.
        return
    if flavor.root_gb == 0:
        if not call.can("os_compute_api:servers:create:zero_disk_flavor"):
            raise Forbidden("Only volume-backed servers are allowed for flavors with zero disk.")
        return
    if image.min_disk_gb > flavor.root_gb:
        raise Invalid(
            f"Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk "
            f"is {flavor.root_gb << 30} bytes, minimum size is {image.min_disk_gb << 30} bytes."
        )
    if image.size_bytes is not None and image.size_bytes > flavor.root_gb << 30:
        raise Invalid(
            f"Flavor's disk is too small for requested image. Flavor disk is "
            f"{flavor.root_gb << 30} bytes, image is {image.size_bytes} bytes."
        )


def _image_properties(image: Image) -> dict[str, str]:
    """What the server keeps of its image, with the sizes that later operations look at."""
    return {
        **image.properties,
        "min_ram": str(image.min_ram_mb),
        "min_disk": str(image.min_disk_gb),
        **{
            name: value
            for name, value in (
                ("disk_format", image.disk_format),
                ("container_format", image.container_format),
            )
            if value
        },
    }


def _split_zone(text: str | None) -> tuple[str | None, str | None, str | None]:
    """``zone``, ``zone:host``, ``zone:host:node`` or ``zone::node``."""
    if text is None or ":" not in text:
        return text, None, None
    parts = text.split(":")
    if len(parts) > 3:
        raise Invalid("Unable to parse availability_zone")
    zone, host, node = [part or None for part in [*parts, ""][:3]]
    return zone, host, node
