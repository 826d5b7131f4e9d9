"""Who is alive, which zone, and which of several answers counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from groundwork.errors import Invalid, NotFound, Unavailable
from nova.api.compute.services.locating import Answers, only
from nova.availability_zones import ZoneNames
from nova.cells.registry import Cell
from nova.liveness import is_up

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE, TWO = (Cell(n, f"uuid{n}", f"cell{n}", "fake://", "sqlite://") for n in (1, 2))


@dataclass(frozen=True)
class Reported:
    last_seen_up: datetime | None
    forced_down: bool = False


@pytest.mark.parametrize(
    ("age_s", "up"), [(0, True), (60, True), (60.1, False), (-60, True), (-61, False)]
)
def test_service_is_up_while_its_last_report_is_near(age_s: float, up: bool) -> None:
    assert is_up(Reported(NOW - timedelta(seconds=age_s)), NOW, 60) is up


def test_operator_and_silence_overrule_reports() -> None:
    assert not is_up(Reported(NOW, forced_down=True), NOW, 60)
    assert not is_up(Reported(None), NOW, 60)


def test_only_compute_services_have_zones_of_their_own() -> None:
    names = ZoneNames(default="nova", internal="internal")
    zones = {"a": "east", "ctl": "east"}
    assert names.of_service("a", "nova-compute", zones) == "east"
    assert names.of_service("b", "nova-compute", zones) == "nova"
    assert names.of_service("ctl", "nova-scheduler", zones) == "internal"


@pytest.mark.parametrize(
    ("answers", "unique", "kind"),
    [
        (Answers({ONE: None, TWO: None}, ()), True, NotFound),
        (Answers({ONE: None}, (TWO,)), True, Unavailable),
        (Answers({ONE: "x"}, (TWO,)), False, Unavailable),
        (Answers({ONE: "x", TWO: "y"}, ()), False, Invalid),
    ],
)
def test_doubtful_answers_are_not_taken(
    answers: Answers[str | None], unique: bool, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        only(answers, name="Service 1", unique=unique)


@pytest.mark.parametrize(
    ("answers", "unique"),
    [(Answers({ONE: "x"}, (TWO,)), True), (Answers({ONE: "x", TWO: None}, ()), False)],
)
def test_sure_answer_is_taken(answers: Answers[str | None], unique: bool) -> None:
    assert only(answers, name="Service 1", unique=unique) == (ONE, "x")
