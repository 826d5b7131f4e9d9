"""OpenStack's metadata: a few documents per dated version."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nova.api.metadata.guest import Guest
from nova.api.metadata.network_data import network_data

VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
)
LATEST = "latest"
PASSWORD = "password"


def listing(guest: Guest, version: str) -> list[str]:
    """The names below ``/openstack/{version}``."""
    names = [name for name, (since, _) in _DOCUMENTS.items() if _has(version, since)]
    if _has(version, "2013-04-04"):
        names.append(PASSWORD)
    if guest.user_data is None:
        names.remove("user_data")
    return names


def document(guest: Guest, version: str, name: str) -> bytes | None:
    """The bytes of one document, None when this version (or this guest) has no such document."""
    since, write = _DOCUMENTS.get(name, (None, None))
    if since is None or write is None or not _has(version, since):
        return None
    return write(guest, version)


def _has(version: str, since: str) -> bool:
    return version == LATEST or version >= since


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _meta_data(guest: Guest, version: str) -> bytes:
    server = guest.server
    found: dict[str, Any] = {
        "uuid": server.uuid,
        "name": server.display_name,
        "hostname": guest.hostname,
        "launch_index": server.launch_index,
        "availability_zone": server.availability_zone,
        "meta": dict(server.metadata),
    }
    if server.key_name:
        found["public_keys"] = {server.key_name: server.key_data}
        found["keys"] = [
            {"name": server.key_name, "type": _key_type(server.key_data), "data": server.key_data}
        ]
    if _has(version, "2013-04-04"):
        found["random_seed"] = base64.b64encode(guest.random_seed).decode()
    if _has(version, "2015-10-15"):
        found["project_id"] = server.project_id
    if _has(version, "2016-06-30"):
        found["devices"] = [
            {"type": "nic", "mac": nic.mac_address, "tags": [nic.tag]}
            for nic in guest.nics
            if nic.tag
        ]
    return _json(found)


def _key_type(data: str | None) -> str:
    """Key pairs may be gone when their server asks, so the type is read off the key itself."""
    return "x509" if data and data.lstrip().startswith("-----BEGIN CERTIFICATE") else "ssh"


def _user_data(guest: Guest, _version: str) -> bytes | None:
    return guest.user_data


def _vendor_data(guest: Guest, _version: str) -> bytes:
    return _json(guest.static_vendor_data or {})


def _vendor_data2(guest: Guest, _version: str) -> bytes:
    if guest.static_vendor_data is None:
        return _json({})
    return _json({"static": guest.static_vendor_data})


def _network_data(guest: Guest, _version: str) -> bytes:
    return _json(network_data(guest.nics))


_Writer = Callable[[Guest, str], bytes | None]
# name -> (version that brought it, how to write it).
_DOCUMENTS: Mapping[str, tuple[str, _Writer]] = {
    "meta_data.json": ("2012-08-10", _meta_data),
    "user_data": ("2012-08-10", _user_data),
    "vendor_data.json": ("2013-10-17", _vendor_data),
    "network_data.json": ("2015-10-15", _network_data),
    "vendor_data2.json": ("2016-10-06", _vendor_data2),
}
