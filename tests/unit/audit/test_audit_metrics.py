"""The counts of an audit as Prometheus reads them, and the file they are put into."""

from __future__ import annotations

from pathlib import Path

import pytest

from nova.audit.auditor import LOOKS, Report, Scope
from nova.audit.finding import Check, Finding, Kind
from nova.audit.metrics import KINDS, Counts, write


def finding(check: Check, kind: Kind) -> Finding:
    return Finding(check, kind, "thing", "wrong", "mend it")


def test_each_check_is_looked_at_and_each_kind_is_counted_once() -> None:
    assert list(LOOKS) == list(Check) == list(KINDS)
    counted = [kind for kinds in KINDS.values() for kind in kinds]
    assert sorted(counted) == sorted(Kind)


def test_render_golden() -> None:
    findings = [
        finding(Check.BUILDS, Kind.IDLE_BUILD),
        finding(Check.BUILDS, Kind.IDLE_BUILD),
    ]
    report = Report(
        Scope((Check.BUILDS, Check.LEDGER)), findings, {Check.LEDGER: "away"}, {"cell": "gone"}
    )
    counts = Counts.of(report, ended_at=1750000000.5, took_s=2)
    assert counts.total == 2
    assert counts.render() == (
        "# HELP nova_audit_findings Things that are not as they should be.\n"
        "# TYPE nova_audit_findings gauge\n"
        'nova_audit_findings{check="builds",kind="idle-build"} 2\n'
        'nova_audit_findings{check="builds",kind="build-in-cell"} 0\n'
        'nova_audit_findings{check="ledger",kind="wrong-count"} 0\n'
        'nova_audit_findings{check="ledger",kind="counted-though-deleted"} 0\n'
        'nova_audit_findings{check="ledger",kind="not-counted"} 0\n'
        "# HELP nova_audit_check_done Whether the check could be done (1) or not (0).\n"
        "# TYPE nova_audit_check_done gauge\n"
        'nova_audit_check_done{check="builds"} 1\n'
        'nova_audit_check_done{check="ledger"} 0\n'
        "# HELP nova_audit_unreadable_cells Cells whose database could not be read.\n"
        "# TYPE nova_audit_unreadable_cells gauge\n"
        "nova_audit_unreadable_cells 1\n"
        "# HELP nova_audit_last_run_timestamp_seconds When the last audit ended.\n"
        "# TYPE nova_audit_last_run_timestamp_seconds gauge\n"
        "nova_audit_last_run_timestamp_seconds 1750000000.500\n"
        "# HELP nova_audit_duration_seconds How long the last audit took.\n"
        "# TYPE nova_audit_duration_seconds gauge\n"
        "nova_audit_duration_seconds 2.000\n"
    )


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "nova.prom"
    write(file, "old\n")
    before = file.open()
    write(file, "new\n")
    assert (before.read(), file.read_text()) == ("old\n", "new\n")
    before.close()
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_leaves_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "nova.prom"
    (taken / "below").mkdir(parents=True)
    with pytest.raises(OSError):
        write(taken, "new\n")
    assert list(tmp_path.iterdir()) == [taken]
