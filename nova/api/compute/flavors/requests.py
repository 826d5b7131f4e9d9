"""What requests on flavors mean: bodies and queries as values of the lifecycle and the database."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from groundwork.errors import Invalid
from groundwork.operations import Call
from nova.api.compute.flavors import schemas
from nova.api.fields import as_boolean, as_integer, refused
from nova.api.paging import Paging, sort_of
from nova.db.api.flavor_pages import FlavorQuery
from nova.db.api.flavors import EVERYBODY, Audience
from nova.domain.flavor import Flavor

# The query string takes more spellings than bodies do.
_TRUE = frozenset({"t", "true", "on", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "off", "n", "no", "0"})


def audience_of(call: Call) -> Audience:
    """Admins see every flavor; others public ones and those shared with their project."""
    if call.context.is_admin:
        return EVERYBODY
    # A caller without a project shares nothing with anybody.
    return Audience(project_id=call.context.project_id or "")


def flavor_of(body: Mapping[str, Any]) -> Flavor:
    """The flavor that a create request describes.

    :raises Invalid: a number given as text is out of range.
    """
    return Flavor(
        flavorid=_id(body.get("id")),
        name=body["name"],
        memory_mb=as_integer(body["ram"], name="ram", schema=schemas.MEMORY_MB),
        vcpus=as_integer(body["vcpus"], name="vcpus", schema=schemas.VCPUS),
        root_gb=as_integer(body["disk"], name="disk", schema=schemas.SIZE),
        ephemeral_gb=_size(body, "OS-FLV-EXT-DATA:ephemeral"),
        swap_mb=_size(body, "swap"),
        rxtx_factor=_rxtx_factor(body),
        is_public=as_boolean(body.get("os-flavor-access:is_public", True)),
        description=body.get("description"),
    )


def query_of(call: Call, paging: Paging) -> FlavorQuery:
    """The list that a request asks for.

    :raises Invalid: a filter or the limit has a bad value.
    """
    page = paging.page(call.query)
    is_admin = call.context.is_admin
    return FlavorQuery(
        limit=page.limit,
        marker=page.marker,
        is_public=_is_public(call.query.get("is_public")) if is_admin else True,
        project_id=call.context.project_id,
        disabled=None if is_admin else False,
        min_memory_mb=_minimum(call, "minRam"),
        min_root_gb=_minimum(call, "minDisk"),
        names=call.query.all("name") if call.version >= (2, 102) else (),
        sort=sort_of(call.query, default=(("flavorid", "asc"),), default_direction="asc"),
    )


def _id(asked: str | int | float | None) -> str:
    if asked is None:
        return str(uuid.uuid4())
    # The schema does not measure numbers, nor look at their digits.
    if not schemas.ID_FORM.fullmatch(str(asked)):
        raise refused("id", asked, "It has other than 1-255 letters, digits, spaces, '.', '_', '-'")
    return str(asked)


def _size(body: Mapping[str, Any], key: str) -> int:
    return as_integer(body.get(key, 0), name=key, schema=schemas.SIZE)


def _rxtx_factor(body: Mapping[str, Any]) -> float:
    value = body.get("rxtx_factor", 1.0)
    factor = float(value)
    if not 0 < factor <= schemas.MAX_RXTX_FACTOR:
        raise refused(
            "rxtx_factor", value, "It must be greater than 0 and no more than 3.40282e+38"
        )
    return factor


def _is_public(text: str | None) -> bool | None:
    """Without a filter only public flavors; ``none`` asks for all."""
    if text is None:
        return True
    word = text.strip().lower()
    if word == "none":
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Invalid(f"Invalid is_public filter [{text}]")


def _minimum(call: Call, key: str) -> int:
    text = call.query.get(key)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError as exc:
        raise Invalid(f"Invalid {key} filter [{text}]") from exc
