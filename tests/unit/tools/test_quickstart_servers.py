"""What the quick start promises of its servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from quickstart_parts.plan import parse_plan
from quickstart_parts.servers import ServerView, client_environment, complaint_about, missing_cells


@pytest.mark.parametrize(
    ("view", "complaint"),
    [
        (ServerView("server-cell1", "ACTIVE", "cell1-host2", None), None),
        (
            ServerView("server-cell1", "ACTIVE", "cell2-host1", None),
            "server-cell1 is on cell2-host1, which is not in cell1",
        ),
        (
            ServerView("server-cell1", "ACTIVE", "cell10-host1", None),
            "server-cell1 is on cell10-host1, which is not in cell1",
        ),
        (
            ServerView("server-cell1", "SHUTOFF", "cell1-host1", None),
            "server-cell1 is SHUTOFF, not ACTIVE",
        ),
        (
            ServerView("server-cell1", "ERROR", None, "No valid host was found."),
            "server-cell1 is in ERROR: No valid host was found.",
        ),
        (
            ServerView("server-cell1", "ERROR", None, None),
            "server-cell1 is in ERROR: no fault recorded",
        ),
    ],
)
def test_only_an_active_server_in_its_own_cell_is_well(
    view: ServerView, complaint: str | None
) -> None:
    assert complaint_about(view, "cell1") == complaint


def test_cells_without_their_server_are_missing(tmp_path: Path) -> None:
    plan = parse_plan(["--cells", "3"], project_root=tmp_path)
    assert missing_cells(plan, {"server-cell2", "mine"}) == ("cell1", "cell3")


def test_clients_see_our_clouds_and_no_credentials_of_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "https://production.example.org/v3")
    monkeypatch.setenv("OS_PASSWORD", "theirs")
    plan = parse_plan([], project_root=tmp_path)
    seen = {name for name in client_environment(plan) if name.startswith("OS_")}
    assert seen == {"OS_CLIENT_CONFIG_FILE"}
    assert client_environment(plan)["OS_CLIENT_CONFIG_FILE"] == str(plan.clouds_yaml)
