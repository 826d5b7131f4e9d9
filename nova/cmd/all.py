"""``nova-all``: the whole compute plane in one process, for laptops and tests.

Every daemon runs as threads, over in-process buses (``local://``, one for the API level and one per cell) and SQLite
files under ``state_path``. The cells are real ones: each has a database, a bus, a conductor and hosts of its own, and
only the URLs differ from those of a production deployment.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg

from groundwork import starting
from groundwork.database import Database
from groundwork.errors import Unavailable
from nova.cells.mappings import Urls, create_cell, map_cell0
from nova.cmd import api, beginning, cell, daemons
from nova.cmd.plane import Plane
from nova.compute.agent import ComputeAgent
from nova.db.api import schema as api_schema
from nova.db.cell import schema as cell_schema
from nova.rpc.bus import Bus
from nova.service import Daemon, Identity

LOG = logging.getLogger(__name__)

_API_BUS = "local:///api"
# Seconds for the first inventory reports; Placement may still be starting.
_REPORT_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class EmbeddedCell:
    """One cell of this process."""

    name: str
    database_url: str
    transport_url: str
    hosts: tuple[str, ...]


def embedded_cells(conf: cfg.ConfigOpts) -> tuple[EmbeddedCell, ...]:
    """cell1 to cellN with their hosts."""
    return tuple(
        EmbeddedCell(
            name=f"cell{number}",
            database_url=_sqlite(conf, f"cell{number}"),
            transport_url=f"local:///cell{number}",
            hosts=tuple(
                f"cell{number}-host{host}" for host in range(1, conf.embedded.hosts_per_cell + 1)
            ),
        )
        for number in range(1, conf.embedded.cells + 1)
    )


def _sqlite(conf: cfg.ConfigOpts, name: str) -> str:
    return f"sqlite:///{Path(conf.state_path).absolute()}/{name}.db"


def prepare(conf: cfg.ConfigOpts, cells: Sequence[EmbeddedCell]) -> Database:
    """The API database, with every database migrated and every cell mapped; what is there already stays.

    :raises Unavailable: the state directory cannot be used.
    """
    try:
        Path(conf.state_path).mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise Unavailable(f"state_path {conf.state_path} cannot be used: {exc.strerror}") from exc
    api_url = conf.api_database.connection or _sqlite(conf, "api")
    api_database = Database.from_conf(conf.api_database, url=api_url)
    api_schema.sync(api_database)
    cell0_url = _sqlite(conf, "cell0")
    for url in (cell0_url, *(each.database_url for each in cells)):
        cell_schema.sync(Database.from_conf(conf.database, url=url))
    map_cell0(api_database, cell0_url)
    plane = Plane(conf, api_database=api_database, transport_url=_API_BUS)
    known = {found.name for found in plane.registry.all()}
    for each in cells:
        if each.name not in known:
            urls = Urls(each.transport_url, each.database_url)
            create_cell(api_database, urls, local=urls, name=each.name)
    return api_database


class EmbeddedPlane:
    """All daemons of this process, as one."""

    def __init__(self, conf: cfg.ConfigOpts, *, transport_url: str = _API_BUS) -> None:
        self._cells = embedded_cells(conf)
        api_database = prepare(conf, self._cells)
        self.plane = Plane(conf, api_database=api_database, transport_url=transport_url)
        self._computes: list[ComputeAgent] = []
        self._daemons = [*self._above(conf), *self._inside(conf)]
        self._http = api.http_server(conf, self.plane)

    def _above(self, conf: cfg.ConfigOpts) -> Iterator[Daemon]:
        yield self.plane.scheduler(Identity("nova-scheduler", conf.host))
        yield self.plane.super_conductor(Identity(cell.CONDUCTOR, conf.host))
        yield from self.plane.audit()

    def _inside(self, conf: cfg.ConfigOpts) -> Iterator[Daemon]:
        for each in self._cells:
            # Each cell gets collaborators of its own, as it would in a process of its own.
            bus = Bus(conf, each.transport_url)
            yield cell.conductor(
                conf,
                database=Database.from_conf(conf.database, url=each.database_url),
                bus=bus,
                placement=self.plane.placement,
                host=f"{each.name}-conductor",
            )
            for host in each.hosts:
                agent = cell.compute(conf, bus=bus, placement=self.plane.placement, host=host)
                self._computes.append(agent)
                yield agent

    def start(self) -> None:
        """Start everything; when this returns, servers can be created on every host.

        :raises Unavailable: the port is taken, or Placement takes no reports.
        """
        started = time.monotonic()
        for daemon in self._daemons:
            daemon.start()
        self._wait_for_hosts(started + _REPORT_TIMEOUT_S)
        self.plane.discover_hosts()
        self._http.start()
        LOG.info("all is ready after %.1f s", time.monotonic() - started)

    def _wait_for_hosts(self, deadline: float) -> None:
        for agent in self._computes:
            if not agent.wait_reported(max(0.0, deadline - time.monotonic())):
                raise Unavailable(
                    f"Placement takes no reports within {_REPORT_TIMEOUT_S} s: see the log."
                )

    def stop(self) -> None:
        """Take no more requests, then end the daemons, all at once."""
        self._http.stop()
        with ThreadPoolExecutor(max_workers=16) as stoppers:
            list(stoppers.map(lambda daemon: daemon.stop(), reversed(self._daemons)))
        self.plane.close()


def main() -> None:
    """The console script."""

    def work() -> int:
        conf = beginning.read_options(sys.argv[1:])
        beginning.transport_url(conf)
        return daemons.run([EmbeddedPlane(conf)], name="nova-all", reload=conf.mutate_config_files)

    starting.run("nova-all", work)
