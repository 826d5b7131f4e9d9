"""A plane for each file of this folder; each test begins and ends without a server in it.

Not one for the session: buses in one process go by fixed names, so two planes at a time would answer for each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.embedded.plane import Cloud


@pytest.fixture(scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("plane"))
    try:
        cloud.make_flavor("tiny", **{"OS-FLV-EXT-DATA:ephemeral": 0})
        cloud.make_flavor("huge", vcpus=1000, ram=64)
        cloud.make_flavor("zero", disk=0)
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def cloud(_cloud: Cloud) -> Iterator[Cloud]:
    """The plane. A test that leaves something behind (rows, allocations, guests) fails, and so does what held it."""
    yield _cloud
    _cloud.clear()
    _cloud.assert_nothing_is_left()
