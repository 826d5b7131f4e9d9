"""Changes of tags in real databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from groundwork.database import Database
from groundwork.errors import Conflict, Invalid, NotFound
from nova.db.cell import server_pages, servers
from nova.domain.server import Server
from nova.errors import ServerNotFound
from nova.lifecycle import server_tags
from tests.api.deployment import make_server

MISSING = "99999999-9999-4999-8999-999999999999"


def store(database: Database, **fields: object) -> Server:
    made = make_server(**fields)
    database.run(lambda tx: servers.insert_if_absent(tx, made))
    return made


def tags(database: Database, server: Server) -> tuple[str, ...]:
    with database.read() as tx:
        found = server_pages.find(tx, server.uuid)
    assert found is not None
    return found.server.tags


def test_tags_come_and_go(cell_database: Database) -> None:
    server, other = store(cell_database, tags=("a", "b")), store(cell_database, tags=("a",))
    assert server_tags.replace(cell_database, server.uuid, ["B", "b", "c"]) == ("B", "b", "c")
    assert tags(cell_database, server) == ("B", "b", "c")
    assert server_tags.add(cell_database, server.uuid, "ü☃")
    assert not server_tags.add(cell_database, server.uuid, "ü☃")
    server_tags.remove(cell_database, server.uuid, "b")
    with pytest.raises(NotFound):
        server_tags.remove(cell_database, server.uuid, "b")
    assert tags(cell_database, server) == ("B", "c", "ü☃")
    assert server_tags.replace(cell_database, server.uuid, []) == ()
    assert (tags(cell_database, server), tags(cell_database, other)) == ((), ("a",))


def test_server_must_be_there_and_at_rest(cell_database: Database) -> None:
    building = store(cell_database, vm_state="building")
    with pytest.raises(Conflict):
        server_tags.add(cell_database, building.uuid, "a")
    with pytest.raises(ServerNotFound):
        server_tags.add(cell_database, MISSING, "a")


def test_last_place_is_taken_once(cell_database: Database) -> None:
    """Without turns, each of two requests at a time would count 49 and add one."""
    server = store(cell_database, tags=tuple(f"tag{number}" for number in range(49)))

    def add(name: str) -> bool:
        try:
            return server_tags.add(cell_database, server.uuid, name)
        except Invalid:
            return False

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(add, ["w", "x", "y", "z"]))
    assert done.count(True) == 1
    assert len(tags(cell_database, server)) == 50
