"""Console tokens in real databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.database import Database
from nova.db.cell import console_auth_tokens, servers
from nova.db.cell.models import console_auth_tokens as table
from nova.domain.console import ConsoleAccess, ConsoleGrant
from nova.domain.server import Server
from tests.api.deployment import make_server

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
TOKEN = "aeabd4ec-3acb-4898-9130-10521ccbe5f3"
ACCESS = ConsoleAccess("http://proxy/" + "x" * 300, "192.0.2.1", 5900, 5901, "path")


@pytest.fixture
def server(cell_database: Database) -> Server:
    made = make_server(host="host1")
    cell_database.run(lambda tx: servers.insert_if_absent(tx, made))
    return made


def grant(database: Database, server: Server, token: str, *, ttl_s: int = 600) -> ConsoleGrant:
    made = ConsoleGrant(server.uuid, "host1", "novnc", ACCESS)
    end = NOW + timedelta(seconds=ttl_s)
    database.run(lambda tx: console_auth_tokens.insert(tx, token, made, now=NOW, expires_at=end))
    return made


def find(database: Database, token: str, *, at_s: int = 0) -> ConsoleGrant | None:
    with database.read() as tx:
        return console_auth_tokens.find(tx, token, now=NOW + timedelta(seconds=at_s))


def test_token_is_good_until_it_expires(cell_database: Database, server: Server) -> None:
    made = grant(cell_database, server, TOKEN)
    assert find(cell_database, TOKEN) == find(cell_database, TOKEN, at_s=599) == made
    assert find(cell_database, TOKEN, at_s=600) is None
    assert find(cell_database, TOKEN.upper()) is find(cell_database, "") is None


def test_table_does_not_tell_the_token(cell_database: Database, server: Server) -> None:
    grant(cell_database, server, TOKEN)
    with cell_database.read() as tx:
        [row] = tx.execute(sa.select(table)).all()
    assert TOKEN not in str(tuple(row))


def test_expired_tokens_are_removed_by_the_next(cell_database: Database, server: Server) -> None:
    grant(cell_database, server, "old", ttl_s=0)
    grant(cell_database, server, "new")
    with cell_database.read() as tx:
        assert len(tx.execute(sa.select(table)).all()) == 1


@pytest.mark.parametrize("change", [{"host": "host2"}, {"host": None}])
def test_token_is_of_no_use_when_the_server_has_moved(
    cell_database: Database, server: Server, change: dict[str, Any]
) -> None:
    grant(cell_database, server, TOKEN)
    cell_database.run(lambda tx: servers.update(tx, server.uuid, change))
    assert find(cell_database, TOKEN) is None


def test_tokens_go_with_their_server(cell_database: Database, server: Server) -> None:
    other = make_server(host="host1")
    cell_database.run(lambda tx: servers.insert_if_absent(tx, other))
    grant(cell_database, server, TOKEN)
    kept = grant(cell_database, other, "kept")
    cell_database.run(lambda tx: servers.mark_deleted(tx, server.uuid, now=NOW))
    assert find(cell_database, TOKEN) is None
    assert find(cell_database, "kept") == kept
    with cell_database.read() as tx:
        assert len(tx.execute(sa.select(table)).all()) == 1
