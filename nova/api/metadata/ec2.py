"""EC2's metadata: a tree of small texts, walked path by path. Names and versions as Amazon documents them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from nova.api.metadata.guest import Guest

#: A directory or a text.
Node: TypeAlias = "Mapping[str, Node] | str | bytes"

VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)
LATEST = "latest"


def _short_id(prefix: str, uuid: str | None) -> str:
    """EC2 ids hold eight hexadecimal digits; those of the uuid are the same in every cell and at every time."""
    return f"{prefix}-{uuid.replace('-', '')[:8]}" if uuid else ""


def _first(addresses: list[str]) -> str:
    return addresses[0] if addresses else ""


def _local_ipv4(guest: Guest) -> str:
    return _first([a.address for a in guest.fixed_addresses if ":" not in a.address])


def _public_ipv4(guest: Guest) -> str:
    return _first([f for address in guest.fixed_addresses for f in address.floating])


def _public_keys(guest: Guest) -> Node:
    server = guest.server
    if not server.key_name:
        return ""
    return {f"0={server.key_name}": {"openssh-key": server.key_data or ""}}


def _block_devices(guest: Guest) -> Node:
    root = guest.server.root_device_name
    return {"ami": root.removeprefix("/dev/"), "root": root} if root else {}


_Reader: TypeAlias = Callable[[Guest], Node]

# name -> (version that brought it, how to tell it).
_FIELDS: Mapping[str, tuple[str, _Reader]] = {
    "ami-id": ("1.0", lambda g: _short_id("ami", g.server.image_ref)),
    "ami-launch-index": ("1.0", lambda g: str(g.server.launch_index)),
    # Images have no manifest here; clients expect a text all the same.
    "ami-manifest-path": ("1.0", lambda g: "(unknown)"),
    "hostname": ("1.0", lambda g: g.hostname),
    "instance-id": ("1.0", lambda g: _short_id("i", g.server.uuid)),
    "local-ipv4": ("1.0", _local_ipv4),
    "public-keys": ("1.0", _public_keys),
    "reservation-id": ("1.0", lambda g: g.server.reservation_id or ""),
    "security-groups": ("1.0", lambda g: "\n".join(g.server.security_groups)),
    "local-hostname": ("2007-01-19", lambda g: g.hostname),
    "public-hostname": ("2007-01-19", lambda g: g.hostname),
    "public-ipv4": ("2007-01-19", _public_ipv4),
    "instance-type": ("2007-08-29", lambda g: g.server.flavor.name),
    "ramdisk-id": ("2007-10-10", lambda g: _short_id("ari", g.server.ramdisk_id)),
    "block-device-mapping": ("2007-12-15", _block_devices),
    "kernel-id": ("2008-02-01", lambda g: _short_id("aki", g.server.kernel_id)),
    "placement": ("2008-02-01", lambda g: {"availability-zone": g.server.availability_zone or ""}),
    "instance-action": ("2008-09-01", lambda g: "none"),
}
# Clients take the presence of these for the presence of what they name.
_LEFT_OUT_WHEN_EMPTY = frozenset({"public-keys", "ramdisk-id", "kernel-id"})


def tree(guest: Guest, version: str) -> Mapping[str, Node]:
    """Everything below ``/{version}``.

    :param version: one of ``VERSIONS`` or ``LATEST``.
    """
    position = len(VERSIONS) if version == LATEST else VERSIONS.index(version)
    fields: dict[str, Node] = {}
    for name, (since, read) in sorted(_FIELDS.items()):
        if VERSIONS.index(since) > position:
            continue
        value = read(guest)
        if value or name not in _LEFT_OUT_WHEN_EMPTY:
            fields[name] = value
    found: dict[str, Node] = {"meta-data": fields}
    user_data = guest.user_data
    if user_data is not None:
        found["user-data"] = user_data
    return found


def walk(root: Mapping[str, Node], path: list[str]) -> Node | None:
    """The directory or text at ``path``, None when there is nothing.

    ``public-keys/0`` finds the entry that is listed as ``0=name``, as EC2 does.
    """
    node: Node = root
    for part in path:
        if not isinstance(node, Mapping):
            return None
        known = node.get(part)
        if known is None:
            known = next((node[name] for name in node if name.partition("=")[0] == part), None)
        if known is None:
            return None
        node = known
    return node


def listing(directory: Mapping[str, Node]) -> str:
    """A directory as EC2 lists it: one name per line, directories with a slash, keys without."""
    return "\n".join(
        f"{name}/" if isinstance(child, Mapping) and "=" not in name else name
        for name, child in directory.items()
    )
