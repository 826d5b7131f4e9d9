"""What tests of the scheduler share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.scheduler.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A host in each of two cells."""
    made = World(tmp_path)
    made.start_compute("cell1", "a")
    made.start_compute("cell2", "b")
    yield made
    made.close()
