#!/usr/bin/env python3
"""Servers per second of the embedded plane, from POST to ACTIVE.

    python bench/boot.py [--servers 100] [--clients 4] [--hosts 2] [--batch 50]

Everything runs in this process and on SQLite: the plane with two cells and the fake hypervisor, a real Placement, a
fake Glance, and the clients, which speak HTTP. So CPU per server is that of all of them together.

Prints two rows: servers created one by one by several clients, and by requests for ``--batch`` servers each.
Columns: servers per second until the last one is ACTIVE, latency of POST and time from POST to ACTIVE (p50 and p95, as
the servers' own times have it), CPU milliseconds per server. Then the same for deleting them.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nova.db.cell import models as cell_models
from tests.functional.embedded.plane import ADMIN, Client, Cloud

# A server that is not there by then will never be.
PATIENCE_S = 300


@dataclass
class Course:
    """What one way of creating servers took."""

    name: str
    servers: int
    posts_ms: list[float] = field(default_factory=list)
    active_ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def row(self) -> str:
        per_server = self.cpu_s / self.servers * 1000
        return (
            f"{self.name:<22}{self.servers:>8}{self.servers / self.wall_s:>10.1f}"
            f"{shown(self.posts_ms)}{shown(self.active_ms)}{per_server:>10.1f}"
        )


def shown(times_ms: Sequence[float]) -> str:
    if not times_ms:
        return f"{'-':>8}{'-':>8}"
    cuts = statistics.quantiles(times_ms, n=20) if len(times_ms) > 1 else [times_ms[0]] * 19
    return f"{statistics.median(times_ms):>8.0f}{cuts[18]:>8.0f}"


def timed(course: Course, work: Callable[[], None], is_done: Callable[[], bool]) -> Course:
    """Run the work and wait for its end."""
    cpu, wall = time.process_time(), time.monotonic()
    work()
    pause = threading.Event()
    while not is_done():
        if time.monotonic() > wall + PATIENCE_S:
            raise SystemExit(f"{course.name}: not done after {PATIENCE_S} s")
        pause.wait(0.05)
    course.wall_s = time.monotonic() - wall
    course.cpu_s = time.process_time() - cpu
    return course


def living(cloud: Cloud) -> int:
    return count(cloud, cell_models.instances.c.deleted == 0)


def active(cloud: Cloud) -> int:
    table = cell_models.instances
    return count(cloud, table.c.deleted == 0, table.c.vm_state == "active")


def count(cloud: Cloud, *conditions: sa.ColumnElement[bool]) -> int:
    """Rows in all cells, read past the API so that waiting costs next to nothing."""
    statement = sa.select(sa.func.count()).select_from(cell_models.instances).where(*conditions)
    found = 0
    for cell in cloud.cells:
        with cloud.database(cell.name).read() as tx:
            found += tx.execute(statement).scalar_one()
    return found


class Clients:
    """A client for each thread that asks, so that connections are kept as real clients keep them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._own = threading.local()

    def __call__(self) -> Client:
        if not hasattr(self._own, "client"):
            self._own.client = self._cloud.client()
        client: Client = self._own.client
        return client


def create(cloud: Cloud, course: Course, *, each: int, clients: int) -> Course:
    """Create the servers of a course in requests for ``each`` of them."""
    lock, client = threading.Lock(), Clients(cloud)

    def post(number: int) -> None:
        body = cloud.body(f"s{number}", max_count=each, min_count=each)
        started = time.perf_counter()
        client()("POST", "/servers", body, status=202)
        with lock:
            course.posts_ms.append((time.perf_counter() - started) * 1000)

    def work() -> None:
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(post, range(course.servers // each)))

    timed(course, work, lambda: active(cloud) >= course.servers)
    for cell in cloud.cells:
        for row in cloud.rows(cell.name, cell_models.instances):
            if not row.deleted and row.launched_at:
                course.active_ms.append((row.launched_at - row.created_at).total_seconds() * 1000)
    return course


def delete(cloud: Cloud, course: Course, *, clients: int) -> Course:
    uuids, client = cloud.listed("/servers?limit=1000", token=ADMIN), Clients(cloud)

    def work() -> None:
        with ThreadPoolExecutor(clients) as threads:
            list(
                threads.map(lambda uuid: client()("DELETE", f"/servers/{uuid}", status=204), uuids)
            )

    return timed(course, work, lambda: living(cloud) == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--servers", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4, help="requests at a time")
    parser.add_argument("--hosts", type=int, default=2, help="in each of two cells")
    parser.add_argument(
        "--batch", type=int, default=50, help="servers in a request of the second row"
    )
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(
            Path(folder),
            quota={"instances": -1},
            embedded={"hosts_per_cell": options.hosts},
            api={"response_validation": "ignore"},
            fake_driver={"vcpus": 100_000, "memory_mb": 10_000_000, "local_gb": 1_000_000},
        )
        try:
            run(cloud, options)
        finally:
            cloud.stop()


def run(cloud: Cloud, options: argparse.Namespace) -> None:
    cloud.make_flavor("tiny")
    create(cloud, Course("warm-up", 4), each=1, clients=2)
    delete(cloud, Course("warm-up", 4), clients=2)
    print(
        f"{datetime.now(UTC):%Y-%m-%d} two cells, {options.hosts} hosts each, {options.clients} clients"
    )
    print(f"{'':<40}{'POST ms':>16}{'ACTIVE ms':>16}{'CPU ms':>10}")
    print(
        f"{'':<22}{'servers':>8}{'per s':>10}{'p50':>8}{'p95':>8}{'p50':>8}{'p95':>8}{'/server':>10}"
    )
    courses: list[tuple[str, int]] = [
        ("one by one", 1),
        (f"{options.batch} a request", options.batch),
    ]
    for name, each in courses:
        servers = max(each, options.servers // each * each)
        print(
            create(cloud, Course(name, servers), each=each, clients=options.clients).row(),
            flush=True,
        )
        print(
            delete(cloud, Course("  deleted", servers), clients=options.clients).row(), flush=True
        )


if __name__ == "__main__":
    main()
