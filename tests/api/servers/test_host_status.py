"""``host_status``: how the host of a server is, since 2.16 and for those who may know."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from nova.api.compute.servers.host_status import HostStatuses
from nova.db.cell.models import services
from nova.db.cell.server_pages import ServerRow
from nova.db.cell.services import Condition
from tests.api.deployment import make_server
from tests.api.servers.service import ServerCloud


@pytest.fixture
def statuses(cloud: ServerCloud) -> dict[str, str]:
    """Servers in both cells, and what is to be told of their hosts."""
    rows = (
        ("cell1", "up", "UP", {}),
        ("cell2", "kept-out", "MAINTENANCE", {"disabled": True}),
        ("cell2", "dead", "DOWN", {"forced_down": True, "disabled": True}),
        ("cell1", "silent", "UNKNOWN", {"last_seen_up": now() - timedelta(seconds=90)}),
    )
    found = {}
    for cell, host, status, values in rows:
        cloud.add_service(cell, host)
        with cloud.databases[cell].write() as tx:
            change = sa.update(services).where(services.c.host == host)
            tx.execute(change.values({"last_seen_up": now(), **values}))
        found[cloud.add_server(cell, host=host).uuid] = status
    found[cloud.add_server("cell1", host="of no service").uuid] = "UNKNOWN"
    found[cloud.add_server("cell2", host=None).uuid] = ""
    return found


def test_it_is_told_alone_and_in_lists(cloud: ServerCloud, statuses: dict[str, str]) -> None:
    listed = cloud.answer("/servers/detail", version="2.16")["servers"]
    assert {each["id"]: each["host_status"] for each in listed} == statuses
    for uuid, status in statuses.items():
        shown = cloud.answer(f"/servers/{uuid}", version="2.16")["server"]
        assert shown["host_status"] == status


@pytest.mark.parametrize(
    "how", [{"version": "2.15"}, {"version": "2.16", "roles": "member,reader"}]
)
def test_it_is_not_told_before_and_to_others(
    cloud: ServerCloud, statuses: dict[str, str], how: dict[str, str]
) -> None:
    listed = cloud.answer("/servers/detail", **how)["servers"]
    assert {each["id"] for each in listed} == statuses.keys()
    shown = cloud.answer(f"/servers/{min(statuses)}", **how)["server"]
    assert not any("host_status" in each for each in (*listed, shown))


def test_who_may_know_of_unknown_hosts_only_is_told_of_these() -> None:
    rows = [
        ServerRow(make_server(host="a"), host=Condition(False, False, now())),
        ServerRow(make_server(host="b"), host=None),
    ]
    call = SimpleNamespace(
        version=(2, 16), can=lambda rule: rule.endswith("host_status:unknown-only")
    )
    told = HostStatuses(service_down_time_s=60)
    assert told.are_told(call)  # type: ignore[arg-type]
    assert told.for_caller(call, rows) == {rows[1].server.uuid: "UNKNOWN"}  # type: ignore[arg-type]
    call.can = lambda rule: False
    assert not told.are_told(call)  # type: ignore[arg-type]
    assert told.for_caller(call, rows) == {}  # type: ignore[arg-type]
