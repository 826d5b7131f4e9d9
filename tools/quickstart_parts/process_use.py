"""How much memory and processor time each process takes."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from quickstart_parts.processes import session_members


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """One process: resident memory, its fair share of what it shares (PSS), and processor time."""

    name: str
    pid: int
    rss_mb: float
    pss_mb: float
    cpu_s: float


def use_of_sessions(sessions: dict[int, str]) -> list[ProcessUse]:
    """What each process takes of these sessions (leader pid -> service name), oldest first."""
    uses = []
    for session, service in sessions.items():
        for pid in session_members(session):
            with contextlib.suppress(OSError):
                uses.append(_use_of(pid, service))
    return uses


def _use_of(pid: int, service: str) -> ProcessUse:
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return ProcessUse(
        name=_name(pid, service),
        pid=pid,
        rss_mb=_kilobytes(status, "VmRSS") / 1024,
        pss_mb=_kilobytes(rollup, "Pss") / 1024,
        cpu_s=_cpu_s(pid),
    )


def _name(pid: int, service: str) -> str:
    """What the process is: a uWSGI vassal is named after its ini file, its master set apart."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    vassal = next((Path(word).stem for word in words if word.endswith(".ini")), None)
    if vassal is None:
        return service
    parent = _parent(pid)
    parent_words = Path(f"/proc/{parent}/cmdline").read_bytes().decode(errors="replace").split("\0")
    is_worker = any(word.endswith(".ini") for word in parent_words)
    return vassal if is_worker else f"{vassal} (uWSGI master)"


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _cpu_s(pid: int) -> float:
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields after the name of the process: state, parent, group, session, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _kilobytes(text: str, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(match.group(1)) if match else 0
