"""Which version Cinder has, however it is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
from oslo_config import cfg

import nova.conf
from groundwork.errors import Invalid, Unavailable
from nova.clients.cinder import is_configured, load_cinder

ROOT = "http://cinder.test/volume"
CATALOGUE = {"auth_type": "admin_token", "token": "t", "endpoint": f"{ROOT}/v3/0a1b2c"}
V2 = {
    "id": "v2.0",
    "status": "DEPRECATED",
    "version": "",
    "min_version": "",
    "links": [{"rel": "self", "href": f"{ROOT}/v2/"}],
}


def v3(newest: str) -> dict[str, Any]:
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": newest,
        "min_version": "3.0",
        "links": [{"rel": "self", "href": f"{ROOT}/v3/"}],
    }


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., cfg.ConfigOpts]:
    """Makes configurations with these options in ``[cinder]``."""

    def read(**options: str) -> cfg.ConfigOpts:
        path = tmp_path / "nova.conf"
        lines = [f"{name} = {value}\n" for name, value in options.items()]
        path.write_text("".join(["[cinder]\n", *lines]))
        conf: cfg.ConfigOpts = nova.conf.new()
        conf(["--config-file", str(path)], project="nova")
        return conf

    return read


@pytest.mark.parametrize(
    "options",
    [
        CATALOGUE,
        {**CATALOGUE, "endpoint": f"{ROOT}/v3"},
        {**CATALOGUE, "endpoint": f"{ROOT}/"},
        {
            **CATALOGUE,
            "endpoint": "http://elsewhere.test/",
            "endpoint_template": f"{ROOT}/v3/%(project_id)s",
        },
    ],
    ids=["with project", "with version", "root", "template"],
)
def test_newest_version_is_told_wherever_the_endpoint_points(
    configured: Callable[..., cfg.ConfigOpts],
    options: dict[str, str],
    requests_mock: requests_mock.Mocker,
) -> None:
    requests_mock.get(f"{ROOT}/v3/", json={"versions": [v3("3.71")]})
    requests_mock.get(f"{ROOT}/", json={"versions": [V2, v3("3.71")]}, status_code=300)
    requests_mock.get(f"{ROOT}/v3", json={"versions": [v3("3.71")]})
    assert load_cinder(configured(**options)).newest_version() == (3, 71)


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"versions": []}},
        {"text": "<html>"},
        {"status_code": 500},
        {"exc": requests.ConnectionError},
    ],
    ids=["nothing", "no JSON", "error", "silence"],
)
def test_a_cinder_of_no_use_is_unavailable(
    configured: Callable[..., cfg.ConfigOpts],
    answer: dict[str, Any],
    requests_mock: requests_mock.Mocker,
) -> None:
    requests_mock.get(re.compile(f"^{ROOT}"), **answer)
    for endpoint in (f"{ROOT}/", f"{ROOT}/v3/0a1b2c"):
        with pytest.raises(Unavailable, match="Cinder cannot be reached"):
            load_cinder(configured(**{**CATALOGUE, "endpoint": endpoint})).newest_version()


def test_a_cinder_of_old_has_no_microversions(
    configured: Callable[..., cfg.ConfigOpts], requests_mock: requests_mock.Mocker
) -> None:
    requests_mock.get(re.compile(f"^{ROOT}"), json={"versions": [V2]})
    options = {**CATALOGUE, "endpoint": f"{ROOT}/"}
    assert load_cinder(configured(**options)).newest_version() == (2, 0)


def test_a_group_that_does_not_say_how_to_log_in_means_no_cinder(
    configured: Callable[..., cfg.ConfigOpts],
) -> None:
    assert not is_configured(configured())
    assert is_configured(configured(**CATALOGUE))
    with pytest.raises(Invalid, match="gives no credentials"):
        load_cinder(configured())
    with pytest.raises(Invalid, match="gives no usable credentials"):
        load_cinder(configured(auth_type="lost"))
