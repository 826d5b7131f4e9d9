"""The hint that puts a new server into a group."""

from __future__ import annotations

from typing import Any

import pytest

from nova.db.api import builds, server_groups
from nova.db.api.models import build_requests, server_group_members
from nova.domain.server_group import GroupPolicy, ServerGroup
from tests.api.deployment import PROJECT
from tests.api.servers.service import IMAGE, ServerCloud

MISSING = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"


def make_group(cloud: ServerCloud, project_id: str = PROJECT) -> str:
    return cloud.api_database.run(
        lambda tx: server_groups.create(
            tx,
            project_id=project_id,
            user_id="fake",
            name="g",
            policy=GroupPolicy.ANTI_AFFINITY,
            max_server_per_host=2,
        )
    ).uuid


def body(group: Any, key: str = "os:scheduler_hints", **more: Any) -> dict[str, Any]:
    server = {"name": "s", "imageRef": IMAGE, "flavorRef": "1", "networks": "none", **more}
    return {"server": server, key: {"group": group}}


def post(cloud: ServerCloud, asked: Any, status: int = 202, roles: str = "member,reader") -> Any:
    return cloud.answer(
        "/servers", method="POST", body=asked, status=status, roles=roles, version="2.64"
    )


@pytest.mark.parametrize("key", ["os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"])
def test_server_joins_the_group_with_its_build_request(cloud: ServerCloud, key: str) -> None:
    group = make_group(cloud)
    server = post(cloud, body(group, key))["server"]["id"]
    post(cloud, body([group], key, max_count=2, min_count=2))
    members = [row.server_uuid for row in cloud.rows(server_group_members)]
    assert members == [row.instance_uuid for row in cloud.rows(build_requests)]
    assert members[0] == server
    spec = cloud.rows(build_requests)[0].payload["values"]["spec"]
    assert spec["group"]["policy"] == "anti-affinity"
    assert ServerGroup(group, GroupPolicy.ANTI_AFFINITY, 2).members_on("a") == 0
    shown = cloud.answer(f"/servers/{server}", version="2.71", roles="reader")["server"]
    assert shown["server_groups"] == [group]
    with cloud.api_database.read() as tx:
        assert builds.find(tx, server) is not None


def test_group_that_is_not_there_for_the_caller_is_refused(cloud: ServerCloud) -> None:
    foreign = make_group(cloud, OTHER)
    for group in (MISSING, foreign):
        assert group in post(cloud, body(group), 400)["badRequest"]["message"]
    assert "group" in post(cloud, body("no uuid"), 400)["badRequest"]["message"]
    assert "one" in post(cloud, body([foreign, MISSING]), 400)["badRequest"]["message"]
    assert cloud.rows(build_requests) == []
    post(cloud, body(foreign), roles="admin")


def test_more_members_than_allowed_are_refused(cloud: ServerCloud) -> None:
    cloud.serve_servers(server_group_members=3)
    group = make_group(cloud)
    post(cloud, body(group, min_count=2, max_count=2))
    told = post(cloud, body(group, min_count=2, max_count=2), 403)["forbidden"]["message"]
    assert told == "Quota exceeded, too many servers in group"
    post(cloud, body(group))
    assert len(cloud.rows(build_requests)) == len(cloud.rows(server_group_members)) == 3
