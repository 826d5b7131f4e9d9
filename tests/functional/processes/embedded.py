"""``nova-all`` as a process: the whole plane on SQLite, with Placement and a fake Glance beside it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.functional.processes import configs, programs
from tests.functional.processes.os_process import OsProcess
from tests.functional.processes.ports import free_ports
from tests.functional.processes.rest import Compute, Placement
from tests.functional.processes.waiting import wait_for

_READY_TIMEOUT_S = 120


class Embedded:
    """Make one, ``start`` it, use it, and ``remove`` it whatever happened."""

    def __init__(self, folder: Path, *, spawn_delay_s: float) -> None:
        self.folder = folder
        #: Where databases and guests are kept.
        self.state = folder / "state"
        compute, placement, glance = free_ports(3)
        self.compute = Compute(f"http://127.0.0.1:{compute}")
        self.placement = Placement(f"http://127.0.0.1:{placement}")
        urls = configs.Urls(self.placement.url, f"http://127.0.0.1:{glance}")
        self.state.mkdir()
        configs.write(
            folder / "placement.conf",
            configs.placement(f"sqlite:///{self.state}/placement.db", sync_on_startup=True),
        )
        nova = configs.write(
            folder / "nova.conf",
            configs.embedded(
                state=self.state, port=compute, urls=urls, spawn_delay_s=spawn_delay_s
            ),
        )
        self._glance = self._process(
            "glance", programs.script("tests/fakes/glance.py", "--port", str(glance))
        )
        self._placement = self._process(
            "placement", programs.script("tools/wsgi/placement-api", "--port", str(placement))
        )
        self.nova = self._process(
            "nova-all", programs.console_script("nova-all", "--config-file", str(nova))
        )
        self._processes = (self._glance, self._placement, self.nova)

    def start(self) -> None:
        """Start everything; when this returns, servers can be created on every host."""
        for process in self._processes:
            process.start()
        self.wait_until_answers()

    def wait_until_answers(self) -> None:
        """Wait for ``nova-all``, which listens once everything else of it works."""

        def look() -> bool:
            for process in self._processes:
                assert not process.has_died, f"{process.name} has ended:\n{process.tail()}"
            return self.compute.answers()

        wait_for("nova-all to answer", look, timeout_s=_READY_TIMEOUT_S)

    def remove(self) -> None:
        """End every process."""
        with contextlib.ExitStack() as all_of_it:
            for process in self._processes:
                all_of_it.callback(process.stop)

    def tails(self) -> str:
        """The end of every log, for the report of a failed test."""
        return "\n".join(f"--- {each.name}\n{each.tail()}" for each in self._processes)

    def _process(self, name: str, command: list[str]) -> OsProcess:
        return OsProcess(
            name,
            command,
            log=self.folder / f"{name}.log",
            environment=programs.environment(OS_PLACEMENT_CONFIG_DIR=str(self.folder)),
        )
