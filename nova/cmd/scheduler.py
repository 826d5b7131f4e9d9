"""``nova-scheduler``: picks hosts and claims them."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

from nova.cmd import beginning, daemons
from nova.cmd.garbage import collect_rarely
from nova.cmd.plane import Plane
from nova.service import Daemon, Identity


def make(conf: cfg.ConfigOpts) -> Sequence[Daemon]:
    """The scheduler of this configuration."""
    plane = Plane(
        conf,
        api_database=beginning.api_database(conf),
        transport_url=beginning.transport_url(conf),
    )
    return [plane.scheduler(Identity("nova-scheduler", conf.host))]


def main() -> None:
    """The console script."""
    collect_rarely()
    daemons.main("nova-scheduler", make)
