"""``nova-compute``: the agent of one host."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

from nova.clients.placement import load_placement
from nova.cmd import beginning, cell, daemons
from nova.rpc.bus import Bus
from nova.service import Daemon


def make(conf: cfg.ConfigOpts) -> Sequence[Daemon]:
    """The agent of this configuration."""
    bus = Bus(conf, beginning.transport_url(conf))
    return [cell.compute(conf, bus=bus, placement=load_placement(conf), host=conf.host)]


def main() -> None:
    """The console script."""
    daemons.main("nova-compute", make)
