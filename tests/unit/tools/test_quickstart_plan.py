"""What a command line asks the quick start for."""

from __future__ import annotations

from pathlib import Path

import pytest
from quickstart_parts.failure import Failure
from quickstart_parts.plan import Ports, parse_plan


def test_nothing_asked_is_two_cells_with_one_host_each(tmp_path: Path) -> None:
    plan = parse_plan([], project_root=tmp_path)
    assert (plan.cells, plan.hosts_per_cell, plan.once, plan.restart) == (2, 1, False, True)
    assert plan.work_dir == tmp_path / ".quickstart"
    assert plan.venv == tmp_path / ".venv"
    assert plan.ports == Ports(identity=5000, image=9292, placement=8778, compute=8774)
    assert plan.cell_names() == ("cell1", "cell2")


def test_port_base_moves_all_and_single_options_win(tmp_path: Path) -> None:
    plan = parse_plan(["--port-base", "15000", "--compute-port", "18774"], project_root=tmp_path)
    assert plan.ports == Ports(identity=15000, image=15001, placement=15002, compute=18774)
    assert plan.identity_url == "http://127.0.0.1:15000/v3"
    assert plan.compute_url == "http://127.0.0.1:18774/v2.1"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cells", "0"], "--cells must be 1 to 20, not 0"),
        (["--cells", "21"], "--cells must be 1 to 20, not 21"),
        (["--hosts", "-1"], "--hosts must be 1 to 200, not -1"),
        (["--image-port", "5000"], "--image-port: port 5000 is already meant for Keystone"),
        (["--identity-port", "70000"], "--identity-port: 70000 is not a port (1 to 65535)"),
        (["--identity-port", "0"], "--identity-port: 0 is not a port (1 to 65535)"),
        (["--port-base", "65534"], "--placement-port: 65536 is not a port (1 to 65535)"),
        (["--cells", "two"], "argument --cells: invalid int value: 'two' (see --help)"),
        (["--nonsense"], "unrecognized arguments: --nonsense (see --help)"),
    ],
)
def test_wrong_values_are_told_in_one_line(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    with pytest.raises(Failure) as caught:
        parse_plan(arguments, project_root=tmp_path)
    assert caught.value.sentence == sentence
