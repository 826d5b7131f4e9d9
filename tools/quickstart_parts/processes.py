"""Processes the quick start makes: started in sessions of their own, stopped together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Services get this long to finish what they do; longer makes Ctrl-C feel broken, shorter cuts off
# requests that are being answered.
STOP_S = 5.0

# Only a process that hangs inside the kernel survives SIGKILL for longer, and no patience helps there.
KILL_S = 2.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def start(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, its output appended to ``log``.

    It gets SIGTERM when this process dies in whatever way, so that even ``kill -9`` of the quick start
    leaves nothing behind. The kernel sends that when the *thread* that started it ends: call this from
    the main thread only.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=directory,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(processes: Sequence[subprocess.Popen[bytes]], *, patience_s: float = STOP_S) -> None:
    """End these processes and all they started: SIGTERM, then SIGKILL to what is left of each session."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + patience_s
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        _kill_session(process.pid)
        process.wait()


def _kill_session(session: int) -> None:
    """Kill what is left of a session; it outlives its leader when a child ignores the signal.

    Again and again for a while: a process can fork between the look and the signal, and a killed one
    takes a moment to go.
    """
    deadline = time.monotonic() + KILL_S
    while members := session_members(session):
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)


def session_members(session: int) -> tuple[int, ...]:
    """The processes of a session that still run, oldest first."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (name) state ppid pgrp session ...; the name may hold blanks and parentheses.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    members.append(int(entry.name))
    return tuple(sorted(members))


def describe_end(return_code: int) -> str:
    """How a process ended, in words: "was killed by SIGKILL", "ended with status 1"."""
    if return_code < 0:
        return f"was killed by {signal.Signals(-return_code).name}"
    return f"ended with status {return_code}"
