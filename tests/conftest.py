"""Databases on three engines, for all suites.

SQLite is always there. MariaDB and PostgreSQL are used when they answer at ``TEST_MYSQL_URL`` and
``TEST_POSTGRESQL_URL`` (root without a password on 127.0.0.1 by default); otherwise their tests are skipped, or fail
where ``CI=true`` promises the servers. Every test gets databases of its own, dropped at its end.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

import nova.db.api.schema
import nova.db.cell.schema
import placement.db
from groundwork import migrations
from groundwork.database import Database

SERVERS = {
    "mysql": os.environ.get("TEST_MYSQL_URL", "mysql+pymysql://root@127.0.0.1/"),
    "postgresql": os.environ.get("TEST_POSTGRESQL_URL", "postgresql+psycopg2://root@127.0.0.1/"),
}
ENGINES = ("sqlite", *SERVERS)
SCHEMAS = {
    "api": nova.db.api.schema.FOLDER,
    "cell": nova.db.cell.schema.FOLDER,
    "placement": Path(placement.db.__file__).parent / "migrations",
}

MakeDatabase = Callable[..., Database]

# How fast examples are made says something about the machine only, and several suites may share it.
hypothesis.settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared machine")


def missing(what: str) -> None:
    """End the test because something outside is not there: a failure in CI, where it was promised."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, but CI=true promises it", pytrace=False)
    pytest.skip(what)


class DatabaseServer:
    """A server on which databases are made and dropped."""

    def __init__(self, engine_name: str) -> None:
        self._url = sa.make_url(SERVERS[engine_name])
        maintenance = "postgres" if engine_name == "postgresql" else None
        self._engine = sa.create_engine(
            self._url.set(database=maintenance),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.NullPool,
            connect_args={"connect_timeout": 5},
        )

    def why_missing(self) -> str | None:
        """None when it answers."""
        try:
            with self._engine.connect():
                return None
        except sa.exc.OperationalError as exc:
            return f"no database server at {self._url}: {exc.orig}".splitlines()[0]

    def create(self) -> str:
        """A new empty database; its URL."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self._run(f"CREATE DATABASE {name}")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove it, whoever is still connected."""
        name = sa.make_url(url).database
        forced = " WITH (FORCE)" if self._url.get_backend_name() == "postgresql" else ""
        self._run(f"DROP DATABASE {name}{forced}")

    def _run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def _servers() -> dict[str, tuple[DatabaseServer, str | None]]:
    """Each server and why it cannot be used, asked once."""
    servers = {name: DatabaseServer(name) for name in SERVERS}
    return {name: (server, server.why_missing()) for name, server in servers.items()}


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """A test that uses this, directly or not, runs once on each engine."""
    return str(request.param)


@pytest.fixture
def make_database_url(
    engine_name: str,
    tmp_path: Path,
    _servers: dict[str, tuple[DatabaseServer, str | None]],
) -> Iterator[Callable[[], str]]:
    """Makes empty databases on the engine of this run and gives their URLs."""
    if engine_name == "sqlite":
        yield lambda: f"sqlite:///{tmp_path}/{uuid.uuid4().hex[:16]}.db"
        return
    server, why_missing = _servers[engine_name]
    if why_missing:
        missing(why_missing)
    made: list[str] = []

    def make() -> str:
        made.append(server.create())
        return made[-1]

    yield make
    for url in made:
        server.drop(url)


@pytest.fixture
def make_database(make_database_url: Callable[[], str]) -> Iterator[MakeDatabase]:
    """Makes databases: empty ones, or with ``schema`` "api", "cell" or "placement" migrated ones."""
    made: list[Database] = []

    def make(schema: str | None = None) -> Database:
        database = Database(make_database_url())
        made.append(database)
        if schema is not None:
            migrations.upgrade(database, SCHEMAS[schema])
        return database

    yield make
    for database in made:
        database.dispose()


@pytest.fixture
def api_database(make_database: MakeDatabase) -> Database:
    """A migrated API database, on each engine in turn."""
    return make_database("api")


@pytest.fixture
def cell_database(make_database: MakeDatabase) -> Database:
    """A migrated cell database, on each engine in turn."""
    return make_database("cell")


@pytest.fixture
def placement_database(make_database: MakeDatabase) -> Database:
    """A migrated Placement database, on each engine in turn."""
    return make_database("placement")
