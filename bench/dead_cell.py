#!/usr/bin/env python3
"""Latency of a list over many cells while one of them is dead.

    python bench/dead_cell.py [--cells 80] [--servers 50] [--requests 200] [--threads 1] [--deadline 1]

Real: the whole WSGI pipeline with noauth2 over SQLite files in a temporary directory, one for each cell, without HTTP.
The dead cell's database is a port of this machine that takes connections and never says a word, as a machine does that
hangs: nobody is told that it is dead, the deadline has to pass.

Prints the first list after the cell died, which pays that deadline, and then percentiles of ``GET /servers/detail`` of
fifty servers in three courses: while all cells live, while one is dead (its probes run beside), and once it is back;
the last column is how many servers of that cell the lists showed at least. Ends with 1 when a list after the first one
took as long as the deadline.
"""

from __future__ import annotations

import argparse
import logging
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lists import ADMIN, USER, ask, fill, make_plane, read_conf
from nova.api.assembly import WsgiApp
from nova.cells.mappings import Changes, Urls, update_cell
from nova.cmd import compute_api
from nova.cmd.garbage import collect_rarely
from nova.cmd.plane import Plane

LIMIT = 50
# Longer than the pause between two readings of the mappings, and between two probes of a dead cell.
NOTICED_S = 15.0


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections, as the kernel does by itself, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield int(listener.getsockname()[1])


def one_list(application: WsgiApp, token: str) -> tuple[float, list[str]]:
    """Milliseconds of a list, and the ids in it."""
    began = time.perf_counter()
    body = ask(application, f"/servers/detail?limit={LIMIT}", token)
    took_ms = (time.perf_counter() - began) * 1000
    return took_ms, [server["id"] for server in msgspec.json.decode(body)["servers"]]


def course(
    name: str, application: WsgiApp, options: argparse.Namespace, own: frozenset[str]
) -> float:
    """Many lists; prints their percentiles in milliseconds, gives the longest."""

    def work(_number: int) -> tuple[float, int]:
        took_ms, ids = one_list(application, ADMIN if options.admin else USER)
        return took_ms, len(own.intersection(ids))

    began = time.process_time()
    with ThreadPoolExecutor(options.threads) as threads:
        found = list(threads.map(work, range(options.requests)))
    cpu_ms = (time.process_time() - began) * 1000 / options.requests
    took = sorted(each for each, _ in found)
    cuts = statistics.quantiles(took, n=100)
    print(
        f"{name:<24}{options.requests:>6}{cuts[49]:>9.1f}{cuts[94]:>9.1f}{cuts[98]:>9.1f}{took[-1]:>9.1f}"
        f"{cpu_ms:>9.1f}{min(seen for _, seen in found):>7}",
        flush=True,
    )
    return took[-1]


def point_to(plane: Plane, cell_uuid: str, url: str) -> None:
    """Give the cell another database; this process goes by it from the next list on."""
    changes = Changes(database_connection=url)
    update_cell(plane.api_database, cell_uuid, changes, local=Urls("local:///", url))
    plane.registry.forget()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=80)
    parser.add_argument("--servers", type=int, default=50, help="in each cell")
    parser.add_argument("--requests", type=int, default=200, help="in each course")
    parser.add_argument("--threads", type=int, default=1, help="requests at a time")
    parser.add_argument("--deadline", type=int, default=1, help="cell_timeout in seconds")
    parser.add_argument("--admin", action="store_true", help="ask as an administrator")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    # As the service does.
    collect_rarely()
    with tempfile.TemporaryDirectory() as folder, silent_port() as port:
        return run(options, Path(folder), f"mysql+pymysql://nobody@127.0.0.1:{port}/gone")


def run(options: argparse.Namespace, folder: Path, dead_url: str) -> int:
    conf = read_conf(folder)
    conf.set_override("cell_timeout", options.deadline)
    urls = [f"sqlite:///{folder}/cell{number}.db" for number in range(1, options.cells + 1)]
    plane = make_plane(conf, f"sqlite:///{folder}/api.db", urls, f"sqlite:///{folder}/0.db")
    cells = plane.registry.real()
    for number, cell in enumerate(cells):
        numbers = range(number, options.servers * len(cells), len(cells))
        fill(plane.targets.database(cell), cell.id, plane, numbers)
    application = compute_api.make(conf, plane)
    one_list(application, USER)
    # The first in the list; a page of fifty over more cells than that shows servers of fifty of them.
    patient = cells[0]
    _, ids = one_list(application, USER)
    own = frozenset(ids[:1])
    print(f"{options.cells} cells, {options.servers} servers in each, {options.threads} at a time")
    print(
        f"{'':<24}{'lists':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'longest':>9}{'CPU ms':>9}{'seen':>7}"
    )
    course("all cells live", application, options, own)
    point_to(plane, patient.uuid, dead_url)
    first_ms, _ = one_list(application, USER)
    print(f"{'one dead: first list':<24}{1:>6}{first_ms:>9.1f}")
    longest_ms = course("one dead: all others", application, options, own)
    point_to(plane, patient.uuid, patient.database_url)
    give_up_at = time.monotonic() + NOTICED_S
    while not own.issubset(one_list(application, USER)[1]):
        if time.monotonic() > give_up_at:
            raise SystemExit("the cell is back, but lists do not show its servers")
        time.sleep(0.05)
    course("it is back", application, options, own)
    plane.close()
    return int(longest_ms >= options.deadline * 1000)


if __name__ == "__main__":
    sys.exit(main())
