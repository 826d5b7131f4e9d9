#!/usr/bin/env python3
"""Decisions per second of the scheduler, without a network.

    python bench/scheduler.py [--hosts 100 1000 10000] [--seconds 5] [--limit 1000] [--threads 1]

Real: the query, reading Placement's JSON, the host table over two cells' SQLite databases with its regular refreshes,
filters, weighers, the choice. Fake: Placement, which answers with prepared bytes and grants every claim at once. So
the numbers are what the scheduler itself costs; time that Placement and the network take comes on top, and while a
thread waits for them others decide.

Prints one line per case: hosts, servers in a request, decisions (servers) per second, latency of a request.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

import nova.conf
from groundwork import columns
from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.scatter import Scatter
from nova.cells.target import Targets
from nova.clients.candidates import CandidateQuery, Candidates, parse_candidates
from nova.db.api import models as api
from nova.db.cell import models as cell
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.scheduler.hosts import HostTable
from nova.scheduler.options import rules_from_conf
from nova.scheduler.selection import Selector

CELLS = 2
TRAITS = [f"HW_CPU_X86_FEATURE_{number}" for number in range(20)]
AMOUNTS = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}
SPEC = RequestSpec("project", "user", Flavor("1", "bench", vcpus=2, memory_mb=4096, root_gb=20))


def node_uuid(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


class FreePlacement:
    """Answers with the same candidates again and again, and grants every claim."""

    def __init__(self, hosts: int, limit: int) -> None:
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
        return parse_candidates(self.answer)

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


def measure(
    selector: Selector, placement: FreePlacement, *, servers: int, threads: int, seconds: float
) -> list[float]:
    """The duration of every request that was answered in that time, in seconds."""
    uuids = [str(uuid.uuid4()) for _ in range(servers)]
    durations: list[float] = []
    ends_at = time.monotonic() + seconds

    def work(seed: int) -> None:
        while (started := time.monotonic()) < ends_at:
            selector.select(placement, SPEC, uuids, alternates=2, seed=seed)  # type: ignore[arg-type]
            durations.append(time.monotonic() - started)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return durations


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--limit", type=int, default=1000, help="max_placement_results")
    parser.add_argument("--seconds", type=float, default=5.0, help="per case")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print(f"{'hosts':>6} {'servers':>8} {'servers/s':>10} {'median ms':>10} {'p99 ms':>8}")
    for hosts in options.hosts:
        for selector in selectors(hosts, options.limit):
            placement = FreePlacement(hosts, options.limit)
            # The first request reads all hosts; it is not what a running scheduler does.
            measure(selector, placement, servers=1, threads=1, seconds=0.001)
            for servers in (1, 100):
                durations = measure(
                    selector,
                    placement,
                    servers=servers,
                    threads=options.threads,
                    seconds=options.seconds,
                )
                rate = len(durations) * servers / options.seconds
                slowest = sorted(durations)[int(len(durations) * 0.99)]
                print(
                    f"{hosts:>6} {servers:>8} {rate:>10.0f} "
                    f"{statistics.median(durations) * 1000:>10.2f} {slowest * 1000:>8.2f}"
                )


if __name__ == "__main__":
    main()
