"""One program as a process of the operating system, with a log of its own; started, killed, started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.functional.processes.programs import STACKS

# A daemon gets this long to finish what it has in hand. Shorter kills what would have ended well; longer makes a hang
# cost more.
_PATIENCE_S = 20


class OsProcess:
    """Its children belong to its process group, and end with it."""

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_wanted = False

    @property
    def pid(self) -> int:
        """The process id. Only for one that was started."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def has_died(self) -> bool:
        """Whether it ended though nobody here ended it."""
        return self._is_wanted and not self.is_running

    def start(self) -> None:
        """Start it; what it prints is appended to its log."""
        assert not self.is_running, f"{self.name} runs already"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                process_group=0,
            )
        self._is_wanted = True

    def kill(self) -> None:
        """``kill -9`` it and all its children, and see them gone."""
        self._is_wanted = False
        self._signal_group(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_PATIENCE_S)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, as an init system does, and come back at once."""
        self._is_wanted = False
        if self.is_running:
            os.kill(self.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to stop, wait, and kill what is left.

        :raises AssertionError: it did not stop when it was asked; its log shows what it was doing instead.
        """
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, STACKS)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            raise AssertionError(f"{self.name} does not stop:\n{self.tail(80)}") from None
        finally:
            self._signal_group(signal.SIGKILL)
            self._process.wait(_PATIENCE_S)

    def children(self) -> list[int]:
        """The process ids of its direct children."""
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def says(self, text: str) -> bool:
        """Whether its log has the text by now."""
        return self.log.is_file() and text in self.log.read_text(errors="replace")

    def tail(self, lines: int = 25) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.is_file() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal_group(self, number: signal.Signals) -> None:
        """The group outlives its first process when a child ignored the signal."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
