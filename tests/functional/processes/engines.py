"""Databases on a real server, each with a user who may use no other."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tests.conftest import SERVERS


@dataclass(frozen=True, slots=True)
class DatabaseConnection:
    """A connection as the server sees it; ``port`` is the client's."""

    user: str
    database: str
    port: int


class Databases:
    """The databases of one deployment, by level. A level's user owns its databases and sees no others."""

    #: ``mysql`` or ``postgresql``.
    engine_name: str
    _default_port: int
    #: The database in which others are made; None: in none.
    maintenance: str | None = None
    #: What the engine calls a user.
    user_word = "USER"
    #: (user, database, client's port) of every connection over TCP.
    connections_query: str

    def __init__(self, owners: Iterable[tuple[str, str]]) -> None:
        """``owners``: (database, its user), short names both."""
        self._token = uuid.uuid4().hex[:10]
        self._password = uuid.uuid4().hex
        self._owners = dict(owners)
        self._url = sa.make_url(SERVERS[self.engine_name])
        self._engine = sa.create_engine(
            self._url.set(database=self.maintenance),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.NullPool,
            connect_args={"connect_timeout": 5},
        )

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self._url.port or self._default_port

    def why_missing(self) -> str | None:
        """None when the server answers."""
        try:
            with self._engine.connect():
                return None
        except sa.exc.OperationalError as exc:
            return f"no database server at {self._url}: {exc.orig}".splitlines()[0]

    def name(self, short: str) -> str:
        """The name of a database or user of this deployment on the server."""
        return f"nova_test_{self._token}_{short}"

    def url(self, database: str) -> str:
        """The connection URL of a database, as its user."""
        found = self._url.set(
            database=self.name(database),
            username=self.name(self._owners[database]),
            password=self._password,
        )
        return found.render_as_string(hide_password=False)

    def create(self) -> None:
        """Make users and databases."""
        for user in sorted(set(self._owners.values())):
            self._run(*self._create_user(self.name(user), self._password))
        for database, user in self._owners.items():
            self._run(*self._create_database(self.name(database), self.name(user)))

    def drop(self) -> None:
        """Remove them, whoever is still connected; what is gone already is fine."""
        for database in self._owners:
            self._run(*self._drop_database(self.name(database)))
        for user in sorted(set(self._owners.values())):
            self._run(f"DROP {self.user_word} IF EXISTS {self.name(user)}")

    def connections(self) -> list[DatabaseConnection]:
        """Who is connected to any of these databases, or as any of these users; with short names."""
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql(self.connections_query).all()
        mark = self.name("")
        return [
            DatabaseConnection(user.removeprefix(mark), database.removeprefix(mark), int(port))
            for user, database, port in rows
            if user.startswith(mark) or database.startswith(mark)
        ]

    def scalar(self, database: str, query: str) -> Any:
        """The single value of a query."""
        engine = sa.create_engine(self.url(database), poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            return connection.exec_driver_sql(query).scalar_one()

    def _create_user(self, user: str, password: str) -> list[str]:
        raise NotImplementedError

    def _create_database(self, name: str, user: str) -> list[str]:
        raise NotImplementedError

    def _drop_database(self, name: str) -> list[str]:
        return [f"DROP DATABASE IF EXISTS {name}"]

    def _run(self, *statements: str) -> None:
        with self._engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


class MariaDb(Databases):
    """MariaDB or MySQL."""

    engine_name = "mysql"
    _default_port = 3306
    connections_query = (
        "SELECT user, COALESCE(db, ''), SUBSTRING_INDEX(host, ':', -1) "
        "FROM information_schema.processlist WHERE host LIKE '%%:%%'"
    )

    def _create_user(self, user: str, password: str) -> list[str]:
        return [f"CREATE USER {user} IDENTIFIED BY '{password}'"]

    def _create_database(self, name: str, user: str) -> list[str]:
        return [f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"GRANT ALL ON {name}.* TO {user}"]


class PostgreSql(Databases):
    """PostgreSQL."""

    engine_name = "postgresql"
    _default_port = 5432
    maintenance = "postgres"
    user_word = "ROLE"
    connections_query = (
        "SELECT usename, COALESCE(datname, ''), client_port FROM pg_stat_activity "
        "WHERE client_port > 0"
    )

    def _create_user(self, user: str, password: str) -> list[str]:
        return [f"CREATE ROLE {user} LOGIN PASSWORD '{password}'"]

    def _create_database(self, name: str, user: str) -> list[str]:
        return [
            f"CREATE DATABASE {name} OWNER {user}",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        ]

    def _drop_database(self, name: str) -> list[str]:
        return [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"]


ENGINES = {found.engine_name: found for found in (MariaDb, PostgreSql)}
