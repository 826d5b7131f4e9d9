"""A real Placement service for measuring: a database filled with equal hosts, and uWSGI in front of it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from groundwork import migrations
from groundwork.database import Database
from placement import conf as placement_conf
from placement.cmd.beginning import prepare_database
from placement.db import models
from placement.db.migrations import FOLDER
from tests.functional.processes import programs

STOCKS = {"VCPU": 256, "MEMORY_MB": 524288, "DISK_GB": 4096}
# Rows in one INSERT.
_CHUNK = 1000
_READY_S = 60


@contextmanager
def real_placement(
    server_url: str,
    folder: Path,
    *,
    hosts: int,
    uuid_of: Callable[[int], str],
    traits: Sequence[str],
    processes: int,
) -> Iterator[str]:
    """The URL of a service whose database has these hosts.

    ``server_url`` names a MariaDB server without a database (``mysql+pymysql://root@127.0.0.1``); one is made there and
    dropped in the end.
    """
    name = f"bench_scheduler_{uuid.uuid4().hex[:8]}"
    server = sa.create_engine(f"{server_url}/", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    try:
        config = folder / f"{name}.conf"
        config.write_text(
            f"[api]\nauth_strategy = noauth2\n[placement_database]\nconnection = {server_url}/{name}\n"
        )
        _fill(config, hosts=hosts, uuid_of=uuid_of, traits=traits)
        with _served(config, processes) as url:
            yield url
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name}"))
        server.dispose()


def _fill(
    config: Path, *, hosts: int, uuid_of: Callable[[int], str], traits: Sequence[str]
) -> None:
    conf = placement_conf.new()
    conf(["--config-file", str(config)], project="placement")
    database = Database.from_conf(conf.placement_database)
    migrations.upgrade(database, FOLDER)
    prepare_database(conf, database)
    with database.write() as tx:
        classes = {
            row.name: row.id
            for row in tx.execute(sa.select(models.resource_classes))
            if row.name in STOCKS
        }
        wanted = sa.select(models.traits.c.id).where(models.traits.c.name.in_(traits))
        trait_ids = tx.execute(wanted).scalars().all()
        for begin in range(0, hosts, _CHUNK):
            ids = range(begin + 1, min(hosts, begin + _CHUNK) + 1)
            tx.execute(
                sa.insert(models.resource_providers),
                [
                    {
                        "id": i,
                        "uuid": uuid_of(i - 1),
                        "name": f"host{i - 1}",
                        "root_provider_id": None,
                    }
                    for i in ids
                ],
            )
            tx.execute(
                sa.insert(models.inventories),
                [
                    {
                        "resource_provider_id": i,
                        "resource_class_id": classes[kind],
                        "total": total,
                        "reserved": 0,
                        "min_unit": 1,
                        "max_unit": total,
                        "step_size": 1,
                        "allocation_ratio": 1.0,
                    }
                    for i in ids
                    for kind, total in STOCKS.items()
                ],
            )
            tx.execute(
                sa.insert(models.provider_traits),
                [{"resource_provider_id": i, "trait_id": t} for i in ids for t in trait_ids],
            )
        tx.execute(
            sa.update(models.resource_providers).values(
                root_provider_id=models.resource_providers.c.id
            )
        )
    database.dispose()


@contextmanager
def _served(config: Path, processes: int) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = subprocess.Popen(
        programs.uwsgi_service("placement.wsgi.api", port=port, processes=processes, threads=4),
        env={"PATH": os.environ["PATH"], "OS_PLACEMENT_CONFIG_FILES": str(config)},
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _READY_S
        while not _answers(port):
            if served.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("Placement does not start.")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        served.terminate()
        served.wait(timeout=30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
