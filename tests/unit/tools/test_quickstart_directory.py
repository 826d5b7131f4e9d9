"""The work directory of the quick start: whose it is, who holds it, what it remembers."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from quickstart_parts.directory import check_directory, locked, open_state, remove_directory
from quickstart_parts.failure import Failure


def test_secrets_are_random_per_directory_and_stay(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = open_state(tmp_path / "a")
    first.seeded_for = "these ports"
    first.save()
    again = open_state(tmp_path / "a")
    assert again.passwords == first.passwords
    assert again.seeded_for == "these ports"
    assert set(open_state(tmp_path / "b").passwords.values()).isdisjoint(first.passwords.values())
    assert stat.S_IMODE((tmp_path / "a/state.json").stat().st_mode) == 0o600


def test_foreign_directory_is_neither_used_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Failure, match=r"holds other things \(thesis.txt"):
        check_directory(tmp_path)
    with pytest.raises(Failure, match="holds other things"):
        remove_directory(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_directory_in_use_is_refused_with_the_pid_of_its_holder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(Failure, match=r"another quick start \(pid \d+\) runs in"):
        with locked(tmp_path):
            pytest.fail("locked twice")
    with locked(tmp_path):
        assert (tmp_path / "lock").exists()


def test_clean_removes_ours_and_nothing_when_there_is_nothing(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    open_state(ours)
    assert remove_directory(ours) is True
    assert not ours.exists()
    assert remove_directory(ours) is False
