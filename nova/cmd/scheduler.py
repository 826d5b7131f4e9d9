"""``nova-scheduler``: picks hosts and claims them."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from oslo_config import cfg

from nova.cmd import beginning, daemons
from nova.cmd.plane import Plane
from nova.service import Daemon, Identity

# Objects that come and stay before the collector looks for garbage. A decision among a thousand hosts makes thousands
# of them at once and drops them without its help; with Python's 700 it walks through all of them again and again, which
# took as long as deciding. Larger: cycles that errors leave behind lie about longer.
_YOUNG_OBJECTS = 50_000


def collect_rarely() -> None:
    """Let the garbage collector of this process work at the pace of decisions."""
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)


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
