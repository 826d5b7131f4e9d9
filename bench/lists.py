#!/usr/bin/env python3
"""CPU of ``GET /servers/detail`` and ``GET /servers/{id}``, without HTTP.

    python bench/lists.py [--servers 5000] [--cells 2] [--limit 1 50 1000] [--repeat 20] [--profile]
    python bench/lists.py --cell-url mysql+pymysql://root@127.0.0.1/a --cell-url ... --api-url ...

Real: the whole WSGI pipeline with noauth2, policies, merging, views and JSON, over the databases of the cells. Rows go
in directly; SQLite files are made in a temporary directory, and URLs that are given must name empty databases.

Prints for each question the CPU milliseconds of a request (user and system, all threads; best and median of
``--repeat`` after a warm-up), the wall time, and the size of the answer.
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
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
import webob
from oslo_config import cfg

import nova.conf
from groundwork import columns
from groundwork.database import Database
from groundwork.wsgi import WsgiApp
from nova.cells.mappings import Urls, create_cell, map_cell0
from nova.cmd import beginning, compute_api
from nova.cmd.plane import Plane
from nova.db.api import models as api
from nova.db.api import schema as api_schema
from nova.db.cell import models as cell
from nova.db.cell import schema as cell_schema
from nova.db.cell import servers
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
            faults = [
                {
                    "instance_uuid": server.uuid,
                    "created_at": server.created_at,
                    "code": 500,
                    "message": "No valid host was found.",
                    "details": "",
                }
                for server in found
                if server.vm_state == "error"
            ]
            if faults:
                tx.execute(sa.insert(cell.instance_faults), faults)
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


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one request; the best of many is what it costs on a machine that has nothing else to do."""

    best_cpu_ms: float
    median_cpu_ms: float
    median_wall_ms: float
    answer_bytes: int


def measure(application: WsgiApp, path: str, token: str, repeat: int) -> Cost:
    for _ in range(3):
        body = ask(application, path, token)
    cpu, wall = [], []
    for _ in range(repeat):
        started, began = time.process_time(), time.perf_counter()
        body = ask(application, path, token)
        cpu.append((time.process_time() - started) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
    return Cost(min(cpu), statistics.median(cpu), statistics.median(wall), len(body))


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


class SameThread:
    """Runs what is submitted at once: a profiler sees one thread only."""

    def submit(self, function: Any, *arguments: Any) -> Any:
        from concurrent.futures import Future

        future: Any = Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, **_how: Any) -> None:
        """Nothing runs."""


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
    middle = msgspec.json.decode(ask(application, f"/servers?limit={options.servers // 2}", ADMIN))
    marker = middle["servers"][-1]["id"]
    print(f"{options.servers} servers, {len(cells)} cells, {cell_urls[0].partition(':')[0]}")
    print(f"{'':<50}{'---- CPU ms ----':>18}{'wall ms':>9}")
    print(f"{'question':<42}{'as':<8}{'best':>9}{'median':>9}{'median':>9}{'bytes':>10}")
    paths = [f"/servers/{one}"]
    paths += [f"/servers/detail?limit={limit}" for limit in options.limit]
    paths += [f"/servers/detail?limit=50&marker={marker}", "/servers?limit=50"]
    paths += ["/servers/detail?limit=50&status=ERROR", "/servers/detail?limit=50&name=server-1"]
    for path in paths:
        for name, token in (("user", USER), ("admin", ADMIN)):
            cost = measure(application, path, token, options.repeat)
            shown = path.replace(one, "{id}").replace(marker, "{id}")
            print(
                f"{shown:<42}{name:<8}{cost.best_cpu_ms:>9.2f}{cost.median_cpu_ms:>9.2f}"
                f"{cost.median_wall_ms:>9.2f}{cost.answer_bytes:>10}"
            )
    if options.profile:
        plane.scatter._pool = SameThread()  # type: ignore[assignment]
        for path in (f"/servers/detail?limit={max(options.limit)}", f"/servers/{one}"):
            print(f"\n{path.replace(one, '{id}')}")
            profile(application, path, USER, options.repeat)
    plane.close()


if __name__ == "__main__":
    main()
