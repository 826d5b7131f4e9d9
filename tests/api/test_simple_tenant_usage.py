"""``/os-simple-tenant-usage`` over two cells, with servers that came and went within the period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from nova.api.compute.simple_tenant_usage.operations import SimpleTenantUsage
from nova.cells.servers import Servers
from nova.cells.usage import Usages
from nova.domain.flavor import Flavor
from nova.domain.server import Server
from tests.api.deployment import NOW, PROJECT, Deployment, keys_of, sample

OTHER = "0123456789abcdef0123456789abcdef"
MISSING = "99999999-9999-4999-8999-999999999999"
# NOW is noon; the day's morning, as the API takes it.
MORNING = "start=2026-03-01T06:00:00&end=2026-03-01T12:00:00"
TINY = Flavor(flavorid="1", name="m1.tiny", vcpus=1, memory_mb=512, root_gb=1)
LARGE = Flavor(flavorid="2", name="m1.large", vcpus=4, memory_mb=2048, root_gb=10, ephemeral_gb=5)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    servers = Servers(
        api_database=deployment.api_database,
        registry=deployment.registry,
        targets=deployment.targets,
        scatter=deployment.scatter,
    )
    deployment.serve(
        SimpleTenantUsage(
            usages=Usages(
                registry=deployment.registry, scatter=deployment.scatter, servers=servers
            ),
            paging=deployment.paging,
            links=deployment.links,
            clock=deployment.clock,
        )
    )
    yield deployment
    deployment.close()


def add(
    cloud: Deployment, cell: str, *, began: float, ended: float | None = None, **fields: Any
) -> Server:
    """A server that was launched (and is gone since) so many hours before NOW."""
    values: dict[str, Any] = {"flavor": TINY, "launched_at": NOW - timedelta(hours=began)}
    if ended is not None:
        gone = NOW - timedelta(hours=ended)
        values |= {"terminated_at": gone, "deleted_at": gone, "deleted": 7, "vm_state": "deleted"}
    return cloud.add_server(cell, **{**values, **fields})


def ask(
    cloud: Deployment, path: str = "", *, version: str = "2.40", status: int = 200, **more: Any
) -> Any:
    answer = cloud.request(f"/os-simple-tenant-usage{path}", version=version, **more)
    assert answer.status_int == status, answer.text
    return answer.json


def totals(usage: dict[str, Any]) -> tuple[float, ...]:
    names = ("hours", "vcpus_usage", "memory_mb_usage", "local_gb_usage")
    return tuple(usage[f"total_{name}"] for name in names)


@pytest.mark.parametrize(
    ("version", "folder", "name", "path"),
    [
        ("2.1", "", "simple-tenant-usage-get", f"?{MORNING}"),
        ("2.1", "", "simple-tenant-usage-get-detail", f"?{MORNING}&detailed=1"),
        ("2.1", "", "simple-tenant-usage-get-specific", f"/{PROJECT}?{MORNING}"),
        ("2.40", "v2.40/", "simple-tenant-usage-get", f"?{MORNING}&limit=1"),
        ("2.40", "v2.40/", "simple-tenant-usage-get-detail", f"?{MORNING}&limit=1&detailed=1"),
        ("2.40", "v2.40/", "simple-tenant-usage-get-specific", f"/{PROJECT}?{MORNING}&limit=1"),
    ],
)
def test_usage_looks_as_documented(
    cloud: Deployment, version: str, folder: str, name: str, path: str
) -> None:
    add(cloud, "cell2", began=1)
    expected = sample(f"os-simple-tenant-usage/{folder}{name}.json")
    assert keys_of(ask(cloud, path, version=version)) == keys_of(expected)


def test_documented_numbers(cloud: Deployment) -> None:
    """One m1.tiny that ran for the documented hour."""
    server = add(cloud, "cell1", began=1, display_name="new-server-test")
    expected = sample("os-simple-tenant-usage/simple-tenant-usage-get-specific.json")
    wanted = expected["tenant_usage"]
    wanted["server_usages"][0] |= {
        "instance_id": server.uuid,
        "started_at": "2026-03-01T11:00:00.000000",
    }
    wanted |= {"start": "2026-03-01T11:00:00.000000", "stop": "2026-03-01T12:00:00.000000"}
    hour = "start=2026-03-01T11:00:00&end=2026-03-01T12:00:00"
    assert ask(cloud, f"/{PROJECT}?{hour}") == expected


def test_usage_equals_the_sum_over_cells(cloud: Deployment) -> None:
    """os-simple-tenant-usage (paged from 2.40) spans cells; usage equals the sum, whenever servers came and went."""
    # Hours within the morning's six:
    add(cloud, "cell1", began=10)  # 6, was there before
    add(cloud, "cell2", began=2)  # 2, created within
    add(cloud, "cell1", began=5, ended=4, flavor=LARGE)  # 1, created and deleted within
    add(cloud, "cell2", began=20, ended=5.5)  # 0.5, deleted within
    add(cloud, "cell2", began=4.5, ended=1, project_id=OTHER, flavor=LARGE)  # 3.5
    # None at all:
    add(cloud, "cell1", began=20, ended=7)
    add(cloud, "cell2", began=-1)
    cloud.add_server("cell1", vm_state="building")
    cloud.add_server("cell0", vm_state="error")
    found = {row["tenant_id"]: row for row in ask(cloud, f"?{MORNING}")["tenant_usages"]}
    assert sorted(found) == sorted([PROJECT, OTHER])
    assert totals(found[PROJECT]) == (9.5, 8.5 + 4, 8.5 * 512 + 2048, 8.5 + 15)
    assert totals(found[OTHER]) == (3.5, 14.0, 3.5 * 2048, 52.5)
    shown = ask(cloud, f"/{PROJECT}?{MORNING}")["tenant_usage"]
    assert totals(shown) == totals(found[PROJECT])
    assert [row["hours"] for row in shown["server_usages"]] == [0.5, 6.0, 1.0, 2.0]


def test_servers_of_the_period(cloud: Deployment) -> None:
    alive = add(cloud, "cell1", began=8, vm_state="paused", display_name=None)
    gone = add(cloud, "cell2", began=7, ended=2, flavor=LARGE)
    first, second = ask(cloud, f"/{PROJECT}?{MORNING}")["tenant_usage"]["server_usages"]
    assert first == {
        "instance_id": alive.uuid,
        "name": "",
        "tenant_id": PROJECT,
        "flavor": "m1.tiny",
        "vcpus": 1,
        "memory_mb": 512,
        "local_gb": 1,
        "hours": 6.0,
        "started_at": "2026-03-01T04:00:00.000000",
        "ended_at": None,
        "state": "paused",
        "uptime": 8 * 3600,
    }
    assert second["instance_id"] == gone.uuid
    assert (second["state"], second["uptime"], second["hours"]) == ("terminated", 5 * 3600, 4.0)
    assert second["ended_at"] == "2026-03-01T10:00:00.000000"
    assert (second["flavor"], second["local_gb"]) == ("m1.large", 15)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
@pytest.mark.parametrize("path", ["", f"/{PROJECT}"])
def test_pages_put_together_are_the_whole(cloud: Deployment, path: str, limit: int) -> None:
    """os-simple-tenant-usage (paged from 2.40) spans cells: each server is in one page, ties of launch time too."""
    for at in range(4):
        for cell in ("cell1", "cell2"):
            add(cloud, cell, began=1 + at // 2, ended=0.5 if at % 2 else None)
    seen: list[str] = []
    hours = 0.0
    ask_for: str | None = f"{path}?{MORNING}&detailed=1&limit={limit}"
    while ask_for is not None:
        body = ask(cloud, ask_for)
        usages = body.get("tenant_usages") if not path else [body["tenant_usage"]]
        page = [row for usage in usages or () for row in usage.get("server_usages", ())]
        assert len(page) <= limit
        hours += sum(usage.get("total_hours", 0) for usage in usages or ())
        seen += [row["instance_id"] for row in page]
        links = body.get(f"{'tenant_usage' if path else 'tenant_usages'}_links")
        ask_for = None
        if links:
            parts = urlsplit(links[0]["href"])
            ask_for = f"{parts.path.removeprefix('/v2.1/os-simple-tenant-usage')}?{parts.query}"
    assert len(seen) == len(set(seen)) == 8
    assert hours == pytest.approx(4 * 1 + 2 * (0.5 + 1.5) + 2 * 1)


def test_there_are_no_pages_before_2_40(cloud: Deployment) -> None:
    for began in (1, 2):
        add(cloud, "cell1", began=began)
    query = f"?{MORNING}&detailed=1&limit=1&marker={MISSING}"
    [usage] = ask(cloud, query, version="2.39")["tenant_usages"]
    assert len(usage["server_usages"]) == 2


def test_project_without_servers_used_nothing(cloud: Deployment) -> None:
    add(cloud, "cell1", began=1)
    assert ask(cloud, f"/{OTHER}?{MORNING}") == {"tenant_usage": {}}
    assert ask(cloud, f"/{PROJECT}?{MORNING}&limit=0") == {"tenant_usage": {}}
    assert ask(cloud, "?start=2020-01-01T00:00:00&end=2020-01-02T00:00:00") == {"tenant_usages": []}


def test_without_times_the_present_is_meant(cloud: Deployment) -> None:
    add(cloud, "cell1", began=1)
    [usage] = ask(cloud, "?detailed=1")["tenant_usages"]
    assert usage["start"] == usage["stop"] == "2026-03-01T12:00:00.000000"
    assert totals(usage) == (0, 0, 0, 0)
    assert len(usage["server_usages"]) == 1
    [usage] = ask(cloud, "?start=2026-03-01T11:30:00")["tenant_usages"]
    assert usage["total_hours"] == 0.5


def test_hours_that_have_not_passed_are_not_counted(cloud: Deployment) -> None:
    """The openstack client asks for a period that ends tomorrow; a server of a minute would have used a whole day."""
    add(cloud, "cell1", began=1)
    add(cloud, "cell2", began=3, ended=2)
    # On a host whose clock is ahead.
    add(cloud, "cell2", began=-0.5)
    [usage] = ask(cloud, "?start=2026-02-01T00:00:00&end=2026-03-02T12:00:00")["tenant_usages"]
    assert usage["total_hours"] == 2.0
    assert usage["stop"] == "2026-03-02T12:00:00.000000"
    assert (
        ask(cloud, "?start=2026-03-01T13:00:00&end=2026-03-02T12:00:00")["tenant_usages"][0][
            "total_hours"
        ]
        == 0.0
    )


@pytest.mark.parametrize(
    "form",
    ["2026-03-01T11:00:00", "2026-03-01T11:00:00.000000", "2026-03-01%2011:00:00.000000"],
)
def test_three_forms_of_times(cloud: Deployment, form: str) -> None:
    add(cloud, "cell1", began=2)
    assert ask(cloud, f"?start={form}")["tenant_usages"][0]["total_hours"] == 1.0


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("2.1", "?start=2026-03-01"),
        ("2.1", "?start=2026-03-01T11:00:00Z"),
        ("2.1", "?start=2026-03-01%2011:00:00"),
        ("2.1", "?start=2026-03-01T11:00:00&end=2026-03-01T11:00:00"),
        ("2.1", "?start=2026-03-01T11:00:01&end=2026-03-01T11:00:00"),
        ("2.1", "?start=2026-03-01T12:00:01"),
        ("2.1", "?end=2026-03-01T12:00:00"),
        ("2.1", "/a%00b"),
        ("2.40", "?limit=x"),
        ("2.40", f"?marker={MISSING}"),
        ("2.40", f"/{PROJECT}?marker={MISSING}"),
        ("2.75", "?odd=1"),
        ("2.75", f"/{PROJECT}?detailed=1"),
    ],
)
def test_senseless_query_is_refused(cloud: Deployment, version: str, path: str) -> None:
    assert "badRequest" in ask(cloud, path, version=version, status=400)


def test_marker_is_a_server_that_ran_in_the_project(cloud: Deployment) -> None:
    waiting = cloud.add_server("cell1", vm_state="building")
    alien = add(cloud, "cell2", began=1, project_id=OTHER)
    ask(cloud, f"?{MORNING}&marker={waiting.uuid}", status=400)
    ask(cloud, f"/{PROJECT}?{MORNING}&marker={alien.uuid}", status=400)
    assert ask(cloud, f"?{MORNING}&marker={alien.uuid}") == {"tenant_usages": []}


def test_silent_cell_is_left_out(cloud: Deployment) -> None:
    add(cloud, "cell1", began=1)
    lost = add(cloud, "cell2", began=2)
    cloud.silence("cell2")
    assert ask(cloud, f"/{PROJECT}?{MORNING}")["tenant_usage"]["total_hours"] == 1.0
    ask(cloud, f"?{MORNING}&marker={lost.uuid}", status=503)


def test_only_admins_see_other_projects(cloud: Deployment) -> None:
    add(cloud, "cell1", began=1)
    reader = {"roles": "reader"}
    assert ask(cloud, f"/{PROJECT}?{MORNING}", **reader)["tenant_usage"]["total_hours"] == 1.0
    ask(cloud, f"/{OTHER}?{MORNING}", status=403, **reader)
    ask(cloud, f"?{MORNING}", status=403, **reader)
