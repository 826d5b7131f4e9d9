"""The id of each request: made, told, and joined by the caller's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from groundwork.request_ids import GLOBAL_ID, OWN_ID, RequestIds

GIVEN = "req-12345678-1234-1234-1234-123456789abc"


def ask(
    *, given: str = "", told: str | None = None, more_headers: tuple[str, ...] = ()
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What the application saw, and the headers that went out; ``told`` is a request id that it sets itself."""
    seen: dict[str, Any] = {}
    sent: list[tuple[str, str]] = []

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        seen.update(environ)
        own = [("X-Openstack-Request-Id", told)] if told else []
        start("200 OK", [("Content-Length", "0"), *own])
        return [b""]

    layered = RequestIds(application, more_headers=more_headers)
    environ = {"HTTP_X_OPENSTACK_REQUEST_ID": given} if given else {}
    assert list(layered(environ, lambda _status, headers: sent.extend(headers))) == [b""]
    return seen, sent


def test_each_request_gets_an_id_of_its_own_and_tells_it() -> None:
    first, second = ask(), ask()
    for seen, sent in (first, second):
        assert re.fullmatch(r"req-[0-9a-f-]{36}", seen[OWN_ID])
        assert sent == [("Content-Length", "0"), ("x-openstack-request-id", seen[OWN_ID])]
    assert first[0][OWN_ID] != second[0][OWN_ID]


def test_the_callers_own_id_is_kept_beside_it_when_it_has_the_form_of_one() -> None:
    seen, _ = ask(given=GIVEN)
    assert seen[GLOBAL_ID] == GIVEN != seen[OWN_ID]
    for malformed in ("mine", GIVEN + "0", GIVEN.upper(), GIVEN + "\n"):
        assert GLOBAL_ID not in ask(given=malformed)[0]


def test_it_is_told_under_every_name_asked_for_unless_the_application_told_one() -> None:
    seen, sent = ask(more_headers=("X-Compute-Request-Id",), told="req-other")
    assert sent[1:] == [
        ("X-Openstack-Request-Id", "req-other"),
        ("x-compute-request-id", seen[OWN_ID]),
    ]
