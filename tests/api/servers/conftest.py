"""A deployment that serves ``/servers``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.servers.service import ServerCloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[ServerCloud]:
    """Without quotas, with one flavor."""
    found = ServerCloud(tmp_path)
    found.serve_servers()
    found.add_flavor()
    yield found
    found.close()
