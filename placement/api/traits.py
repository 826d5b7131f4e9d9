"""``/traits`` and ``/resource_providers/{uuid}/traits``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from placement.api import shapes
from placement.api.answers import cache_headers, location, shown, written
from placement.inventory.traits import Carried, Traits
from placement.records import Named, TraitQuery

_CUSTOM = re.compile(shapes.CUSTOM_NAME)
_NAMES = {"type": "array", "items": shapes.TRAIT, "uniqueItems": True}
_CARRIED = shapes.body({"traits": _NAMES, "resource_provider_generation": shapes.GENERATION})
_LISTED = shapes.body({"traits": _NAMES})
# What their values may be is checked where they are read, to tell it in words that need no regular expressions.
_SEARCH = shapes.query({"name": shapes.TEXT, "associated": shapes.TEXT})


class TraitOperations:
    """All traits there are."""

    def __init__(self, *, traits: Traits) -> None:
        self._traits = traits

    @operation(
        "GET",
        "/traits",
        versions="1.6-",
        policy="placement:traits:list",
        query=_SEARCH,
        response=_LISTED,
        errors=(400, 403, 406),
    )
    def search(self, call: Call) -> Answer:
        """List the traits that meet all conditions of the query."""
        found = self._traits.search(_parse(call))
        return shown(call, {"traits": [one.name for one in found]}, changed_at=_newest(found))

    @operation(
        "GET",
        "/traits/{name}",
        versions="1.6-",
        policy="placement:traits:show",
        query=shapes.NO_QUERY,
        success=204,
        errors=(403, 404),
    )
    def show(self, call: Call) -> Answer:
        """Tell whether a trait exists."""
        found = self._traits.show(call.path["name"])
        return Answer(headers=cache_headers(call, found.updated_at))

    @operation(
        "PUT",
        "/traits/{name}",
        versions="1.6-",
        policy="placement:traits:update",
        query=shapes.NO_QUERY,
        success=201,
        errors=(400, 403),
    )
    def ensure(self, call: Call) -> Answer:
        """Make a trait unless it is there (204)."""
        name = call.path["name"]
        if not _CUSTOM.fullmatch(name) or len(name) > 255:
            raise Invalid(
                "The trait is invalid. A valid trait must be no longer than 255 characters, start with the "
                'prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"'
            )
        found, made = self._traits.ensure(name)
        headers = {**location(call, "traits", name), **cache_headers(call, found.updated_at)}
        return Answer(status=201 if made else 204, headers=headers)

    @operation(
        "DELETE",
        "/traits/{name}",
        versions="1.6-",
        policy="placement:traits:delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(400, 403, 404, 409),
    )
    def delete(self, call: Call) -> Answer:
        """Remove a trait that no provider carries."""
        self._traits.delete(call.path["name"])
        return Answer()


class ProviderTraitOperations:
    """The traits that a provider carries."""

    def __init__(self, *, traits: Traits) -> None:
        self._traits = traits

    @operation(
        "GET",
        "/resource_providers/{uuid}/traits",
        versions="1.6-",
        policy="placement:resource_providers:traits:list",
        query=shapes.NO_QUERY,
        response=_CARRIED,
        errors=(403, 404, 406),
    )
    def show(self, call: Call) -> Answer:
        """List the traits that a provider carries."""
        carried = self._traits.of_provider(call.path["uuid"])
        return shown(call, _show(carried), changed_at=_newest(carried.traits))

    @operation(
        "PUT",
        "/resource_providers/{uuid}/traits",
        versions="1.6-",
        policy="placement:resource_providers:traits:update",
        query=shapes.NO_QUERY,
        body=_CARRIED,
        response=_CARRIED,
        errors=(400, 403, 404, 409, 415),
    )
    def replace(self, call: Call) -> Answer:
        """Replace the traits that a provider carries."""
        generation = int(call.body["resource_provider_generation"])
        carried = self._traits.set_of_provider(
            call.path["uuid"], call.body["traits"], generation=generation
        )
        return written(call, _show(carried), changed_at=_newest(carried.traits))

    @operation(
        "DELETE",
        "/resource_providers/{uuid}/traits",
        versions="1.6-",
        policy="placement:resource_providers:traits:delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(403, 404, 409),
    )
    def delete(self, call: Call) -> Answer:
        """Take all traits from a provider."""
        self._traits.set_of_provider(call.path["uuid"], (), generation=None)
        return Answer()


def _parse(call: Call) -> TraitQuery:
    name, associated = call.query.get("name"), call.query.get("associated")
    kind, _, value = (name or "").partition(":")
    if name is not None and (kind not in ("in", "startswith") or not value):
        raise Invalid(
            "Badly formatted name parameter. Expected name query string parameter in form: "
            f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{name}"'
        )
    if associated is not None and associated.lower() not in ("true", "false"):
        raise Invalid('The query parameter "associated" only accepts "true" or "false"')
    return TraitQuery(
        names=frozenset(value.split(",")) if kind == "in" else None,
        prefix=value if kind == "startswith" else None,
        associated=None if associated is None else associated.lower() == "true",
    )


def _show(carried: Carried) -> dict[str, Any]:
    return {
        "traits": [one.name for one in carried.traits],
        "resource_provider_generation": carried.generation,
    }


def _newest(found: Iterable[Named]) -> datetime | None:
    return max((one.updated_at for one in found), default=None)
