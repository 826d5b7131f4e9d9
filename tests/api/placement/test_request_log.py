"""One line for every request."""

from __future__ import annotations

import logging

import pytest

from tests.api.placement.conftest import Client

LOGGER = "placement.api.request_log"


def test_every_request_is_told_in_a_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    answer = client("GET", "/traits?name=startswith:HW_CPU", version="1.6")
    client("GET", "/resource_providers/nothing")
    client("GET", "/traits", token=None)
    client("GET", "/a%0Ab")
    lines = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    asked = [line.partition(" ")[2] for line in lines]
    length = answer.headers["Content-Length"]
    assert asked[0] == (
        f'"GET /traits?name=startswith:HW_CPU" status: 200 len: {length} microversion: 1.6'
    )
    assert asked[1].startswith('"GET /resource_providers/nothing" status: 404 ')
    assert asked[2].startswith('"GET /traits" status: 401 ')
    assert asked[3].startswith('"GET /a\\nb" status: 404 ')
    assert len(lines) == 4


def test_nothing_is_written_where_nobody_wants_it(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger=LOGGER)
    assert client("GET", "/traits").status_int == 200
    assert not [record for record in caplog.records if record.name == LOGGER]
