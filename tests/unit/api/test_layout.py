"""Which paste file counts."""

from __future__ import annotations

from pathlib import Path

import pytest

import nova.conf
from groundwork.starting import BadOption
from nova.api import app


def read(folder: Path, text: str = ""):  # type: ignore[no-untyped-def]
    (folder / "nova.conf").write_text(text)
    conf = nova.conf.new()
    conf([], project="nova", default_config_files=[str(folder / "nova.conf")])
    return conf


def test_packaged_layout_counts_when_the_operator_has_none(tmp_path: Path) -> None:
    assert app.find_layout(read(tmp_path)) == app.DEFAULT_LAYOUT


def test_layout_beside_the_configuration_counts(tmp_path: Path) -> None:
    own = tmp_path / "api-paste.ini"
    own.write_text("[app:main]\n")
    assert app.find_layout(read(tmp_path)) == own


def test_named_layout_must_be_there(tmp_path: Path) -> None:
    text = "[wsgi]\napi_paste_config = /nowhere/paste.ini\n"
    with pytest.raises(BadOption, match=r"api_paste_config.*/nowhere/paste\.ini"):
        app.find_layout(read(tmp_path, text))


def test_layout_without_a_pipeline_for_the_strategy(tmp_path: Path) -> None:
    layout = app.DEFAULT_LAYOUT.read_text().replace("noauth2 =", "other =")
    (tmp_path / "api-paste.ini").write_text(layout)
    conf = read(tmp_path, "[api]\nauth_strategy = noauth2\n")
    with pytest.raises(BadOption, match="auth_strategy = noauth2"):
        app.make(conf, [])
