"""What successful answers have in common: cache headers since 1.15, links, and JSON as the only form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from webob.acceptparse import create_accept_header

from groundwork.errors import Invalid, NotAcceptable
from groundwork.operations import Answer, Call
from placement.api.microversion import since
from placement.unknown import UnknownClasses


def shown(call: Call, body: Any, *, changed_at: datetime | None = None) -> Answer:
    """The answer to a read; ``changed_at`` is when the newest of the things shown changed (None: ask now).

    :raises NotAcceptable: the client takes no JSON.
    """
    accept = create_accept_header(call.headers.get("Accept"))
    if not accept.acceptable_offers(["application/json"]):
        raise NotAcceptable("Only application/json is provided")
    return written(call, body, changed_at=changed_at)


def written(
    call: Call,
    body: Any,
    *,
    changed_at: datetime | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer to a write that shows what came of it."""
    return Answer(
        body, status=status, headers={**(headers or {}), **cache_headers(call, changed_at)}
    )


@contextmanager
def told_of_query() -> Iterator[None]:
    """Unknown classes, met while a query is answered, are told as that query's fault."""
    try:
        yield
    except UnknownClasses as exc:
        raise Invalid(f"Invalid resource class in resources parameter: {exc}") from exc


def cache_headers(call: Call, changed_at: datetime | None) -> dict[str, str]:
    """``Last-Modified`` and ``Cache-Control``, for clients that know them."""
    if not since(call, 15):
        return {}
    moment = changed_at or datetime.now(UTC)
    return {"Last-Modified": format_datetime(moment, usegmt=True), "Cache-Control": "no-cache"}


def path_to(call: Call, *parts: str) -> str:
    """The path of a thing under the mount point, for links."""
    return "/".join((call.origin.script_name.rstrip("/"), *parts))


def location(call: Call, *parts: str) -> dict[str, str]:
    """The ``Location`` of a thing, absolute."""
    return {"Location": "/".join((call.origin.base_url, *parts))}
