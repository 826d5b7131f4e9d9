#!/usr/bin/env python3
"""Servers per second that one scheduler process places: alone, and with a real Placement.

    python bench/scheduler.py [--hosts 100 1000 10000] [--seconds 5] [--limit 1000] [--threads 1]
    python bench/scheduler.py --placement mysql+pymysql://root@127.0.0.1 --hosts 1000 10000 --threads 4

Always real: the query, reading Placement's JSON, the host table over two cells' SQLite databases with its regular
refreshes, filters, weighers, the choice, claims. Without ``--placement`` a fake one answers with prepared bytes and
grants every claim at once, so the numbers are what the scheduler itself costs. With it, Placement is a service of its
own behind uWSGI (``--processes``), over a database on that MariaDB server, which is made and dropped again; every claim
is a PUT that is kept.

Prints one line per case: hosts, servers in a request, servers per second, latency of a request, and CPU milliseconds
that this process (the scheduler) spends on a server.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import nova.conf
from bench.real_placement import real_placement
from groundwork import columns
from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.scatter import Scatter
from nova.cells.target import Targets
from nova.clients.candidate_reader import CandidateReader
from nova.clients.candidates import CandidateQuery, Candidates
from nova.clients.placement import load_placement
from nova.cmd.garbage import collect_rarely
from nova.db.api import models as api
from nova.db.cell import models as cell
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.scheduler.claims import Placement
from nova.scheduler.hosts import HostTable
from nova.scheduler.options import rules_from_conf
from nova.scheduler.selection import Selector

CELLS = 2
TRAITS = [
    *("COMPUTE_NODE", "COMPUTE_DEVICE_TAGGING", "COMPUTE_RESCUE_BFV", "COMPUTE_TRUSTED_CERTS"),
    *("HW_CPU_X86_ABM", "HW_CPU_X86_AESNI", "HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "HW_CPU_X86_BMI"),
    *(
        "HW_CPU_X86_BMI2",
        "HW_CPU_X86_CLMUL",
        "HW_CPU_X86_F16C",
        "HW_CPU_X86_FMA3",
        "HW_CPU_X86_MMX",
    ),
    *(
        "HW_CPU_X86_SHA",
        "HW_CPU_X86_SSE",
        "HW_CPU_X86_SSE2",
        "HW_CPU_X86_SSE41",
        "HW_CPU_X86_SSE42",
    ),
    "HW_CPU_X86_VMX",
]
AMOUNTS = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}
SPEC = RequestSpec("project", "user", Flavor("1", "bench", vcpus=2, memory_mb=4096, root_gb=20))


def node_uuid(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


class FreePlacement:
    """Answers with the same candidates again and again, and grants every claim."""

    def __init__(self, hosts: int, limit: int) -> None:
        self._reader = CandidateReader()
        found = [node_uuid(number) for number in range(min(hosts, limit))]
        self.answer = msgspec.json.encode(
            {
                "allocation_requests": [
                    {"allocations": {u: {"resources": AMOUNTS}}, "mappings": {"": [u]}}
                    for u in found
                ],
                "provider_summaries": {u: self._summary(n, u) for n, u in enumerate(found)},
            }
        )

    @staticmethod
    def _summary(number: int, root: str) -> dict[str, Any]:
        used = number % 17
        return {
            "resources": {
                "VCPU": {"capacity": 256, "used": used * 2},
                "MEMORY_MB": {"capacity": 524288, "used": used * 4096},
                "DISK_GB": {"capacity": 4096, "used": used * 20},
            },
            "traits": TRAITS,
            "parent_provider_uuid": None,
            "root_provider_uuid": root,
        }

    def candidates(self, query: CandidateQuery) -> Candidates:
        return self._reader.read(self.answer)

    def claim(self, *_: object, **__: object) -> None:
        """Granted."""


def fill(folder: Path, hosts: int) -> Database:
    """Databases of that many hosts, spread over the cells; gives the API database."""
    now = columns.now()
    # Nodes report once a minute, so only few of them have done so in the last seconds.
    times = {"created_at": now, "updated_at": now - timedelta(seconds=30)}
    api_database = Database(f"sqlite:///{folder}/api.sqlite")
    api.METADATA.create_all(api_database.engine)
    for number in range(CELLS):
        url = f"sqlite:///{folder}/cell{number}.sqlite"
        database = Database(url)
        cell.METADATA.create_all(database.engine)
        mine = range(number, hosts, CELLS)
        with database.write() as tx:
            tx.execute(sa.insert(cell.services), [_service(n) | times for n in mine])
            tx.execute(sa.insert(cell.compute_nodes), [_node(n) | times for n in mine])
        database.dispose()
        with api_database.write() as tx:
            mapping = {"uuid": str(uuid.uuid4()), "name": f"cell{number}", **times}
            mapping |= {"transport_url": "none:///", "database_connection": url, "disabled": False}
            made = tx.execute(sa.insert(api.cell_mappings), mapping)
            cell_id = made.inserted_primary_key[0]
            rows = [{"host": f"host{n}", "cell_id": cell_id, **times} for n in mine]
            tx.execute(sa.insert(api.host_mappings), rows)
    return api_database


def _service(number: int) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "host": f"host{number}",
        "binary": "nova-compute",
        "last_seen_up": columns.now(),
    }


def _node(number: int) -> dict[str, Any]:
    return {
        "uuid": node_uuid(number),
        "host": f"host{number}",
        "hypervisor_hostname": f"host{number}",
        "hypervisor_type": "QEMU",
        "hypervisor_version": 9000000,
        "cpu_info": {"arch": "x86_64", "features": ["avx", "avx2"]},
        "vcpus": 64,
        "memory_mb": 524288,
        "local_gb": 4096,
    }


@contextmanager
def placements(options: argparse.Namespace, hosts: int) -> Iterator[Placement]:
    """A fake Placement, or a client of a real one."""
    if options.placement is None:
        yield FreePlacement(hosts, options.limit)
        return
    with tempfile.TemporaryDirectory() as folder:
        real = real_placement(
            options.placement,
            Path(folder),
            hosts=hosts,
            uuid_of=node_uuid,
            traits=TRAITS,
            processes=options.processes,
        )
        with real as url:
            config = Path(folder, "nova.conf")
            config.write_text(
                f"[placement]\nauth_type = admin_token\nendpoint = {url}\nendpoint_override = {url}\n"
                "token = admin\n"
            )
            conf = nova.conf.new()
            conf(["--config-file", str(config)], project="nova")
            yield load_placement(conf)


@dataclass
class Course:
    """What one case took: each request, and the CPU of this process for all of them, in seconds."""

    durations_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0


def measure(
    selector: Selector, placement: Placement, *, servers: int, threads: int, seconds: float
) -> Course:
    """Requests for so many servers each, by so many threads at once, begun within that time."""
    course, began = Course(), time.monotonic()
    cpu = time.process_time()

    def work(seed: int) -> None:
        while (started := time.monotonic()) < began + seconds:
            uuids = [str(uuid.uuid4()) for _ in range(servers)]
            selector.select(placement, SPEC, uuids, alternates=2, seed=seed)
            course.durations_s.append(time.monotonic() - started)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    course.wall_s = time.monotonic() - began
    course.cpu_s = time.process_time() - cpu
    return course


def selectors(hosts: int, limit: int) -> Iterator[Selector]:
    """A selector with default options over databases that go when it is done with."""
    conf = nova.conf.new()
    conf([])
    rules = rules_from_conf(conf)
    with tempfile.TemporaryDirectory() as folder:
        api_database = fill(Path(folder), hosts)
        targets = Targets(open_database=Database, open_bus=lambda url: None)  # type: ignore[arg-type,return-value]
        scatter = Scatter(targets, threads=CELLS, deadline_s=60)
        table = HostTable(
            api_database=api_database,
            registry=Registry(api_database),
            scatter=scatter,
            with_counts=rules.needs_counts,
        )
        yield Selector(hosts=table, rules=rules, max_placement_results=limit)
        scatter.close()


def show(hosts: int, servers: int, course: Course) -> None:
    """One line."""
    placed = len(course.durations_s) * servers
    slowest = sorted(course.durations_s)[int(len(course.durations_s) * 0.99)]
    print(
        f"{hosts:>6} {servers:>8} {placed / course.wall_s:>10.0f} "
        f"{statistics.median(course.durations_s) * 1000:>10.2f} {slowest * 1000:>8.2f} "
        f"{course.cpu_s / placed * 1000:>14.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--servers", type=int, nargs="+", default=[1, 100], help="in a request")
    parser.add_argument("--limit", type=int, default=1000, help="max_placement_results")
    parser.add_argument("--seconds", type=float, default=5.0, help="per case")
    parser.add_argument("--threads", type=int, default=1, help="requests at a time")
    parser.add_argument("--placement", metavar="URL", help="MariaDB server for a real Placement")
    parser.add_argument("--processes", type=int, default=2, help="of the real Placement")
    options = parser.parse_args()
    # As the daemon does.
    collect_rarely()
    print(
        f"{'hosts':>6} {'servers':>8} {'servers/s':>10} {'median ms':>10} {'p99 ms':>8} {'CPU ms/server':>14}"
    )
    for hosts in options.hosts:
        for selector in selectors(hosts, options.limit):
            with placements(options, hosts) as placement:
                # The first requests read all hosts, here and in each process of Placement; a running one has done so.
                warm_up = {"servers": 1, "threads": max(4, options.threads)}
                measure(selector, placement, **warm_up, seconds=3 if options.placement else 0.001)
                gc.freeze()
                for servers in options.servers:
                    course = measure(
                        selector,
                        placement,
                        servers=servers,
                        threads=options.threads,
                        seconds=options.seconds,
                    )
                    show(hosts, servers, course)


if __name__ == "__main__":
    main()
