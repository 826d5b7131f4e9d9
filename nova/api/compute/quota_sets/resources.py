"""Which resources limits have names for on the wire, by version. Sizes in MiB and bytes as their names say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.operations import Schema
from nova.api.fields import MAX_INT, as_integer, strict, wrapped
from nova.quota.tally import UNLIMITED

SERVERS = ("cores", "instances", "key_pairs", "metadata_items", "ram")
GROUPS = ("server_groups", "server_group_members")
FILES = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
#: Neutron's since long: shown as unlimited, and whatever is set has no effect.
NETWORK = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")

#: A limit: a whole number, or its digits; -1 means unlimited.
LIMIT: Schema = {
    "type": ["integer", "string"],
    "pattern": "^-?[0-9]+$",
    "minimum": UNLIMITED,
    "maximum": MAX_INT,
}


def change_of(name: str, resources: tuple[str, ...], **more: Schema) -> Schema:
    """The body that sets some of these limits."""
    return wrapped(name, strict({**dict.fromkeys(resources, LIMIT), **more}))


def shown_as(name: str, resources: tuple[str, ...], value: Schema, *, with_id: bool) -> Schema:
    """The answer that shows all of these resources."""
    fields: dict[str, Any] = dict.fromkeys(resources, value)
    if with_id:
        fields["id"] = {"type": "string"}
    return wrapped(name, strict(fields, required=tuple(fields)))


def read_limits(body: Mapping[str, Any]) -> dict[str, int]:
    """The limits that a body sets, those of Neutron aside."""
    return {
        resource: as_integer(value, name=resource, schema=LIMIT)
        for resource, value in body.items()
        if resource in (*SERVERS, *GROUPS, *FILES)
    }


def show_limits(limits: Mapping[str, int], resources: tuple[str, ...]) -> dict[str, Any]:
    """Limits by their names on the wire."""
    return {resource: limits.get(resource, UNLIMITED) for resource in resources}
