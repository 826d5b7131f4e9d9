from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from groundwork.starting import BadOption, read_options


def read(tmp_path: Path, text: str) -> cfg.ConfigOpts:
    path = tmp_path / "service.conf"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.IntOpt("speed", min=1, default=3)])
    conf.register_opts([cfg.StrOpt("colour", choices=["red", "blue"])], group="paint")
    read_options(conf, project="service", arguments=["--config-file", str(path)], version="1")
    return conf


def test_values_are_read(tmp_path: Path) -> None:
    conf = read(tmp_path, "[DEFAULT]\nspeed = 7\n[paint]\ncolour = red\n")
    assert (conf.speed, conf.paint.colour) == (7, "red")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[DEFAULT]\nspeed = fast\n", ["speed", "[DEFAULT]", "'fast'", "service.conf"]),
        ("[DEFAULT]\nspeed = 0\n", ["speed", "[DEFAULT]"]),
        ("[paint]\ncolour = green\n", ["colour", "[paint]", "green", "red, blue"]),
        ("[paint]\ncolour\n", ["service.conf:2"]),
        ("colour = red\n", ["service.conf:1"]),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(BadOption) as raised:
        read(tmp_path, text)
    told = str(raised.value)
    assert "\n" not in told
    assert "LocationInfo" not in told
    for word in words:
        assert word in told


def test_a_missing_file_is_named() -> None:
    with pytest.raises(BadOption, match="not found: /nowhere.conf"):
        read_options(
            cfg.ConfigOpts(),
            project="service",
            arguments=["--config-file", "/nowhere.conf"],
            version="1",
        )
