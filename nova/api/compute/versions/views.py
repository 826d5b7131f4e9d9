"""The versions as clients see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nova.api.dialect import MAX_VERSION, MIN_VERSION


@dataclass(frozen=True, slots=True)
class Offered:
    """One major version that the service offers, below ``prefix``."""

    id: str
    prefix: str
    status: str
    version: str
    min_version: str
    updated: str
    media_version: str


# /v2 has no microversions, which is told by empty texts.
V20 = Offered("v2.0", "/v2", "DEPRECATED", "", "", "2025-07-04T12:00:00Z", "2")
V21 = Offered(
    "v2.1", "/v2.1", "CURRENT", str(MAX_VERSION), str(MIN_VERSION), "2013-07-23T11:33:21Z", "2.1"
)
OFFERED = (V20, V21)


def listed(offered: Offered, root: str) -> dict[str, Any]:
    """An entry of ``GET /``; ``root`` is the URL under which the versions stand."""
    return {
        "id": offered.id,
        "status": offered.status,
        "version": offered.version,
        "min_version": offered.min_version,
        "updated": offered.updated,
        "links": [{"rel": "self", "href": f"{root}{offered.prefix}/"}],
    }


def document(offered: Offered, root: str) -> dict[str, Any]:
    """The document of one version."""
    shown = listed(offered, root)
    shown["links"].append(
        {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}
    )
    shown["media-types"] = _media_types(offered)
    return {"version": shown}


def choice(offered: Offered, root: str, path: str) -> dict[str, Any]:
    """An entry of the answer to a path without a version: the same path under this one."""
    return {
        "id": offered.id,
        "status": offered.status,
        "links": [{"rel": "self", "href": f"{root}{offered.prefix}{quote(path)}"}],
        "media-types": _media_types(offered),
    }


def _media_types(offered: Offered) -> list[dict[str, str]]:
    kind = f"application/vnd.openstack.compute+json;version={offered.media_version}"
    return [{"base": "application/json", "type": kind}]
