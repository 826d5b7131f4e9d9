"""The API over a database of its own; migrating it once and copying the file saves a second per test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.database import Database
from nova.db.api import schema
from tests.api.client import Api, MakeApi


@pytest.fixture(scope="session")
def migrated_api_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty API database at the newest schema, in one file."""
    path = tmp_path_factory.mktemp("api") / "template.db"
    database = Database(f"sqlite:///{path}")
    schema.sync(database)
    # The last connection that closes moves the log into the file.
    database.dispose()
    return path


@pytest.fixture
def make_api(tmp_path: Path, migrated_api_file: Path) -> Iterator[MakeApi]:
    """Makes the API; keyword arguments are those of :class:`Api`. All share one database."""
    path = tmp_path / "api.db"
    shutil.copyfile(migrated_api_file, path)
    database = Database(f"sqlite:///{path}")
    yield lambda **options: Api(database, **options)
    database.dispose()


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API as tests mostly want it."""
    return make_api()
