"""Limits: what queries and answers look like, by version."""

from __future__ import annotations

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.fields import TEXTS, lax, strict, wrapped

_QUERY = {"tenant_id": TEXTS}
QUERY: ByVersion[Schema] = by_version({"2.1": lax(_QUERY), "2.75": strict(_QUERY)})

#: The name of each limit, and the resource whose limit it is; None: unlimited, as Neutron has its own.
_MOST: dict[str, str | None] = {
    "maxServerMeta": "metadata_items",
    "maxTotalCores": "cores",
    "maxTotalInstances": "instances",
    "maxTotalKeypairs": "key_pairs",
    "maxTotalRAMSize": "ram",
    "maxServerGroups": "server_groups",
    "maxServerGroupMembers": "server_group_members",
}
_IMAGE = {"maxImageMeta": "metadata_items"}
_FILES = {"maxPersonality": "injected_files", "maxPersonalitySize": "injected_file_content_bytes"}
_NETWORK: dict[str, str | None] = dict.fromkeys(
    ("maxSecurityGroupRules", "maxSecurityGroups", "maxTotalFloatingIps")
)
MOST: ByVersion[dict[str, str | None]] = by_version(
    {
        "2.1": {**_MOST, **_IMAGE, **_FILES, **_NETWORK},
        "2.36": {**_MOST, **_IMAGE, **_FILES},
        "2.39": {**_MOST, **_FILES},
        "2.57": _MOST,
    }
)

#: The name of each use, and the resource that is counted; None: nothing here uses it.
_USED: dict[str, str | None] = {
    "totalCoresUsed": "cores",
    "totalInstancesUsed": "instances",
    "totalRAMUsed": "ram",
    "totalServerGroupsUsed": "server_groups",
}
_NETWORK_USED: dict[str, str | None] = dict.fromkeys(
    ("totalSecurityGroupsUsed", "totalFloatingIpsUsed")
)
USED: ByVersion[dict[str, str | None]] = by_version(
    {"2.1": {**_USED, **_NETWORK_USED}, "2.36": _USED}
)

_NUMBER = {"type": "integer", "minimum": -1}
_ABSOLUTE = {"type": "object", "additionalProperties": _NUMBER}
SHOWN: Schema = wrapped(
    "limits",
    strict(
        {"rate": {"type": "array", "maxItems": 0}, "absolute": _ABSOLUTE},
        required=("rate", "absolute"),
    ),
)
