"""What the periodic audit leaves behind: counts, a log and a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nova.audit.auditor import Report, Scope
from nova.audit.daemon import AuditDaemon
from nova.audit.finding import Check, Finding, Kind


class Reports:
    """An auditor whose next reports are given."""

    def __init__(self, *findings: tuple[Finding, ...]) -> None:
        self._findings = list(findings)

    def audit(self, scope: Scope) -> Report:
        return Report(scope, self._findings.pop(0))


LOST = Finding(Check.ALLOCATIONS, Kind.ALLOCATION_MISSING, "one", "wrong", "mend it")
LINE = 'nova_audit_findings{check="allocations",kind="allocation-missing"} '


def make(file: Path | None, *findings: tuple[Finding, ...]) -> AuditDaemon:
    auditor: Any = Reports(*findings)
    return AuditDaemon(lambda _sleep: auditor, interval_s=3600, metrics_file=file)


def test_the_file_has_the_counts_of_the_last_audit(tmp_path: Path) -> None:
    file = tmp_path / "nova.prom"
    daemon = make(file, (LOST,), ())
    for count in (1, 0):
        daemon.run()
        assert f"{LINE}{count}\n" in file.read_text()
    assert daemon.counts is not None
    assert file.read_text() == daemon.counts.render()
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_does_not_hide_what_was_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "nowhere" / "nova.prom", (LOST,)).run()
    assert "audit: its counts cannot be written" in caplog.text
    assert "audit: 1 findings {'allocation-missing': 1}" in caplog.text


def test_without_the_option_nothing_is_written(tmp_path: Path) -> None:
    daemon = make(None, ())
    daemon.run()
    assert daemon.counts is not None
    assert list(tmp_path.iterdir()) == []
