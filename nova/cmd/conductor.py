"""``nova-conductor``: the super-conductor above the cells, or the conductor of a cell."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

from nova.clients.placement import load_placement
from nova.cmd import beginning, cell, daemons
from nova.cmd.plane import Plane
from nova.rpc.bus import Bus
from nova.service import Daemon, Identity


def make(conf: cfg.ConfigOpts) -> Sequence[Daemon]:
    """The conductor or conductors of this configuration, by ``[conductor] role``."""
    role = conf.conductor.role
    if role == "auto":
        role = "super" if conf.api_database.connection else "cell"
    transport_url = beginning.transport_url(conf)
    found: list[Daemon] = []
    if role in ("cell", "both"):
        found.append(
            cell.conductor(
                conf,
                database=beginning.cell_database(conf),
                bus=Bus(conf, transport_url),
                placement=load_placement(conf),
                host=conf.host,
            )
        )
    if role in ("super", "both"):
        plane = Plane(conf, api_database=beginning.api_database(conf), transport_url=transport_url)
        found.append(plane.super_conductor(Identity(cell.CONDUCTOR, conf.host)))
        found += plane.audit()
    return found


def main() -> None:
    """The console script."""
    daemons.main("nova-conductor", make)
