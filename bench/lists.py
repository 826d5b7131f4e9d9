#!/usr/bin/env python3
"""CPU of ``GET /servers/detail`` and ``GET /servers/{id}`` in the API and in the databases, without HTTP.

    python bench/lists.py [--servers 5000] [--cells 2] [--limit 1 50 1000] [--repeat 20] [--profile]
    python bench/lists.py --cell-url mysql+pymysql://root@127.0.0.1/a --cell-url ... --api-url ...

Real: the whole WSGI pipeline with noauth2, policies, merging, views and JSON, over the databases of the cells. Rows go
in directly; SQLite files are made in a temporary directory, and URLs that are given must name empty databases.

Prints for each question the CPU milliseconds of a request (user and system, all threads): best of ``--repeat`` after a
warm-up, and the mean of the lower half, as the rest tells of what else the machine does; for the API, for the database
(on MariaDB of this machine: the threads that serve our connections; SQLite works inside the API), and for both
together. Then the wall time, and the size of the answer.
``--profile`` prints the most costly functions of the largest page.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import logging
import pstats
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
import webob
from oslo_config import cfg

import nova.conf
from groundwork import columns
from groundwork.database import Database
from groundwork.wsgi import WsgiApp
from nova.cells.lane import Lane
from nova.cells.mappings import Urls, create_cell, map_cell0
from nova.cmd import beginning, compute_api
from nova.cmd.garbage import collect_rarely
from nova.cmd.plane import Plane
from nova.db.api import models as api
from nova.db.api import schema as api_schema
from nova.db.cell import faults, servers
from nova.db.cell import models as cell
from nova.db.cell import schema as cell_schema
from nova.db.cell.faults import Fault
from nova.domain.flavor import Flavor
from nova.domain.server import Server

PROJECT = "6f70656e737461636b20342065766572"
ADMIN = f"admin:{PROJECT}"
USER = f"user:{PROJECT}"
VERSION = "compute 2.96"
BATCH = 1000


def make_server(number: int) -> Server:
    """A server as tenants have them: tags, metadata, a key, one in fifty or so in error."""
    return Server(
        uuid=str(uuid.UUID(int=(number * 2654435761) % 2**64 << 64 | number)),
        project_id=PROJECT,
        user_id="user",
        display_name=f"server-{number}",
        hostname=f"server-{number}",
        flavor=Flavor(
            flavorid="1",
            name="m1.small",
            vcpus=1,
            memory_mb=2048,
            root_gb=20,
            extra_specs={"hw:cpu_policy": "shared", "trait:CUSTOM_A": "required"},
        ),
        vm_state="error" if number % 51 == 0 else "active",
        power_state=1,
        created_at=columns.now() - timedelta(seconds=number),
        updated_at=columns.now() - timedelta(seconds=number),
        launched_at=columns.now() - timedelta(seconds=number),
        host=f"host{number % 100}",
        node=f"host{number % 100}",
        availability_zone="nova",
        image_ref=str(uuid.UUID(int=1)),
        image_properties={"os_distro": "debian", "hw_machine_type": "q35", "min_ram": "0"},
        key_name="key",
        key_data="ssh-ed25519 AAAA",
        user_data="aGVsbG8=" * 10,
        reservation_id="r-12345678",
        metadata={"role": "web", "owner": "somebody"},
        security_groups=("default",),
        tags=("blue", "red") if number % 3 else (),
    )


def fill(database: Database, cell_id: int, plane: Plane, numbers: range) -> None:
    """Rows of servers with tags, and their mappings."""
    for start in range(0, len(numbers), BATCH):
        found = [make_server(number) for number in numbers[start : start + BATCH]]
        with database.write() as tx:
            tx.execute(
                sa.insert(cell.instances),
                [{**servers.to_values(server), "deleted": 0} for server in found],
            )
            tags = [
                {"resource_id": server.uuid, "tag": tag} for server in found for tag in server.tags
            ]
            if tags:
                tx.execute(sa.insert(cell.tags), tags)
            for server in found:
                if server.vm_state == "error":
                    fault = Fault(500, "No valid host was found.", "", server.created_at)
                    faults.add(tx, server.uuid, fault)
        with plane.api_database.write() as tx:
            tx.execute(
                sa.insert(api.instance_mappings),
                [
                    {
                        "instance_uuid": server.uuid,
                        "cell_id": cell_id,
                        "project_id": server.project_id,
                        "user_id": server.user_id,
                        "vcpus": 1,
                        "memory_mb": 2048,
                        "created_at": server.created_at,
                    }
                    for server in found
                ],
            )


def add_hosts(database: Database, hosts: int) -> None:
    """Compute services that reported just now, as ``host_status`` reads them."""
    with database.write() as tx:
        tx.execute(
            sa.insert(cell.services),
            [
                {
                    "uuid": str(uuid.uuid4()),
                    "host": f"host{number}",
                    "binary": "nova-compute",
                    "topic": "compute",
                    "created_at": columns.now(),
                    "last_seen_up": columns.now(),
                }
                for number in range(hosts)
            ],
        )


def make_plane(conf: cfg.ConfigOpts, api_url: str, cell_urls: list[str], cell0_url: str) -> Plane:
    """Migrated databases and mapped cells."""
    database = Database(api_url)
    api_schema.sync(database)
    for url in (cell0_url, *cell_urls):
        cell_schema.sync(Database(url))
    map_cell0(database, cell0_url)
    for number, url in enumerate(cell_urls, start=1):
        urls = Urls(f"local:///cell{number}", url)
        create_cell(database, urls, local=urls, name=f"cell{number}")
    return Plane(conf, api_database=database, transport_url="local:///api")


def ask(application: WsgiApp, path: str, token: str) -> bytes:
    request = webob.Request.blank(f"/v2.1{path}", base_url="http://cloud.example.com")
    request.headers["X-Auth-Token"] = token
    request.headers["OpenStack-API-Version"] = VERSION
    answer = request.get_response(application)
    assert answer.status_int == 200, answer.text
    return bytes(answer.body)


class ServerThreads:
    """The threads of a MariaDB server on this machine that serve connections to some databases."""

    def __init__(self, urls: list[str]) -> None:
        parsed = [sa.make_url(url) for url in urls]
        self._names = [url.database for url in parsed if url.get_backend_name() == "mysql"]
        self._engine = (
            sa.create_engine(parsed[0].set(database=None), isolation_level="AUTOCOMMIT")
            if self._names
            else None
        )
        self._threads: list[Path] = []

    def look(self) -> None:
        """Find those that there are now."""
        if self._engine is None:
            return
        named = sa.bindparam("names", self._names, expanding=True)
        query = sa.text("SELECT TID FROM information_schema.PROCESSLIST WHERE DB IN :names")
        with self._engine.connect() as connection:
            found = connection.execute(query.bindparams(named)).scalars().all()
        self._threads = [Path(f"/proc/{thread}/task/{thread}/schedstat") for thread in found]

    def cpu_s(self) -> float:
        """What they have worked so far; 0 for other databases."""
        return sum(int(thread.read_text().split()[0]) for thread in self._threads) / 1e9


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one request; the best of many is what it costs on a machine that has nothing else to do."""

    best_api_ms: float
    best_database_ms: float
    best_both_ms: float
    lower_half_both_ms: float
    median_wall_ms: float
    answer_bytes: int


def measure(
    application: WsgiApp, path: str, token: str, repeat: int, threads: ServerThreads
) -> Cost:
    for _ in range(3):
        body = ask(application, path, token)
    threads.look()
    api, database, wall = [], [], []
    for _ in range(repeat):
        worked, started, began = threads.cpu_s(), time.process_time(), time.perf_counter()
        body = ask(application, path, token)
        api.append((time.process_time() - started) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
        database.append((threads.cpu_s() - worked) * 1000)
    both = sorted(map(sum, zip(api, database, strict=True)))
    return Cost(
        min(api),
        min(database),
        both[0],
        statistics.mean(both[: (repeat + 1) // 2]),
        statistics.median(wall),
        len(body),
    )


def profile(application: WsgiApp, path: str, token: str, repeat: int) -> None:
    """The most costly functions of this thread, and of the cells' (asked one after the other here)."""
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(repeat):
        ask(application, path, token)
    profiler.disable()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).sort_stats("tottime").print_stats(35)
    print(out.getvalue())


def in_this_thread(_lane: Lane, work: Callable[[], None]) -> None:
    """In place of ``Lane.do``: a profiler sees one thread only."""
    work()


def read_conf(folder: Path) -> cfg.ConfigOpts:
    """Placement and Glance are named but never asked."""
    path = folder / "nova.conf"
    nobody = "auth_type = none\nendpoint_override = http://127.0.0.1:9\n"
    path.write_text(f"[api]\nauth_strategy = noauth2\n[placement]\n{nobody}[glance]\n{nobody}")
    conf = nova.conf.new()
    conf(["--config-file", str(path)], project="nova")
    beginning.transport_url(conf)
    return conf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--servers", type=int, default=5000, help="in all cells together")
    parser.add_argument("--cells", type=int, default=2)
    parser.add_argument("--hosts", type=int, default=100, help="in each cell")
    parser.add_argument("--limit", type=int, nargs="+", default=[1, 50, 1000])
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--api-url", help="an empty database")
    parser.add_argument("--cell-url", action="append", default=[], help="an empty database; repeat")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    # As the service does.
    collect_rarely()
    with tempfile.TemporaryDirectory() as folder:
        run(options, Path(folder))


def run(options: argparse.Namespace, folder: Path) -> None:
    conf = read_conf(folder)
    cell_urls = options.cell_url or [
        f"sqlite:///{folder}/cell{number}.db" for number in range(1, options.cells + 1)
    ]
    plane = make_plane(
        conf, options.api_url or f"sqlite:///{folder}/api.db", cell_urls, f"sqlite:///{folder}/0.db"
    )
    cells = plane.registry.real()
    for number, found in enumerate(cells):
        database = plane.targets.database(found)
        fill(database, found.id, plane, range(number, options.servers, len(cells)))
        add_hosts(database, options.hosts)
    application = compute_api.make(conf, plane)
    one = msgspec.json.decode(ask(application, "/servers?limit=1", ADMIN))["servers"][0]["id"]
    # The numbers of the rows are the ages of the servers.
    marker = make_server(options.servers // 2).uuid
    print(f"{options.servers} servers, {len(cells)} cells, {cell_urls[0].partition(':')[0]}")
    print(f"{'':<50}{'------ best CPU ms ------':>27}{'lower half':>11}{'wall ms':>9}")
    print(
        f"{'question':<42}{'as':<8}{'API':>9}{'database':>9}{'both':>9}{'both':>11}{'median':>9}{'bytes':>9}"
    )
    threads = ServerThreads([*cell_urls, *([options.api_url] if options.api_url else [])])
    paths = [f"/servers/{one}"]
    paths += [f"/servers/detail?limit={limit}" for limit in options.limit]
    paths += [f"/servers/detail?limit=50&marker={marker}", "/servers?limit=50"]
    paths += ["/servers/detail?limit=50&status=ERROR", "/servers/detail?limit=50&name=server-1"]
    for path in paths:
        for name, token in (("user", USER), ("admin", ADMIN)):
            cost = measure(application, path, token, options.repeat, threads)
            shown = path.replace(one, "{id}").replace(marker, "{id}")
            print(
                f"{shown:<42}{name:<8}{cost.best_api_ms:>9.2f}{cost.best_database_ms:>9.2f}"
                f"{cost.best_both_ms:>9.2f}{cost.lower_half_both_ms:>11.2f}"
                f"{cost.median_wall_ms:>9.2f}{cost.answer_bytes:>9}",
                flush=True,
            )
    if options.profile:
        Lane.do = in_this_thread  # type: ignore[method-assign]
        for path in (f"/servers/detail?limit={max(options.limit)}", f"/servers/{one}"):
            print(f"\n{path.replace(one, '{id}')}")
            profile(application, path, USER, options.repeat)
    plane.close()


if __name__ == "__main__":
    main()
