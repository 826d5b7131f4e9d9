"""What an audit came to, as numbers that Prometheus can read."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nova.audit.auditor import Report
from nova.audit.finding import Check, Kind

KINDS: Mapping[Check, tuple[Kind, ...]] = {
    Check.OPERATIONS: (
        Kind.DEAD_OWNER,
        Kind.IDLE_OPERATION,
        Kind.BLOCKED_IN_VAIN,
        Kind.UNATTENDED_SERVER,
        Kind.INTERRUPTED_REPAIR,
    ),
    Check.BUILDS: (Kind.IDLE_BUILD, Kind.BUILD_IN_CELL),
    Check.MAPPINGS: (
        Kind.MAPPED_ELSEWHERE,
        Kind.IN_TWO_CELLS,
        Kind.SERVER_WITHOUT_MAPPING,
        Kind.MAPPING_WITHOUT_SERVER,
    ),
    Check.LEDGER: (Kind.WRONG_COUNT, Kind.COUNTED_THOUGH_DELETED, Kind.NOT_COUNTED),
    Check.ALLOCATIONS: (
        Kind.ALLOCATION_MISSING,
        Kind.ALLOCATION_WRONG,
        Kind.ALLOCATION_ORPHANED,
    ),
    Check.HOSTS: (
        Kind.HOST_MAPPING_ORPHANED,
        Kind.NODE_WITHOUT_SERVICE,
        Kind.NODE_WITHOUT_PROVIDER,
        Kind.PROVIDER_WITHOUT_NODE,
        Kind.SERVERS_WITHOUT_NODE,
    ),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of one audit. ``ended_at``: seconds since the epoch; ``took_s``: both looks and the time between."""

    by_kind: Mapping[Kind, int]
    is_done: Mapping[Check, bool]
    unreadable_cells: int
    ended_at: float
    took_s: float

    @classmethod
    def of(cls, report: Report, *, ended_at: float, took_s: float) -> Counts:
        """Count a report; kinds that were looked for and not found count 0, so that alarms end."""
        found = Counter(finding.kind for finding in report.findings)
        return cls(
            {kind: found[kind] for check in report.scope.checks for kind in KINDS[check]},
            {check: check not in report.failures for check in report.scope.checks},
            len(report.unreadable),
            ended_at,
            took_s,
        )

    @property
    def total(self) -> int:
        """All findings."""
        return sum(self.by_kind.values())

    def render(self) -> str:
        """Prometheus's text format, as its node exporter's textfile collector takes it."""
        lines = _family("nova_audit_findings", "Things that are not as they should be.")
        check_of = {kind: check for check, kinds in KINDS.items() for kind in kinds}
        lines += [
            f'nova_audit_findings{{check="{check_of[kind]}",kind="{kind}"}} {count}'
            for kind, count in self.by_kind.items()
        ]
        lines += _family("nova_audit_check_done", "Whether the check could be done (1) or not (0).")
        lines += [
            f'nova_audit_check_done{{check="{check}"}} {int(done)}'
            for check, done in self.is_done.items()
        ]
        lines += _family("nova_audit_unreadable_cells", "Cells whose database could not be read.")
        lines.append(f"nova_audit_unreadable_cells {self.unreadable_cells}")
        lines += _family("nova_audit_last_run_timestamp_seconds", "When the last audit ended.")
        lines.append(f"nova_audit_last_run_timestamp_seconds {self.ended_at:.3f}")
        lines += _family("nova_audit_duration_seconds", "How long the last audit took.")
        lines.append(f"nova_audit_duration_seconds {self.took_s:.3f}")
        return "\n".join(lines) + "\n"


def _family(name: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]


def write(path: Path, text: str) -> None:
    """Put the text into the file as a whole: a collector that reads meanwhile sees the old one or the new one.

    :raises OSError: the directory cannot be written to.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # The collector runs as somebody else.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
