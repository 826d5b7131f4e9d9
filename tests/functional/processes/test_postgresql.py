"""The same life of servers, with every database on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.processes.conftest import running_plane
from tests.functional.processes.flow import run_flow
from tests.functional.processes.plane import Plane


@pytest.fixture(scope="module")
def postgresql_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A second deployment."""
    with running_plane("postgresql", tmp_path_factory.mktemp("postgresql")) as plane:
        yield plane


def test_servers_are_built_listed_and_deleted(postgresql_plane: Plane) -> None:
    run_flow(postgresql_plane, count=8, page=3)
