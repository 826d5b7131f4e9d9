"""Running daemons: start them in order, wait for a signal, stop them in reverse."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Sequence

from oslo_config import cfg

from groundwork import starting
from groundwork.serving import wait_for_signals
from nova.cmd import beginning
from nova.service import Daemon

LOG = logging.getLogger(__name__)


def run(daemons: Sequence[Daemon], *, name: str, reload: Callable[[], object]) -> int:
    """Start all, stay until TERM or INT, stop all. HUP reads changed options again."""
    started: list[Daemon] = []
    try:
        for daemon in daemons:
            daemon.start()
            started.append(daemon)
        # What is here now stays: later collections need not walk it again.
        gc.freeze()
        LOG.info("%s is ready", name)
        wait_for_signals(reload=reload)
        LOG.info("%s stops", name)
    finally:
        for daemon in reversed(started):
            daemon.stop()
    return 0


def main(program: str, make: Callable[[cfg.ConfigOpts], Sequence[Daemon]]) -> None:
    """A console script that runs the daemons which ``make`` puts together from the configuration."""

    def work() -> int:
        conf = beginning.read_options(sys.argv[1:])
        return run(make(conf), name=program, reload=conf.mutate_config_files)

    starting.run(program, work)
