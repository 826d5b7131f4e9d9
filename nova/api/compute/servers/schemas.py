"""What requests about servers may hold, by microversion."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import by_version
from nova.api.fields import BOOLEAN, COUNT, MAX_INT, NAME, lax, strict, wrapped

UUID = {"type": "string", "format": "uuid"}
IP = {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}
TAG = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": r"^[^,/\x00]*$"}
DESCRIPTION = {"type": ["string", "null"], "minLength": 0, "maxLength": 255, "format": "printable"}
FQDN = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-._]*$"}
HOSTNAME = {
    "type": "string",
    "minLength": 2,
    "maxLength": 63,
    "pattern": "^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$",
}
METADATA = {
    "type": "object",
    "patternProperties": {"^[a-zA-Z0-9-_:. ]{1,255}$": {"type": "string", "maxLength": 255}},
    "additionalProperties": False,
}
_TEXT = {"type": "string", "maxLength": 255}
_NUMBER = {"type": ["integer", "string"], "pattern": "^[0-9]*$", "minimum": 1, "minLength": 1}
CERTIFICATES = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1},
}
_HINTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "group": {"anyOf": [UUID, {"type": "array", "items": UUID}]},
        "different_host": {"anyOf": [UUID, {"type": "array", "items": UUID}]},
        "same_host": {"type": ["string", "array"], "items": UUID},
        "query": {"type": ["string", "object"]},
        "target_cell": NAME,
        "different_cell": {"type": ["string", "array"], "items": {"type": "string"}},
        "build_near_host_ip": IP,
        "cidr": {"type": "string", "pattern": "^/[0-9a-f.:]+$"},
    },
    "additionalProperties": True,
}
_DEVICE: dict[str, Any] = {
    "virtual_name": _TEXT,
    "volume_id": UUID,
    "snapshot_id": UUID,
    "volume_size": {
        "type": ["integer", "string"],
        "pattern": "^[0-9]+$",
        "minimum": 1,
        "maximum": MAX_INT,
    },
    "device_name": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[a-zA-Z0-9._/-]*$",
    },
    "delete_on_termination": BOOLEAN,
    "no_device": {},
    "connection_info": {"type": "string", "maxLength": 16_777_215},
}
_DEVICE_V2: dict[str, Any] = {
    **_DEVICE,
    "source_type": {"type": "string", "enum": ["volume", "image", "snapshot", "blank"]},
    "uuid": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._-]*$"},
    "image_id": UUID,
    "destination_type": {"type": "string", "enum": ["local", "volume"]},
    "guest_format": _TEXT,
    "device_type": _TEXT,
    "disk_bus": _TEXT,
    "boot_index": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$"},
}
_NETWORK: dict[str, Any] = {
    "fixed_ip": IP,
    "port": {"anyOf": [UUID, {"type": "null"}]},
    "uuid": {"type": "string"},
}


def _networks(**more: Any) -> dict[str, Any]:
    return {"type": "array", "items": strict({**_NETWORK, **more})}


def _devices(**more: Any) -> dict[str, Any]:
    return {"type": "array", "items": strict({**_DEVICE_V2, **more})}


_AT_2_1: dict[str, Any] = {
    "name": NAME,
    "imageRef": {"anyOf": [UUID, {"type": "string", "maxLength": 0}]},
    "flavorRef": {"type": ["string", "integer"], "minLength": 1},
    "adminPass": {"type": "string"},
    "metadata": METADATA,
    "networks": _networks(),
    "OS-DCF:diskConfig": {"type": "string", "enum": ["AUTO", "MANUAL"]},
    "accessIPv4": {"type": "string", "format": "ipv4"},
    "accessIPv6": {"type": "string", "format": "ipv6"},
    "personality": {
        "type": "array",
        "items": strict(
            {"path": {"type": "string"}, "contents": {"type": "string", "format": "base64"}}
        ),
    },
    "availability_zone": NAME,
    "block_device_mapping": {"type": "array", "items": strict(_DEVICE)},
    "block_device_mapping_v2": _devices(),
    "config_drive": BOOLEAN,
    "key_name": NAME,
    "min_count": _NUMBER,
    "max_count": _NUMBER,
    "return_reservation_id": BOOLEAN,
    "security_groups": {"type": "array", "items": lax({"name": NAME})},
    "user_data": {"type": "string", "maxLength": 65_535, "format": "base64"},
}
_NAMED_NETWORKS = {
    "anyOf": [
        _networks(uuid=UUID),
        {"type": "string", "enum": ["none", "auto"]},
    ]
}
_TAGGED_NETWORKS = {
    "anyOf": [
        _networks(uuid=UUID, tag=TAG),
        {"type": "string", "enum": ["none", "auto"]},
    ]
}


def _body(server: dict[str, Any], *required: str) -> Schema:
    """The whole body: the server, and scheduler hints under either of their names."""
    return strict(
        {
            "server": strict(server, required=required),
            "os:scheduler_hints": _HINTS,
            "OS-SCH-HNT:scheduler_hints": _HINTS,
        },
        required=("server",),
    )


def _history(*always: str) -> dict[str, Schema]:
    """One body schema for each version in which something changed; ``always`` are the keys that every one needs."""
    present = dict(_AT_2_1)
    found = {"2.1": _body(present, *always)}

    def change(version: str, *required: str, without: str | None = None, **new: Any) -> None:
        if without:
            del present[without]
        present.update(new)
        found[version] = _body(dict(present), *always, *required)

    change("2.19", description=DESCRIPTION)
    change(
        "2.32",
        networks=_networks(tag=TAG),
        block_device_mapping_v2=_devices(tag=TAG),
    )
    change("2.33", block_device_mapping_v2=_devices())
    change("2.37", "networks", networks=_NAMED_NETWORKS)
    change(
        "2.42",
        "networks",
        networks=_TAGGED_NETWORKS,
        block_device_mapping_v2=_devices(tag=TAG),
    )
    change("2.52", "networks", tags={"type": "array", "items": TAG, "maxItems": 50})
    change("2.57", "networks", without="personality")
    change("2.63", "networks", trusted_image_certificates=CERTIFICATES)
    change(
        "2.67",
        "networks",
        block_device_mapping_v2=_devices(
            tag=TAG, volume_type={**_TEXT, "type": ["string", "null"]}
        ),
    )
    change("2.74", "networks", host=FQDN, hypervisor_hostname=FQDN)
    change("2.90", "networks", hostname=HOSTNAME)
    change("2.94", "networks", hostname=FQDN)
    return found


CREATE = by_version(_history("name", "flavorRef"))
#: What would be created if this were not only asked about.
REHEARSE = by_version(_history("flavorRef"))

_STRINGS = {"type": "array", "items": {"type": "string"}}
# Some of them are compared only, but have to look like regular expressions all the same.
_REGEX = {"type": "array", "items": {"type": "string", "format": "regex"}}
_SEARCHED = {"type": "array", "items": {"type": "string", "format": "search-pattern"}}
_TIME = {"type": "array", "items": {"type": "string", "format": "date-time"}}

_SORT_KEYS = (
    "access_ip_v4 access_ip_v6 auto_disk_config availability_zone config_drive created_at "
    "display_description display_name host hostname image_ref instance_type_id kernel_id key_name "
    "launch_index launched_at locked_by node power_state progress project_id ramdisk_id "
    "root_device_name task_state terminated_at updated_at user_id uuid vm_state"
).split()
#: Accepted up to 2.74 and without effect (``locked`` has one since 2.73).
IGNORED_SORT_KEYS = (
    "architecture cell_name cleaned default_ephemeral_device default_swap_device deleted deleted_at "
    "disable_terminate ephemeral_gb ephemeral_key_uuid id key_data launched_on locked memory_mb "
    "os_type reservation_id root_gb shutdown_terminate user_data vcpus vm_mode"
).split()

_TEXT_KEYS = (
    "user_id project_id tenant_id launch_index image_ref image vm_state task_state host uuid "
    "sort_dir all_tenants soft_deleted deleted status block_device_mapping services metadata "
    "system_metadata info_cache security_groups pci_devices marker"
).split()
_REGEX_KEYS = (
    "kernel_id ramdisk_id power_state node flavor reservation_id locked_by root_device_name "
    "config_drive auto_disk_config progress"
).split()
_SEARCHED_KEYS = (
    "hostname key_name launched_at terminated_at availability_zone name display_name description "
    "display_description access_ip_v4 access_ip_v6 ip ip6 created_at"
).split()

_LIST_2_1: dict[str, Any] = {
    **dict.fromkeys(_TEXT_KEYS, _STRINGS),
    **dict.fromkeys(_REGEX_KEYS, _REGEX),
    **dict.fromkeys(_SEARCHED_KEYS, _SEARCHED),
    "sort_key": {"type": "array", "items": {"enum": [*_SORT_KEYS, *IGNORED_SORT_KEYS]}},
    "changes-since": _TIME,
    "limit": {**COUNT, "maxItems": 1000},
}
_TAG_KEYS = dict.fromkeys(("tags", "tags-any", "not-tags", "not-tags-any"), _REGEX)
_PRIVATE = {"^_": _STRINGS}


def _list(properties: dict[str, Any], *, is_strict: bool = False) -> dict[str, Any]:
    schema = strict(properties) if is_strict else lax(properties)
    return {**schema, "patternProperties": _PRIVATE}


_LIST_2_26 = {**_LIST_2_1, **_TAG_KEYS}
_LIST_2_66 = {**_LIST_2_26, "changes-before": _TIME}
_LIST_2_73 = {**_LIST_2_66, "locked": _STRINGS}
_LIST_2_75 = {
    **_LIST_2_73,
    "sort_key": {"type": "array", "items": {"enum": [*_SORT_KEYS, "locked"]}},
}

LIST_QUERY = by_version(
    {
        "2.1": _list(_LIST_2_1),
        "2.26": _list(_LIST_2_26),
        "2.66": _list(_LIST_2_66),
        "2.73": _list(_LIST_2_73),
        "2.75": _list(_LIST_2_75, is_strict=True),
    }
)
SHOW_QUERY = by_version({"2.1": lax({}), "2.75": strict({})})

_LINKS = {"type": "array", "items": lax({"rel": {"type": "string"}, "href": {"type": "string"}})}
LISTED = lax(
    {
        "servers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "links"],
                "properties": {"links": _LINKS},
            },
        },
        "servers_links": _LINKS,
    }
)
SHOWN = wrapped(
    "server",
    {
        "type": "object",
        "required": ["id", "status", "links"],
        "properties": {"id": UUID, "status": {"type": "string"}, "links": _LINKS},
    },
)
ACCEPTED = lax({"server": lax({"id": UUID, "links": _LINKS}), "reservation_id": {"type": "string"}})
