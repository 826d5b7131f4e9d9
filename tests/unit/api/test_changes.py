"""Views that grow with the versions."""

from __future__ import annotations

from typing import Any

import pytest

from groundwork.versions import Version
from nova.api.changes import View, changed_in


class Grown(View[str]):
    def start(self, shown: str) -> dict[str, Any]:
        return {"shown": shown, "log": []}

    @changed_in("2.10")
    def _late(self, body: dict[str, Any], shown: str) -> None:
        body["log"].append("2.10")

    @changed_in("2.9")
    def _first_of_2_9(self, body: dict[str, Any], shown: str) -> None:
        body["log"].append("2.9 first")

    @changed_in("2.9")
    def _second_of_2_9(self, body: dict[str, Any], shown: str) -> None:
        body["log"].append("2.9 second")


class Heir(Grown):
    @changed_in("2.5")
    def _early(self, body: dict[str, Any], shown: str) -> None:
        body["log"].append("2.5")

    @changed_in("2.10")
    def _late(self, body: dict[str, Any], shown: str) -> None:
        body["log"].append("2.10 again")


def log(view: View[str], minor: int) -> list[str]:
    body = view.show(Version(2, minor), "x")
    assert body["shown"] == "x"
    return list(body["log"])


def test_changes_apply_oldest_first_up_to_the_version() -> None:
    assert log(Grown(), 1) == []
    assert log(Grown(), 9) == ["2.9 first", "2.9 second"]
    assert log(Grown(), 10) == ["2.9 first", "2.9 second", "2.10"]


def test_heirs_add_and_replace_changes() -> None:
    assert log(Heir(), 99) == ["2.5", "2.9 first", "2.9 second", "2.10 again"]
    assert log(Grown(), 99) == ["2.9 first", "2.9 second", "2.10"]


def test_change_cannot_be_hidden_by_a_plain_method() -> None:
    with pytest.raises(TypeError, match="_late hides a change"):

        class Careless(Grown):
            def _late(self, body: dict[str, Any], shown: str) -> None:
                body["log"].append("never")
