"""A cell that is slow, or only asked for what is slow: who pays for it, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from nova.cells.scatter import Scatter
from tests.functional.cells.cloud import CellsCloud

# A probe has half of it, on a busy machine too.
DEADLINE_S = 1.0
PATIENCE_S = 60.0
THREADS = 2


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CellsCloud]:
    scatter_of = lambda targets, **_: Scatter(targets, threads=THREADS, deadline_s=DEADLINE_S)
    monkeypatch.setattr("tests.functional.cells.cloud.Scatter", scatter_of)
    deployment = CellsCloud(tmp_path, cells=2)
    yield deployment
    deployment.close()


@contextmanager
def slow(cell: str, is_slow: Callable[[str], bool]) -> Iterator[threading.Event]:
    """Statements like these stop in that cell until the end, or until the event is set; whoever sends them."""
    quick = threading.Event()

    def stop(connection: sa.Connection, _cursor: object, statement: str, *_more: object) -> None:
        if f"{cell}." in str(connection.engine.url) and is_slow(statement.lower()):
            quick.wait(PATIENCE_S)

    sa.event.listen(sa.Engine, "before_cursor_execute", stop)
    try:
        yield quick
    finally:
        quick.set()
        sa.event.remove(sa.Engine, "before_cursor_execute", stop)


def is_list(statement: str) -> bool:
    return "from instances" in statement and "order by instances" in statement


def names(cloud: CellsCloud, query: str = "") -> list[str]:
    """What a list shows; servers of a cell that does not answer have no name in it."""
    servers = cloud.ask(f"/servers?{query}")["servers"]
    return sorted(server["name"] for server in servers if "name" in server)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_cell_that_is_slow_with_every_list_costs_one_deadline(cloud: CellsCloud) -> None:
    """A probe is not answered faster than a list is, so nobody is sent in to find out again and again."""
    for cell in cloud.names:
        cloud.furnish(cell)
    assert names(cloud) == ["a-cell1", "a-cell2"]
    took_s = []
    with slow("cell1", is_list):
        for _ in range(6):
            began = time.monotonic()
            assert names(cloud) == ["a-cell2"]
            took_s.append(time.monotonic() - began)
    assert took_s[0] >= DEADLINE_S
    assert max(took_s[1:]) < DEADLINE_S
    wait_for(lambda: names(cloud) == ["a-cell1", "a-cell2"])


def test_slow_lists_of_one_user_take_the_cell_from_nobody(cloud: CellsCloud) -> None:
    """More of them than there are threads, for as long as it takes: a server that is asked for by name is shown."""
    for cell in cloud.names:
        server = cloud.furnish(cell)
        if cell == "cell1":
            wanted = server
    is_over = threading.Event()

    def ask_slowly() -> None:
        while not is_over.is_set():
            assert names(cloud, "name=^a-c.*1$") == []

    with slow("cell1", lambda statement: "regexp" in statement):
        with ThreadPoolExecutor() as clients:
            asking = [clients.submit(ask_slowly) for _ in range(3 * THREADS)]
            until = time.monotonic() + 2.5 * DEADLINE_S
            shown = 0
            try:
                while time.monotonic() < until:
                    found = cloud.ask(f"/servers/{wanted.uuid}")["server"]
                    assert found["status"] == "ACTIVE"
                    shown += 1
            finally:
                is_over.set()
            for each in asking:
                each.result(PATIENCE_S)
    assert shown > 10
    assert cloud.scatter.down() == ()
