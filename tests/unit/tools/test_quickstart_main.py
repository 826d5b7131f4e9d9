"""How a quick start ends that cannot begin."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from quickstart_parts.main import main


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_port_in_use_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir = tmp_path / "cloud"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        status = main(["--dir", str(work_dir), "--identity-port", str(port)])
    output = capsys.readouterr()
    assert status == 1
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith(
        f"quickstart: port {port} on 127.0.0.1, wanted for Keystone, is in use"
    )
    assert not work_dir.exists()


def test_wrong_argument_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--hosts", "none"]) == 1
    assert capsys.readouterr().err == (
        "quickstart: argument --hosts: invalid int value: 'none' (see --help)\n"
    )


def test_clean_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--clean", "--dir", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == f"there is no {tmp_path / 'none'}\n"
