"""The query of server lists: filters by caller and version, sorting, pages, and what is refused."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from nova.db.cell import servers as rows
from tests.api.deployment import NOW
from tests.api.servers.service import IMAGE, ServerCloud

USER = "member,reader"
OTHER_PROJECT = "0123456789abcdef0123456789abcdef"
NEWEST = "2.103"


def names(cloud: ServerCloud, query: Any = "", **how: Any) -> list[str]:
    """The names of the servers that a list shows, sorted."""
    return sorted(in_order(cloud, query, **how))


def in_order(cloud: ServerCloud, query: Any = "", **how: Any) -> list[str]:
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    answer = cloud.answer(f"/servers/detail?{text}", **how)
    return [server["name"] for server in answer["servers"]]


def refused(cloud: ServerCloud, query: Any, status: int = 400, **how: Any) -> str:
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    return cloud.refused(f"/servers?{text}", status, **how)


@pytest.fixture
def two(cloud: ServerCloud) -> ServerCloud:
    """Servers "a" and "b", one in each cell, that differ in all that can be filtered by."""
    cloud.add_server(
        "cell1",
        display_name="a",
        display_description="first",
        hostname="host-a",
        host="h1",
        node="n1",
        user_id="ua",
        image_ref=IMAGE,
        reservation_id="r-a",
        kernel_id="ka",
        ramdisk_id="ra",
        key_name="key-a",
        root_device_name="/dev/vda",
        availability_zone="za",
        access_ip_v4="1.2.3.4",
        access_ip_v6="fd00::1",
        config_drive=True,
        auto_disk_config=True,
        launch_index=0,
        power_state=1,
        progress=0,
        locked_by="owner",
        tags=("blue", "red"),
        created_at=NOW,
        launched_at=NOW,
        updated_at=NOW,
    )
    cloud.add_server(
        "cell2",
        display_name="b",
        display_description="second",
        hostname="host-b",
        host="h2",
        node="n2",
        user_id="ub",
        vm_state="building",
        task_state="spawning",
        reservation_id="r-b",
        availability_zone="zb",
        auto_disk_config=False,
        launch_index=1,
        power_state=0,
        progress=50,
        tags=("green", "red"),
        created_at=NOW - timedelta(days=1),
        updated_at=NOW - timedelta(days=1),
    )
    return cloud


# Filters that select server "a", with the first version at which other people than administrators may use them.
FILTERS = [
    ("reservation_id=r-a", "2.1"),
    ("name=a", "2.1"),
    ("name=%5E%5Ba-a%5D%24", "2.1"),
    ("status=active", "2.1"),
    ("status=ACTIVE", "2.1"),
    (f"image={IMAGE}", "2.1"),
    ("changes-since=2026-03-01T00:00:00Z", "2.1"),
    ("tags=blue", "2.26"),
    ("tags=blue,red", "2.26"),
    ("tags-any=blue,lost", "2.26"),
    ("not-tags=green,red", "2.26"),
    ("not-tags-any=green,lost", "2.26"),
    ("locked=true", "2.73"),
    ("availability_zone=za", "2.83"),
    ("config_drive=true", "2.83"),
    ("key_name=key-a", "2.83"),
    ("created_at=2026-03-01", "2.83"),
    ("launched_at=2026-03-01", "2.83"),
    ("power_state=1", "2.83"),
    ("vm_state=active", "2.83"),
    ("progress=0", "2.83"),
    ("user_id=ua", "2.83"),
    ("hostname=host-a", "2.90"),
    ("host=h1", None),
    ("node=n1", None),
    ("description=first", None),
    ("kernel_id=ka", None),
    ("ramdisk_id=ra", None),
    ("root_device_name=/dev/vda", None),
    ("access_ip_v4=1.2.3", None),
    ("access_ip_v6=fd00", None),
    ("auto_disk_config=1", None),
    ("launch_index=0", None),
    ("locked_by=owner", None),
    (f"image_ref={IMAGE}", None),
    ("display_name=a", None),
]


@pytest.mark.parametrize(("query", "_since"), FILTERS)
def test_administrators_may_filter_by_everything(
    two: ServerCloud, query: str, _since: str | None
) -> None:
    assert names(two, query, version=NEWEST) == ["a"]


@pytest.mark.parametrize(("query", "since"), FILTERS)
def test_filters_of_others_count_from_their_version_and_are_dropped_before(
    two: ServerCloud, query: str, since: str | None
) -> None:
    if since is not None:
        assert names(two, query, version=since, roles=USER) == ["a"]
    if since != "2.1":
        before = "2.1" if since is None else f"2.{int(since[2:]) - 1}"
        assert names(two, query, version=before, roles=USER) == ["a", "b"]


def test_changes_before_since_2_66(two: ServerCloud) -> None:
    query = "changes-before=2026-02-28T13:00:00Z"
    assert names(two, query, version="2.66", roles=USER) == ["b"]
    assert names(two, query, version="2.65", roles=USER) == ["a", "b"]
    both = "changes-since=2026-03-02T00:00:00Z&changes-before=2026-03-01T00:00:00Z"
    assert "changes-since" in refused(two, both, version="2.66")
    edge = "changes-since=2026-03-01T12:00:00Z&changes-before=2026-03-01T12:00:00Z"
    assert names(two, edge, version="2.66") == ["a"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=build", ["b"]),
        ("status=active&status=build", ["a", "b"]),
        ("status=error", []),
        ("vm_state=active&vm_state=building", ["a", "b"]),
        ("task_state=spawning", ["b"]),
        ("host=h1&host=h2", ["a", "b"]),
        ("host=h", []),
        ("name=a&status=build", []),
        ("name=c&name=b", ["b"]),
        ("name=B", []),
        ("tags=red", ["a", "b"]),
        ("tags=blue,green", []),
        ("not-tags=red", []),
        ("not-tags-any=red", []),
        ("locked=false", ["b"]),
        ("config_drive=no", ["b"]),
        ("ip=10.0", []),
        ("ip6=fd00", []),
        ("deleted=false", ["a", "b"]),
        ("deleted=true", []),
        (f"uuid={uuid.UUID(int=7)}", []),
    ],
)
def test_values(two: ServerCloud, query: str, expected: list[str]) -> None:
    assert names(two, query, version=NEWEST) == expected


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=x",
        "marker=lost",
        "sort_key=lost",
        "sort_key=host&sort_dir=asc&sort_dir=asc",
        "sort_dir=up",
        "name=*",
        "name=(",
        r"name=(a)\1",
        "name=(?=a)",
        "hostname=%5B",
        "changes-since=yesterday",
        "power_state=on",
        "power_state=99999999999999999999",
        "config_drive=perhaps",
        "locked=perhaps",
        "all_tenants=perhaps",
        "deleted=perhaps",
        "metadata=x",
        "security_groups=x",
        "_private=x",
        "status=lost",
        "name=a%00",
        "marker=a%00",
    ],
)
def test_nonsense_is_refused(two: ServerCloud, query: str) -> None:
    assert refused(two, query, version=NEWEST)


def test_joined_tables_and_private_names_are_refused_at_every_version(two: ServerCloud) -> None:
    for name in "metadata services info_cache security_groups pci_devices system_metadata".split():
        for version in ("2.1", "2.74", "2.75"):
            assert name in refused(two, {name: "x"}, version=version, roles=USER)


def test_unknown_keys_are_ignored_until_2_74_and_refused_then(two: ServerCloud) -> None:
    for version in ("2.1", "2.74"):
        assert names(two, "colour=blue", version=version) == ["a", "b"]
    assert "colour" in refused(two, "colour=blue", version="2.75")
    assert refused(two, "sort_key=vcpus", version="2.75")
    assert names(two, "sort_key=vcpus", version="2.74") == ["a", "b"]


def test_filters_that_came_later_are_unknown_keys_to_administrators_too(two: ServerCloud) -> None:
    for query, since in (("tags=blue", 26), ("changes-before=2020-01-01", 66), ("locked=true", 73)):
        assert names(two, query, version=f"2.{since - 1}") == ["a", "b"]
        assert names(two, query, version=f"2.{since}") != ["a", "b"]


def test_unknown_status_is_an_empty_list_until_2_37_and_refused_then(two: ServerCloud) -> None:
    assert names(two, "status=lost", version="2.37") == []
    assert "status" in refused(two, "status=lost", version="2.38")


def test_deleted_servers_are_for_administrators(two: ServerCloud) -> None:
    gone = two.add_server("cell1", display_name="gone", created_at=NOW)
    with two.databases["cell1"].write() as tx:
        rows.mark_deleted(tx, gone.uuid, now=NOW)
    assert names(two) == ["a", "b"]
    assert names(two, "status=deleted") == ["gone"]
    assert names(two, "deleted=true") == ["gone"]
    [shown] = two.answer("/servers/detail?deleted=1", version=NEWEST)["servers"]
    assert shown["status"] == "DELETED"
    assert shown["OS-SRV-USG:terminated_at"]
    assert "deleted" in refused(two, "status=deleted", status=403, roles=USER)
    # Everybody sees what was deleted since.
    assert names(two, "changes-since=2026-03-01T00:00:00Z", roles=USER) == ["a", "gone"]
    assert names(two, "deleted=true", roles=USER) == ["a", "b"]


def test_all_tenants_is_for_administrators(two: ServerCloud) -> None:
    two.add_server("cell2", display_name="c", project_id=OTHER_PROJECT)
    assert names(two) == ["a", "b"]
    for query in ("all_tenants", "all_tenants=1", "all_tenants=true"):
        assert names(two, query) == ["a", "b", "c"]
        assert "all_tenants" in refused(two, query, status=403, roles=USER)
    assert names(two, "all_tenants=0", roles=USER) == ["a", "b"]
    assert names(two, {"all_tenants": 1, "tenant_id": OTHER_PROJECT}) == ["c"]
    assert names(two, {"all_tenants": 1, "project_id": OTHER_PROJECT}) == ["c"]
    # Without all_tenants they do not count.
    assert names(two, {"tenant_id": OTHER_PROJECT}) == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "version", "expected"),
    [
        ("", "2.1", ["a", "b"]),
        ("sort_key=created_at&sort_dir=asc", "2.1", ["b", "a"]),
        ("sort_key=display_name", "2.1", ["b", "a"]),
        ("sort_key=launch_index&sort_dir=desc", "2.1", ["b", "a"]),
        ("sort_key=config_drive&sort_dir=desc", "2.1", ["a", "b"]),
        # Ignored: the default order stays.
        ("sort_key=vcpus&sort_dir=asc", "2.74", ["a", "b"]),
        ("sort_key=locked&sort_dir=asc", "2.72", ["a", "b"]),
        ("sort_key=locked&sort_dir=asc", "2.73", ["b", "a"]),
        ("sort_key=locked&sort_dir=asc", "2.74", ["b", "a"]),
        ("sort_key=locked&sort_dir=asc", "2.75", ["b", "a"]),
        ("sort_key=locked&sort_dir=desc", "2.75", ["a", "b"]),
    ],
)
def test_order(two: ServerCloud, query: str, version: str, expected: list[str]) -> None:
    assert in_order(two, query, version=version) == expected


def test_order_by_place_is_for_administrators(two: ServerCloud) -> None:
    for key in ("host", "node"):
        assert in_order(two, f"sort_key={key}&sort_dir=asc") == ["a", "b"]
        assert refused(two, f"sort_key={key}", status=403, roles=USER)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_follow_their_links(two: ServerCloud, limit: int) -> None:
    two.add_server("cell1", display_name="c", created_at=NOW - timedelta(days=2))
    read: list[str] = []
    path = f"/servers/detail?limit={limit}&status=active&status=build&sort_key=display_name"
    while path:
        page = two.answer(path)
        assert len(page["servers"]) <= limit
        read += [server["name"] for server in page["servers"]]
        [link] = page.get("servers_links", [{"href": ""}])
        path = link["href"].removeprefix("http://openstack.example.com/v2.1")
        assert not path or "status=active&status=build" in path
    assert read == ["c", "b", "a"]


def test_limit_of_nothing_is_an_empty_page(two: ServerCloud) -> None:
    assert two.answer("/servers?limit=0") == {"servers": []}


def test_marker_of_another_project_is_unknown(two: ServerCloud) -> None:
    stranger = two.add_server("cell2", project_id=OTHER_PROJECT)
    assert "not found" in refused(two, {"marker": stranger.uuid}, roles=USER)
    assert "not found" in refused(two, {"marker": str(uuid.uuid4())})
    assert names(two, {"marker": stranger.uuid, "all_tenants": 1}) is not None
