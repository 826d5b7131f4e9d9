"""``/os-server-groups`` over two cells and cell0."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nova.api.compute.server_groups.operations import ServerGroups
from nova.db.api import instance_mappings, server_groups
from nova.db.api.models import server_group_members
from nova.quota.limits import DefaultLimits
from nova.quota.stored import StoredLimits
from tests.api.deployment import PROJECT, Deployment, keys_of, sample

MISSING = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"
MEMBER = "member,reader"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    serve(deployment)
    yield deployment
    deployment.close()


def serve(cloud: Deployment, **limits: int) -> None:
    cloud.serve(
        ServerGroups(
            database=cloud.api_database,
            limits=StoredLimits(cloud.api_database, DefaultLimits(**limits)),
            paging=cloud.paging,
        )
    )


def create(
    cloud: Deployment,
    body: Any = None,
    *,
    version: str = "2.64",
    status: int = 200,
    **who: str,
) -> Any:
    asked = {"name": "g", "policy": "affinity"} if body is None else body
    answer = cloud.request(
        "/os-server-groups",
        method="POST",
        body={"server_group": asked},
        version=version,
        **{"roles": MEMBER, **who},
    )
    assert answer.status_int == status, answer.text
    return answer.json["server_group"] if status == 200 else answer.json


def show(cloud: Deployment, group: str, *, version: str = "2.64", **who: str) -> Any:
    answer = cloud.request(f"/os-server-groups/{group}", version=version, roles=MEMBER, **who)
    assert answer.status_int == 200, answer.text
    return answer.json["server_group"]


def join(cloud: Deployment, group: str, *servers: str) -> None:
    with cloud.api_database.write() as tx:
        found = server_groups.find(tx, group)
        assert found is not None
        server_groups.join(tx, found.id, servers)


@pytest.mark.parametrize(
    ("version", "folder"), [("2.1", ""), ("2.12", ""), ("2.13", "v2.13/"), ("2.64", "v2.64/")]
)
def test_group_looks_as_documented(cloud: Deployment, version: str, folder: str) -> None:
    asked = sample(f"os-server-groups/{folder}server-groups-post-req.json")["server_group"]
    made = create(cloud, asked, version=version)
    expected = sample(f"os-server-groups/{folder}server-groups-post-resp.json")["server_group"]
    assert keys_of(made) == keys_of(expected)
    same = {key: expected[key] for key in expected if key not in ("id", "user_id")}
    assert {key: made[key] for key in same} == same
    for name, path in (("get", f"/{made['id']}"), ("list", "")):
        answer = cloud.request(f"/os-server-groups{path}", version=version, roles=MEMBER)
        documented = sample(f"os-server-groups/{folder}server-groups-{name}-resp.json")
        assert keys_of(answer.json) == keys_of(documented)


def test_members_of_both_cells_are_shown_and_deleted_ones_are_not(cloud: Deployment) -> None:
    """Aggregates may hold hosts of any cell; availability zones and server group members are resolved over all cells"""
    group = create(cloud)["id"]
    first, second = cloud.add_server("cell1"), cloud.add_server("cell2")
    third = cloud.add_server("cell2")
    join(cloud, group, first.uuid, second.uuid, third.uuid)
    assert show(cloud, group)["members"] == [first.uuid, second.uuid, third.uuid]
    with cloud.api_database.write() as tx:
        instance_mappings.queue_for_delete(tx, [second.uuid])
    assert show(cloud, group)["members"] == [first.uuid, third.uuid]
    listed = cloud.request("/os-server-groups", version="2.64", roles=MEMBER).json
    assert listed["server_groups"][0]["members"] == [first.uuid, third.uuid]
    for cell in ("cell0", "cell1", "cell2"):
        cloud.silence(cell)
    assert show(cloud, group)["members"] == [first.uuid, third.uuid]


def test_delete_leaves_the_servers(cloud: Deployment) -> None:
    group = create(cloud)["id"]
    server = cloud.add_server("cell1")
    join(cloud, group, server.uuid)
    path = f"/os-server-groups/{group}"
    answer = cloud.request(path, method="DELETE", roles=MEMBER)
    assert (answer.status_int, answer.body) == (204, b"")
    assert cloud.rows(server_group_members) == []
    for method in ("GET", "DELETE"):
        assert cloud.request(path, method=method, roles=MEMBER).status_int == 404
    with cloud.api_database.read() as tx:
        assert instance_mappings.find(tx, server.uuid) is not None


def test_list_is_of_the_project_and_in_slices(cloud: Deployment) -> None:
    own = [create(cloud, {"name": n, "policy": "affinity"})["id"] for n in "abc"]
    foreign = create(cloud, project=OTHER)["id"]

    def listed(query: str, roles: str = MEMBER, version: str = "2.64") -> list[str]:
        answer = cloud.request(f"/os-server-groups{query}", version=version, roles=roles)
        assert answer.status_int == 200, answer.text
        return [group["id"] for group in answer.json["server_groups"]]

    assert listed("") == own
    assert listed("?limit=2") == own[:2]
    assert listed("?limit=2&offset=1") == own[1:]
    assert listed("?limit=0&offset=2") == own[2:]
    assert listed("?all_projects=1") == own, "others that ask get their own"
    assert listed("?all_projects=1", roles="admin") == [*own, foreign]
    assert listed("", roles="admin") == own
    assert listed("?odd=1", version="2.74") == own
    assert cloud.request("/os-server-groups?odd=1", version="2.75").status_int == 400
    for query in ("limit=-1", "offset=x", "limit=1.5"):
        assert cloud.request(f"/os-server-groups?{query}").status_int == 400


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("2.1", {"name": "g", "policies": ["soft-affinity"]}),
        ("2.14", {"name": "g", "policies": ["soft-anti-affinity"]}),
        ("2.15", {"name": "g", "policies": ["affinity", "anti-affinity"]}),
        ("2.15", {"name": "g", "policies": []}),
        ("2.15", {"name": "g", "policies": ["legacy"]}),
        ("2.15", {"policies": ["affinity"]}),
        ("2.63", {"name": "g", "policy": "affinity"}),
        ("2.64", {"name": "g", "policies": ["affinity"]}),
        ("2.64", {"name": "g"}),
        ("2.64", {"name": " g", "policy": "affinity"}),
        ("2.64", {"name": "", "policy": "affinity"}),
        ("2.64", {"name": "g" * 256, "policy": "affinity"}),
        ("2.64", {"name": "g", "policy": "affinity", "rules": {"max_server_per_host": 2}}),
        ("2.64", {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 0}}),
        ("2.64", {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": "0"}}),
        ("2.64", {"name": "g", "policy": "anti-affinity", "rules": {"odd": 2}}),
        ("2.64", {"name": "g", "policy": "anti-affinity", "rules": []}),
        ("2.64", {"name": "g", "policy": "affinity", "odd": 1}),
    ],
)
def test_senseless_group_is_refused(cloud: Deployment, version: str, body: Any) -> None:
    assert "badRequest" in create(cloud, body, version=version, status=400)


def test_soft_policies_and_rules_in_their_versions(cloud: Deployment) -> None:
    made = create(cloud, {"name": "g", "policies": ["soft-affinity"]}, version="2.15")
    assert made["policies"] == ["soft-affinity"]
    rules = {"max_server_per_host": "3"}
    made = create(cloud, {"name": "g", "policy": "anti-affinity", "rules": rules})
    assert made["rules"] == {"max_server_per_host": 3}
    assert create(cloud, {"name": "g", "policy": "affinity", "rules": {}})["rules"] == {}
    assert show(cloud, made["id"], version="2.63")["policies"] == ["anti-affinity"]


def test_limit_of_the_project(cloud: Deployment) -> None:
    serve(cloud, server_groups=2)
    first = create(cloud)["id"]
    create(cloud)
    told = create(cloud, status=403)
    assert told["forbidden"]["message"] == "Quota exceeded, too many server groups."
    create(cloud, project=OTHER)
    assert cloud.request(f"/os-server-groups/{first}", method="DELETE").status_int == 204
    create(cloud)


def test_groups_belong_to_their_project(cloud: Deployment) -> None:
    group = create(cloud)["id"]
    for method in ("GET", "DELETE"):
        path = f"/os-server-groups/{group}"
        assert cloud.request(path, method=method, roles=MEMBER, project=OTHER).status_int == 403
    assert (
        cloud.request(f"/os-server-groups/{group}", roles="admin", project=OTHER).status_int == 200
    )
    create(cloud, roles="reader", status=403)
    assert cloud.request(f"/os-server-groups/{MISSING}", roles=MEMBER).status_int == 404
    assert cloud.request("/os-server-groups/not-a-uuid", roles=MEMBER).status_int == 404
    assert show(cloud, group, version="2.13")["project_id"] == PROJECT
    assert uuid.UUID(group)
