"""How much memory each process takes."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from quickstart_parts.processes import session_members


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """One process: resident memory, and its fair share of what it shares (PSS)."""

    name: str
    pid: int
    rss_mb: float
    pss_mb: float


def memory_of_sessions(sessions: dict[int, str]) -> list[MemoryUse]:
    """The memory of each process of these sessions (leader pid -> service name), oldest first."""
    uses = []
    for session, service in sessions.items():
        for pid in session_members(session):
            with contextlib.suppress(OSError):
                uses.append(_memory_of(pid, service))
    return uses


def _memory_of(pid: int, service: str) -> MemoryUse:
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return MemoryUse(
        name=_name(pid, service),
        pid=pid,
        rss_mb=_kilobytes(status, "VmRSS") / 1024,
        pss_mb=_kilobytes(rollup, "Pss") / 1024,
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
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _kilobytes(text: str, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(match.group(1)) if match else 0
