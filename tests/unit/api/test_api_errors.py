"""Problems as HTTP answers."""

from __future__ import annotations

import pytest

from groundwork import errors as kinds
from nova import errors as compute_kinds
from nova.api.errors import KEYS, answer, fault, status_of


@pytest.mark.parametrize(
    ("problem", "status", "key"),
    [
        (kinds.Invalid("x"), 400, "badRequest"),
        (kinds.Unauthorized("x"), 401, "unauthorized"),
        (kinds.Forbidden("x"), 403, "forbidden"),
        (kinds.OverQuota("x"), 403, "forbidden"),
        (kinds.NotFound("x"), 404, "itemNotFound"),
        (compute_kinds.ServerNotFound("x"), 404, "itemNotFound"),
        (kinds.NotAcceptable("x"), 406, "computeFault"),
        (kinds.Conflict("x"), 409, "conflictingRequest"),
        (compute_kinds.OwnershipLost("x"), 409, "conflictingRequest"),
        (kinds.Gone("x"), 410, "computeFault"),
        (kinds.TooLarge("x"), 413, "overLimit"),
        (kinds.BadMediaType("x"), 415, "badMediaType"),
        (kinds.NotSupported("x"), 501, "notImplemented"),
        (kinds.Unavailable("x"), 503, "serviceUnavailable"),
        (kinds.Late("x"), 503, "serviceUnavailable"),
        (kinds.Problem("x"), 500, "computeFault"),
    ],
)
def test_kind_decides_status_and_key(problem: kinds.Problem, status: int, key: str) -> None:
    told = answer(problem)
    assert told.status_int == status
    assert told.content_type == "application/json"
    assert told.json == {key: {"code": status, "message": "x"}}


def test_every_kind_of_the_plane_has_a_status() -> None:
    modules = (kinds, compute_kinds)
    found = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, kinds.Problem) and kind is not kinds.Problem
    ]
    assert len(found) > 10
    unmapped = [kind.__name__ for kind in found if status_of(kind("x")) == 500]
    assert unmapped == []


def test_internal_facts_stay_inside() -> None:
    assert "secret" not in answer(kinds.Conflict("x", internal="secret")).text


def test_retry_after_is_told_in_body_and_header() -> None:
    told = answer(kinds.Unavailable("x", retry_after_s=7))
    assert told.headers["Retry-After"] == "7"
    assert told.json["serviceUnavailable"]["retryAfter"] == "7"
    assert fault(429, "x").json == {"overLimit": {"code": 429, "message": "x"}}


def test_statuses_with_a_name_of_their_own() -> None:
    assert "computeFault" not in KEYS.values()
