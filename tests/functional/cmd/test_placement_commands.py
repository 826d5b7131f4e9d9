"""``placement-manage`` and ``placement-status`` where nothing is as it should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from placement.cmd import manage, status
from tests.functional.cmd.conftest import UNUSABLE_URLS

Run = Callable[[list[str]], int]

COMMANDS: list[tuple[Run, str]] = [
    (manage.run, "db version"),
    (manage.run, "db sync"),
    (manage.run, "db stamp head"),
    (status.run, "upgrade check"),
]


@pytest.mark.parametrize("url", [*UNUSABLE_URLS, "sqlite:////nowhere/p.db", ""])
@pytest.mark.parametrize(("run", "words"), COMMANDS, ids=[words for _, words in COMMANDS])
def test_a_database_that_cannot_be_used_is_told_in_one_line(
    run: Run, words: str, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with a status that is no result: 1 would be rows done, or a warning."""
    config = tmp_path / "placement.conf"
    config.write_text(f"[placement_database]\nconnection = {url}\n" if url else "")
    assert run(["--config-file", str(config), *words.split()]) == 255
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(("placement-manage: ", "placement-status: "))


@pytest.mark.parametrize(
    ("run", "words", "status"),
    [
        (manage.run, "db stamp 9999", 255),
        (manage.run, "db stamp", 255),
        (manage.run, "db online_data_migrations --nonsense", 255),
        (manage.run, "db online_data_migrations", 2),
        (manage.run, "db online_data_migrations --max-count 5", 2),
        (manage.run, "db online_data_migrations --max-count many", 127),
        (manage.run, "db online_data_migrations --max-count 0", 127),
        (status.run, "upgrade", 255),
        (status.run, "upgrade check --nonsense", 255),
        (status.run, "upgrade check", 255),
        (status.run, "--help", 0),
    ],
)
def test_what_cannot_be_done_has_the_status_of_no_result(
    run: Run, words: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On an empty database, too, which has nothing to migrate or to check."""
    config = tmp_path / "placement.conf"
    config.write_text(f"[placement_database]\nconnection = sqlite:///{tmp_path}/p.db\n")
    assert run(["--config-file", str(config), *words.split()]) == status
    assert "Traceback" not in capsys.readouterr().err


def test_a_migration_that_fails_does_not_keep_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 as long as rows are done with a count, 2 when only the failure is left."""

    def fail(_tx: object, _at_most: int) -> tuple[int, int]:
        raise RuntimeError("no way")

    left = [3]

    def work(_tx: object, at_most: int) -> tuple[int, int]:
        found, done = left[0], min(left[0], at_most)
        left[0] -= done
        return found, done

    monkeypatch.setattr(manage, "DATA_MIGRATIONS", {"broken": fail, "sound": work})
    config = tmp_path / "placement.conf"
    config.write_text(f"[placement_database]\nconnection = sqlite:///{tmp_path}/p.db\n")
    portion = ["--config-file", str(config), "db", "online_data_migrations", "--max-count", "2"]
    assert [manage.run(portion) for _ in range(3)] == [1, 1, 2]
    told = capsys.readouterr().out
    assert told.count("Error attempting to run broken: no way") == 3
    assert "| sound     |      3      |     2     |" in told
    left[0] = 3
    assert manage.run(portion[:-2]) == 2
    assert left == [0]
