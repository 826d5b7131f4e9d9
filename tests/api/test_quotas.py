"""``/os-quota-sets``, ``/os-quota-class-sets`` and ``/limits``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.errors import OverQuota
from groundwork.starting import BadOption
from nova.api.compute.limits.operations import LimitOperations
from nova.api.compute.quota_class_sets.operations import QuotaClassSets
from nova.api.compute.quota_sets.operations import QuotaSetOperations
from nova.cmd import beginning
from nova.cmd.limits import load_limits
from nova.db.api.models import instance_mappings
from nova.quota.ledger import spend
from nova.quota.sets import QuotaSets
from nova.quota.tally import Demand
from tests.api.deployment import NOW, PROJECT, Deployment, sample

NOBODY = "no-such-project"
SERVERS = Demand(min_count=1, max_count=9, vcpus_each=2, memory_mb_each=64)


class Cloud(Deployment):
    """A deployment with quotas."""

    def __init__(self, folder: Path, configured: str = "") -> None:
        """:param configured: lines of ``[quota]``."""
        super().__init__(folder)
        path = folder / "quota.conf"
        path.write_text(f"[quota]\n{configured}\n")
        conf = beginning.read_options(["--config-file", str(path)])
        limits = load_limits(conf, self.api_database)
        self._limits = limits
        sets = QuotaSets(self.api_database, limits)
        self.serve(
            QuotaSetOperations(
                quota_sets=sets, project_exists=lambda _context, project: project != NOBODY
            ),
            QuotaClassSets(quota_sets=sets),
            LimitOperations(quota_sets=sets),
        )

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str = "GET",
        version: str = "2.79",
        status: int = 200,
        **more: Any,
    ) -> Any:
        answer = self.request(path, method=method, body=body, version=version, **more)
        assert answer.status_int == status, answer.text
        return answer.json if answer.body else None

    def spend(self) -> int:
        """As many servers as the ledger lets in."""
        limits = self._limits.of_project(PROJECT)
        return spend(self.api_database, limits, "u", SERVERS, lambda _tx, count: count)

    def hold(self, server_uuid: str, *, vcpus: int) -> None:
        """A server of a user of the project counts in the ledger."""
        with self.api_database.write() as tx:
            tx.execute(
                sa.insert(instance_mappings).values(
                    instance_uuid=server_uuid,
                    project_id=PROJECT,
                    user_id="u",
                    vcpus=vcpus,
                    memory_mb=64,
                    queued_for_delete=False,
                    created_at=NOW,
                )
            )

    def put(self, path: str, *, status: int = 200, version: str = "2.79", **limits: Any) -> Any:
        name = "quota_class_set" if "class" in path else "quota_set"
        return self.ask(path, {name: limits}, method="PUT", status=status, version=version)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    deployment = Cloud(tmp_path)
    yield deployment
    deployment.close()


@pytest.mark.parametrize("folder", ["", "v2.36/", "v2.57/"])
def test_quota_sets_look_as_documented(cloud: Cloud, folder: str) -> None:
    version = folder.strip("v/") or "2.1"
    path = "/os-quota-sets/fake_tenant"
    reads = {
        "quotas-show": "",
        "quotas-show-defaults": "/defaults",
        "quotas-show-detail": "/detail",
    }
    for name, more in {**reads, "user-quotas-show": "?user_id=fake_user"}.items():
        documented = sample(f"os-quota-sets/{folder}{name}-get-resp.json")
        assert cloud.ask(path + more, version=version) == documented
    for name, more in {
        "quotas-update": "",
        "quotas-update-force": "",
        "user-quotas-update": "?user_id=fake_user",
    }.items():
        body = sample(f"os-quota-sets/{folder}{name}-post-req.json")
        documented = sample(f"os-quota-sets/{folder}{name}-post-resp.json")
        answer = cloud.ask(path + more, body, method="PUT", version=version)
        assert answer == documented
        cloud.ask(path, method="DELETE", status=202, version=version)


@pytest.mark.parametrize("folder", ["", "v2.50/", "v2.57/"])
def test_quota_class_sets_look_as_documented(cloud: Cloud, folder: str) -> None:
    """os-quota-class-sets fixed at 2.50 (server_groups keys in, network keys out)"""
    version = folder.strip("v/") or "2.1"
    name = f"os-quota-class-sets/{folder}quota-classes"
    path = "/os-quota-class-sets/default"
    assert cloud.ask(path, version=version) == sample(f"{name}-show-get-resp.json")
    body = sample(f"{name}-update-post-req.json")
    answer = cloud.ask(path, body, method="PUT", version=version)
    assert answer == sample(f"{name}-update-post-resp.json")


@pytest.mark.parametrize("folder", ["", "v2.36/", "v2.39/", "v2.57/"])
def test_limits_look_as_documented(cloud: Cloud, folder: str) -> None:
    version = folder.strip("v/") or "2.1"
    assert cloud.ask("/limits", version=version) == sample(f"limits/{folder}limit-get-resp.json")


def test_class_project_and_user_override_each_other(cloud: Cloud) -> None:
    path = f"/os-quota-sets/{PROJECT}"
    cloud.put("/os-quota-class-sets/default", instances=30, cores=70)
    assert cloud.ask(f"{path}/defaults")["quota_set"]["instances"] == 30
    cloud.put("/os-quota-class-sets/other", instances=1)
    cloud.put(path, instances=20, ram="-1")
    cloud.put(f"{path}?user_id=u", instances=5)
    project, user = cloud.ask(path), cloud.ask(f"{path}?user_id=u")
    shown = [
        (each["quota_set"][n]) for each in (project, user) for n in ("instances", "cores", "ram")
    ]
    assert shown == [20, 70, -1, 5, 70, -1]
    assert cloud.ask("/limits")["limits"]["absolute"]["maxTotalInstances"] == 20
    cloud.ask(f"{path}?user_id=u", method="DELETE", status=202)
    assert cloud.ask(f"{path}?user_id=u")["quota_set"]["instances"] == 20
    cloud.ask(path, method="DELETE", status=202)
    assert cloud.ask(path)["quota_set"]["instances"] == 30


def test_what_is_set_is_what_counts(cloud: Cloud) -> None:
    """GET /os-quota-sets/{id}/detail shows in_use by counting and reserved 0; /limits agrees"""
    path = f"/os-quota-sets/{PROJECT}"
    cloud.put(path, instances=3, cores=4)
    for number in range(2):
        cloud.hold(f"server-{number}", vcpus=2)
    with pytest.raises(
        OverQuota, match="Quota exceeded for cores: Requested 2, but already used 4"
    ):
        cloud.spend()
    detail = cloud.ask(f"{path}/detail")["quota_set"]
    assert detail["instances"] == {"in_use": 2, "limit": 3, "reserved": 0}
    assert detail["cores"] == {"in_use": 4, "limit": 4, "reserved": 0}
    assert cloud.ask(f"{path}/detail?user_id=v")["quota_set"]["cores"]["in_use"] == 0
    absolute = cloud.ask("/limits")["limits"]["absolute"]
    assert [absolute[f"total{name}Used"] for name in ("Instances", "Cores", "RAM")] == [2, 4, 128]


def test_limit_below_use_needs_force(cloud: Cloud) -> None:
    path = f"/os-quota-sets/{PROJECT}"
    cloud.hold("server", vcpus=4)
    told = cloud.put(path, cores=3, status=400)["badRequest"]["message"]
    assert "Quota limit 3 for cores must be greater than or equal to already used" in told
    assert cloud.ask(path)["quota_set"]["cores"] == 20
    assert cloud.put(path, cores=3, force="true")["quota_set"]["cores"] == 3
    cloud.put(path, cores=-1)
    assert "less than or equal to 10" in str(
        cloud.put(f"{path}?user_id=u", instances=11, status=400)
    )
    cloud.put(f"{path}?user_id=u", instances=-1, status=400)
    cloud.put(f"{path}?user_id=u", cores=500)


@pytest.mark.parametrize(
    ("version", "limits"),
    [
        ("2.1", {"instances": -2}),
        ("2.1", {"instances": 2**31}),
        ("2.1", {"instances": "9" * 400}),
        ("2.1", {"instances": "many"}),
        ("2.1", {"instances": None}),
        ("2.1", {"unknown": 1}),
        ("2.36", {"floating_ips": 1}),
        ("2.57", {"injected_files": 1}),
        ("2.1", {"force": "perhaps"}),
    ],
)
def test_bad_limits_are_refused_and_change_nothing(
    cloud: Cloud, version: str, limits: dict[str, Any]
) -> None:
    path = f"/os-quota-sets/{PROJECT}"
    before = cloud.ask(path)
    cloud.put(path, cores=1, status=400, version=version, **limits)
    assert cloud.ask(path) == before


def test_strangers_unknown_projects_and_unknown_keys(cloud: Cloud) -> None:
    """Project ids in quota calls are validated with Keystone (404 gives 400)."""
    mine, other = f"/os-quota-sets/{PROJECT}", "/os-quota-sets/other"
    for path in ("", "/detail", "/defaults"):
        cloud.ask(f"/os-quota-sets/{NOBODY}{path}", status=400)
        cloud.ask(f"{mine}{path}", roles="reader")
    cloud.put(f"/os-quota-sets/{NOBODY}", cores=1, status=400)
    for path in (
        other,
        f"{other}/detail",
        "/limits?tenant_id=other",
        "/os-quota-class-sets/default",
    ):
        cloud.ask(path, roles="member,reader", status=403)
    cloud.ask(f"/limits?tenant_id={PROJECT}", roles="reader")
    cloud.ask("/limits?tenant_id=other")
    for method in ("PUT", "DELETE"):
        body = {"quota_set": {"cores": 1}} if method == "PUT" else None
        cloud.ask(mine, body, method=method, roles="member,reader", status=403)
    for path in (mine, f"{mine}/defaults", "/limits", "/os-quota-class-sets/default"):
        cloud.ask(f"{path}?colour=red", version="2.74")
        cloud.ask(f"{path}?colour=red", version="2.75", status=400)
    cloud.ask("/limits?tenant_id=%00", status=400)
    cloud.ask("/os-quota-sets/%00", status=400)


def test_driver_without_limits_shows_minus_one_and_counts_still(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, "driver = nova.quota.NoopQuotaDriver\ninstances = 1")
    path = f"/os-quota-sets/{PROJECT}"
    cloud.hold("server", vcpus=4)
    cloud.put(path, instances=1)
    cloud.put("/os-quota-class-sets/default", cores=1)
    assert cloud.spend() == 9
    for shown in (path, f"{path}/defaults", f"{path}?user_id=u"):
        limits = cloud.ask(shown)["quota_set"]
        assert {value for name, value in limits.items() if name != "id"} == {-1}
    assert cloud.ask("/os-quota-class-sets/default")["quota_class_set"]["cores"] == -1
    detail = cloud.ask(f"{path}/detail")["quota_set"]["cores"]
    assert detail == {"in_use": 4, "limit": -1, "reserved": 0}
    absolute = cloud.ask("/limits")["limits"]["absolute"]
    assert {value for name, value in absolute.items() if name.startswith("max")} == {-1}
    assert (absolute["totalInstancesUsed"], absolute["totalCoresUsed"]) == (1, 4)
    cloud.close()


@pytest.mark.parametrize("switch", ["recheck_quota", "count_usage_from_placement"])
@pytest.mark.parametrize("value", ["True", "False"])
def test_switches_of_other_ledgers_change_nothing(tmp_path: Path, switch: str, value: str) -> None:
    driver = "driver = nova.quota.DbQuotaDriver"
    cloud = Cloud(tmp_path, f"{driver}\n{switch} = {value}\ncores = 4")
    cloud.hold("server", vcpus=2)
    assert cloud.spend() == 1
    cloud.hold("another", vcpus=2)
    with pytest.raises(OverQuota, match="Requested 2, but already used 4 of 4 cores"):
        cloud.spend()
    cloud.close()


def test_unknown_driver_stops_the_start_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_text("[quota]\ndriver = nova.quota.Nonsense\n")
    with pytest.raises(BadOption) as refusal:
        beginning.read_options(["--config-file", str(path)])
    told = str(refusal.value)
    assert "\n" not in told
    for words in ("driver in group [quota]", "nova.quota.Nonsense", "nova.quota.DbQuotaDriver"):
        assert words in told
