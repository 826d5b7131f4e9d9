"""Projects that calls name, and what Keystone says of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests_mock

import nova.conf
from nova.api.compute.flavors.access import FlavorAccess
from nova.api.compute.flavors.operations import Flavors
from nova.api.compute.quota_sets.operations import QuotaSetOperations
from nova.clients.keystone import load_projects
from nova.cmd.compute_api import load_limits
from nova.quota.sets import QuotaSets
from tests.api.deployment import Deployment

ROOT = "http://keystone.test/identity"
NAMED = "named"
FLAVOR = {"id": "10", "name": "f", "ram": 1, "vcpus": 1, "disk": 0}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    """Everything that asks Keystone about a project."""
    conf = nova.conf.new()
    conf([], project="nova", default_config_files=[], default_config_dirs=[])
    conf.set_override("endpoint_override", ROOT, group="keystone")
    conf.set_override("connect_retries", 0, group="keystone")
    exists = load_projects(conf).exists
    deployment = Deployment(tmp_path)
    database = deployment.api_database
    deployment.serve(
        Flavors(database=database, links=deployment.links, paging=deployment.paging),
        FlavorAccess(database=database, project_exists=exists),
        QuotaSetOperations(
            quota_sets=QuotaSets(database, load_limits(conf, database)), project_exists=exists
        ),
    )
    yield deployment
    deployment.close()


QUOTAS = f"/os-quota-sets/{NAMED}"
# Access is withdrawn without asking: the project may be gone by then.
CALLS: list[tuple[str, str, Any]] = [
    ("GET", QUOTAS, None),
    ("GET", f"{QUOTAS}/detail", None),
    ("GET", f"{QUOTAS}/defaults", None),
    ("PUT", QUOTAS, {"quota_set": {"cores": 1}}),
    ("POST", "/flavors/10/action", {"addTenantAccess": {"tenant": NAMED}}),
]


@pytest.mark.parametrize("told", [200, 403, 404, 500])
def test_a_project_that_keystone_does_not_know_is_refused(
    cloud: Deployment,
    told: int,
    requests_mock: requests_mock.Mocker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Project ids in quota and flavor-access calls are validated with Keystone (404 gives 400, 403 passes with a log)

    Stub Keystone with 200, 403, 404, 500.
    """
    caplog.set_level(logging.INFO)
    private = {"flavor": {**FLAVOR, "os-flavor-access:is_public": False}}
    assert cloud.request("/flavors", method="POST", body=private).status_int == 200
    asked = requests_mock.get(f"{ROOT}/v3/projects/{NAMED}", status_code=told, json={})
    for number, (method, path, body) in enumerate(CALLS, start=1):
        answer = cloud.request(path, method=method, body=body, version="2.79")
        assert answer.status_int == (400 if told == 404 else 200), answer.text
        assert asked.call_count == number
        if told == 404:
            assert NAMED in answer.json["badRequest"]["message"]
    doubts = [line for line in caplog.messages if "is taken as given" in line]
    assert len(doubts) == (len(CALLS) if told in (403, 500) else 0)
    assert all(f"Keystone says {told}" in line for line in doubts)
