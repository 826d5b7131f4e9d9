"""Whether a project exists, as Keystone says."""

from __future__ import annotations

import logging

import pytest
import requests
import requests_mock
from oslo_config import cfg

import nova.conf
from groundwork.context import RequestContext
from nova.clients.keystone import Projects, load_projects

ROOT = "http://keystone.test/identity"
USER = RequestContext(user_id="u", project_id="p", auth_token="token", overwrite=False)


def projects(endpoint: str) -> Projects:
    conf: cfg.ConfigOpts = nova.conf.new()
    conf([], project="nova", default_config_files=[], default_config_dirs=[])
    conf.set_override("endpoint_override", endpoint, group="keystone")
    conf.set_override("connect_retries", 0, group="keystone")
    return load_projects(conf)


@pytest.mark.parametrize("endpoint", [ROOT, f"{ROOT}/", f"{ROOT}/v3", f"{ROOT}/v3/"])
def test_project_is_looked_for_wherever_the_catalogue_has_keystone(
    endpoint: str, requests_mock: requests_mock.Mocker
) -> None:
    """A catalogue with the version made every project look unknown, as ``/v3/v3`` is."""
    requests_mock.get(f"{ROOT}/v3/projects/one", json={"project": {"id": "one"}})
    requests_mock.get(f"{ROOT}/v3/projects/none", status_code=404)
    requests_mock.get(f"{ROOT}/v3/v3/projects/one", status_code=404)
    found = projects(endpoint)
    assert found.exists(USER, "one")
    assert not found.exists(USER, "none")


@pytest.mark.parametrize("status", [403, 500])
def test_doubt_is_logged_and_refuses_nothing(
    status: int, requests_mock: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    """Project ids in quota and flavor-access calls are validated with Keystone; 403 passes with a log."""
    caplog.set_level(logging.INFO)
    requests_mock.get(f"{ROOT}/v3/projects/one", status_code=status)
    assert projects(ROOT).exists(USER, "one")
    assert f"project one is taken as given: Keystone says {status}" in caplog.text


def test_silent_keystone_refuses_nothing(requests_mock: requests_mock.Mocker) -> None:
    requests_mock.get(f"{ROOT}/v3/projects/one", exc=requests.ConnectionError)
    assert projects(ROOT).exists(USER, "one")
