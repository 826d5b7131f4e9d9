"""How providers look on the wire."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Call
from placement.api.answers import path_to
from placement.api.microversion import since
from placement.records import Provider

# The things of a provider that its links lead to, by the version that knows the first of them.
_LINKED = (
    (0, ("inventories", "usages")),
    (1, ("aggregates",)),
    (6, ("traits",)),
    (11, ("allocations",)),
)


def show_provider(call: Call, provider: Provider) -> dict[str, Any]:
    """One provider."""
    path = path_to(call, "resource_providers", provider.uuid)
    links = [{"rel": "self", "href": path}]
    for minor, names in _LINKED:
        if since(call, minor):
            links += [{"rel": name, "href": f"{path}/{name}"} for name in names]
    body: dict[str, Any] = {
        "uuid": provider.uuid,
        "name": provider.name,
        "generation": provider.generation,
        "links": links,
    }
    if since(call, 14):
        body["parent_provider_uuid"] = provider.parent_uuid
        body["root_provider_uuid"] = provider.root_uuid
    return body
