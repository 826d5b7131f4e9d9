"""Flavors as clients see them, by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.api.links import Link
from nova.domain.flavor import Flavor


@dataclass(frozen=True, slots=True)
class ShownFlavor:
    """A flavor on its way out. ``shows_extra_specs``: whether the caller may see them."""

    flavor: Flavor
    links: list[Link]
    shows_extra_specs: bool = False


class BriefView(View[ShownFlavor]):
    """An entry of the short list."""

    def start(self, shown: ShownFlavor) -> dict[str, Any]:
        return {"id": shown.flavor.flavorid, "name": shown.flavor.name, "links": shown.links}

    @changed_in("2.55")
    def _description(self, body: dict[str, Any], shown: ShownFlavor) -> None:
        body["description"] = shown.flavor.description


class FullView(View[ShownFlavor]):
    """A flavor with everything that there is to know."""

    def start(self, shown: ShownFlavor) -> dict[str, Any]:
        flavor = shown.flavor
        return {
            "id": flavor.flavorid,
            "name": flavor.name,
            "ram": flavor.memory_mb,
            "disk": flavor.root_gb,
            "vcpus": flavor.vcpus,
            # "Nothing" was an empty text at first.
            "swap": flavor.swap_mb or "",
            "rxtx_factor": flavor.rxtx_factor or "",
            "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gb,
            "OS-FLV-DISABLED:disabled": flavor.disabled,
            "os-flavor-access:is_public": flavor.is_public,
            "links": shown.links,
        }

    @changed_in("2.55")
    def _description(self, body: dict[str, Any], shown: ShownFlavor) -> None:
        body["description"] = shown.flavor.description

    @changed_in("2.61")
    def _extra_specs(self, body: dict[str, Any], shown: ShownFlavor) -> None:
        if shown.shows_extra_specs:
            body["extra_specs"] = dict(shown.flavor.extra_specs)

    @changed_in("2.75")
    def _swap_is_a_number(self, body: dict[str, Any], shown: ShownFlavor) -> None:
        body["swap"] = shown.flavor.swap_mb

    @changed_in("2.102")
    def _without_leftovers(self, body: dict[str, Any], shown: ShownFlavor) -> None:
        del body["rxtx_factor"], body["OS-FLV-DISABLED:disabled"]


def access_list(flavor: Flavor, projects: Sequence[str]) -> dict[str, Any]:
    """The projects that may use a private flavor."""
    return {
        "flavor_access": [
            {"flavor_id": flavor.flavorid, "tenant_id": project} for project in projects
        ]
    }
