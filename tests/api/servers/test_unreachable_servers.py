"""Servers in a cell that does not answer, before and since 2.69."""

from __future__ import annotations

import uuid

import pytest

from tests.api.deployment import NOW, PROJECT
from tests.api.servers.service import IMAGE, ServerCloud

USER = "member,reader"
OTHER_PROJECT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def lost(cloud: ServerCloud) -> str:
    """A server that was created in the usual way, in a cell that went away; "here" is in the other one."""
    body = {"server": {"name": "lost", "imageRef": IMAGE, "flavorRef": "1", "networks": "none"}}
    created = cloud.answer("/servers", method="POST", body=body, version="2.69", status=202)
    found = str(created["server"]["id"])
    cloud.move_to_cell(found, "cell1")
    cloud.add_server("cell2", display_name="here", created_at=NOW)
    cloud.silence("cell1")
    return found


def test_left_out_of_lists_before_2_69(cloud: ServerCloud, lost: str) -> None:
    for path in ("/servers", "/servers/detail"):
        shown = cloud.answer(path, version="2.68")["servers"]
        assert [server["name"] for server in shown] == ["here"]


def test_unavailable_when_asked_for_before_2_69(cloud: ServerCloud, lost: str) -> None:
    assert "cell1" in cloud.refused(f"/servers/{lost}", 503, version="2.68")


def test_unknown_in_plain_lists_since_2_69(cloud: ServerCloud, lost: str) -> None:
    for path in ("/servers", "/servers/detail", "/servers?all_tenants=1"):
        shown = cloud.answer(path, version="2.69")["servers"]
        assert [server.get("name") for server in shown] == ["here", None]
        assert (shown[1]["id"], shown[1]["status"]) == (lost, "UNKNOWN")


@pytest.mark.parametrize(
    "query",
    ["name=.", "limit=10", "sort_key=uuid", "status=ACTIVE", "changes-since=2020-01-01", "marker="],
)
def test_left_out_of_filtered_paged_and_sorted_lists(
    cloud: ServerCloud, lost: str, query: str
) -> None:
    if query == "marker=":
        query += cloud.answer("/servers?limit=1", version="2.69")["servers"][0]["id"]
    shown = cloud.answer(f"/servers?{query}", version="2.69")["servers"]
    assert lost not in [server["id"] for server in shown]


def test_alone_it_tells_what_its_request_said(cloud: ServerCloud, lost: str) -> None:
    shown = cloud.answer(f"/servers/{lost}", version="2.69")["server"]
    assert shown["status"] == "UNKNOWN"
    assert shown["image"]["id"] == IMAGE
    assert shown["flavor"]["original_name"] == "flavor 1"
    assert shown["tenant_id"] == PROJECT
    assert "server_groups" not in shown
    assert cloud.answer(f"/servers/{lost}", version="2.71")["server"]["server_groups"] == []


def test_alone_it_is_its_owners(cloud: ServerCloud, lost: str) -> None:
    assert cloud.answer(f"/servers/{lost}", version="2.69", roles=USER)["server"]["id"] == lost
    assert cloud.refused(f"/servers/{lost}", 404, version="2.69", roles=USER, project=OTHER_PROJECT)


def test_lists_hold_only_the_projects_own(cloud: ServerCloud, lost: str) -> None:
    assert cloud.answer("/servers", version="2.69", roles=USER, project=OTHER_PROJECT) == {
        "servers": []
    }


def test_server_that_never_was_is_not_found(cloud: ServerCloud, lost: str) -> None:
    for version in ("2.68", "2.69"):
        assert cloud.refused(f"/servers/{uuid.uuid4()}", 404, version=version)


def test_delete_is_refused_for_now_and_takes_nothing_away(cloud: ServerCloud, lost: str) -> None:
    assert cloud.refused(f"/servers/{lost}", 503, method="DELETE", version="2.69")
    shown = cloud.answer("/servers", version="2.69")["servers"]
    assert lost in [server["id"] for server in shown]


def test_list_fails_when_the_operator_wants_no_holes(cloud: ServerCloud, lost: str) -> None:
    cloud.serve_servers(skip_down_cells=False)
    assert "cell1" in cloud.refused("/servers", 500, version="2.68")
    # Since 2.69 there are no holes.
    assert len(cloud.answer("/servers", version="2.69")["servers"]) == 2
