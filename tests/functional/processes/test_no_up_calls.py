"""Cells live on their own: their processes know nothing of the API level, cannot reach it, and do not try."""

from __future__ import annotations

import kombu
import pytest
import sqlalchemy as sa
from amqp.exceptions import AccessRefused, NotAllowed

from tests.functional.processes.broker import broker_port
from tests.functional.processes.flow import run_flow
from tests.functional.processes.plane import CELLS, OWNERS, Plane
from tests.functional.processes.sockets import local_ports


@pytest.mark.parametrize("cell", CELLS)
def test_config_files_of_a_cell_name_nothing_outside_of_it(plane: Plane, cell: str) -> None:
    others = {level for level in (*OWNERS, *OWNERS.values(), "api", *CELLS) if level != cell}
    foreign = {plane.databases.name(other) for other in others}
    foreign |= {name for level, name in plane.vhosts.names.items() if level != cell}
    for process in plane.names_of_cell(cell):
        text = plane.config_of(process).read_text()
        assert plane.vhosts.names[cell] in text
        assert "[api_database]" not in text
        assert [name for name in foreign if name in text] == []
    for host in CELLS[cell]:
        assert "[database]" not in plane.config_of(host).read_text()


@pytest.mark.parametrize("cell", CELLS)
def test_credentials_of_a_cell_open_nothing_outside_of_it(plane: Plane, cell: str) -> None:
    for other in OWNERS:
        url = sa.make_url(plane.databases.url(cell)).set(database=plane.databases.name(other))
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        if other == cell:
            engine.connect().close()
        else:
            with pytest.raises(sa.exc.OperationalError):
                engine.connect()
    for level, name in plane.vhosts.names.items():
        # kombu's word for the scheme.
        broker = plane.vhosts.url(cell).replace("rabbit://", "pyamqp://").rpartition("/")[0]
        with kombu.Connection(f"{broker}/{name}") as connection:
            if level == cell:
                connection.connect()
            else:
                with pytest.raises((AccessRefused, NotAllowed)):
                    connection.connect()


def test_processes_of_a_cell_are_connected_to_nothing_outside_of_it(plane: Plane) -> None:
    """No up-calls: a cell conductor or compute has no API database or top-level bus credentials.

    Looked at after servers came and went, while everything that was opened for them is still open.
    """
    run_flow(plane, count=8, page=3)
    for cell in CELLS:
        for name in plane.names_of_cell(cell):
            databases, brokers = _connections_of(plane, name)
            # A compute opens no database at all.
            assert databases == (set() if name in CELLS[cell] else {(cell, cell)}), name
            assert brokers == {(plane.vhosts.names[cell],) * 2}, name
    # The look itself is no blind one: it sees the API level where it is.
    databases, _ = _connections_of(plane, "super-conductor")
    assert ("api", "api") in databases


Place = tuple[str, str]


def _connections_of(plane: Plane, name: str) -> tuple[set[Place], set[Place]]:
    """(user, database) and (user, virtual host) of each connection that a process has open now."""
    pid = plane.processes[name].pid
    to_databases = local_ports(pid, to=plane.databases.port)
    to_brokers = local_ports(pid, to=broker_port())
    databases = {
        (found.user, found.database)
        for found in plane.databases.connections()
        if found.port in to_databases
    }
    brokers = {
        (found.user, found.vhost)
        for found in plane.vhosts.connections()
        if found.port in to_brokers
    }
    return databases, brokers
