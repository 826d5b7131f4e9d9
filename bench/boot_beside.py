#!/usr/bin/env python3
"""Whether a boot costs more on a host that has many servers already.

    python bench/boot_beside.py [--beside 0 500 1000] [--servers 40] [--clients 2]

The embedded plane of ``bench/boot.py`` with one host in each of two cells. Before each row the hosts are filled up to
so many servers in all; then some more are created one by one, measured and deleted again. Prints ``bench/boot.py``'s
columns: flat ones mean that the cost does not grow.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.boot import Clients, Course, active, living, timed
from nova.db.cell import models as cell_models
from tests.functional.embedded.plane import ADMIN, Cloud

_BATCH = 50


def fill(cloud: Cloud, servers: int) -> None:
    """Bring the cloud up to so many servers."""
    client = Clients(cloud)

    def work() -> None:
        for number in range(living(cloud), servers, _BATCH):
            count = min(_BATCH, servers - number)
            body = cloud.body(f"old{number}", min_count=count, max_count=count)
            client()("POST", "/servers", body, status=202)

    timed(Course("filling", servers), work, lambda: active(cloud) >= servers)


def boot(cloud: Cloud, course: Course, *, clients: int) -> list[str]:
    """Create the servers of a course one by one; their uuids."""
    client, before = Clients(cloud), active(cloud)
    made: list[str] = []

    def post(number: int) -> None:
        answer = client()("POST", "/servers", cloud.body(f"new{number}"), status=202)
        made.append(answer.json()["server"]["id"])

    def work() -> None:
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(post, range(course.servers)))

    timed(course, work, lambda: active(cloud) >= before + course.servers)
    for cell in cloud.cells:
        for row in cloud.rows(cell.name, cell_models.instances):
            if row.uuid in made and row.launched_at:
                course.active_ms.append((row.launched_at - row.created_at).total_seconds() * 1000)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", type=int, nargs="+", default=[0, 500, 1000])
    parser.add_argument("--servers", type=int, default=40, help="measured in each row")
    parser.add_argument("--clients", type=int, default=2, help="requests at a time")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(
            Path(folder),
            quota={"instances": -1},
            embedded={"hosts_per_cell": 1},
            api={"response_validation": "ignore"},
            fake_driver={"vcpus": 100_000, "memory_mb": 10_000_000, "local_gb": 1_000_000},
        )
        try:
            cloud.make_flavor("tiny")
            print(
                f"{'':<22}{'servers':>8}{'per s':>10}{'POST ms':>16}{'ACTIVE p50 p95':>16}{'CPU ms':>10}"
            )
            boot(cloud, Course("warm-up", 4), clients=2)
            for beside in sorted(options.beside):
                fill(cloud, beside)
                course = Course(f"beside {living(cloud)}", options.servers)
                made = boot(cloud, course, clients=options.clients)
                print(course.row(), flush=True)
                left = living(cloud) - len(made)
                for uuid in made:
                    cloud.compute("DELETE", f"/servers/{uuid}", token=ADMIN, status=204)
                timed(course, lambda: None, lambda left=left: living(cloud) <= left)
        finally:
            cloud.stop()


if __name__ == "__main__":
    main()
