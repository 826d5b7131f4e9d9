"""``POST /os-server-external-events`` over two cells whose buses are written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nova.api.compute.server_external_events.operations import ServerExternalEvents
from nova.cells.registry import Cell
from nova.domain.external_event import EventName, EventStatus, ExternalEvent
from nova.domain.migration import MigrationStatus
from nova.lifecycle.external_events import ExternalEventDelivery
from nova.lifecycle.host_messages import TakeExternalEvents
from nova.rpc.bus import Address
from nova.saga.messages import COMPUTE_TOPIC
from tests.api.deployment import Deployment, keys_of, make_server, sample
from tests.api.moves import add_migration

MISSING = "99999999-9999-4999-8999-999999999999"
VOLUME = "a26887c6-c47b-4654-abb5-dfadf7d3f803"


class WrittenDown:
    """A cell's bus that only remembers what was cast on it."""

    def __init__(self) -> None:
        self.casts: list[tuple[str | None, tuple[ExternalEvent, ...]]] = []

    def cast(self, context: Any, address: Address, message: TakeExternalEvents) -> None:
        assert (address.topic, address.fanout) == (COMPUTE_TOPIC, False)
        self.casts.append((address.server, message.events))


class Cloud(Deployment):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.buses = {name: WrittenDown() for name in ("cell1", "cell2")}
        self.serve(
            ServerExternalEvents(
                delivery=ExternalEventDelivery(
                    api_database=self.api_database,
                    registry=self.registry,
                    scatter=self.scatter,
                    bus_of=self._bus_of,  # type: ignore[arg-type]
                )
            )
        )

    def _bus_of(self, cell: Cell) -> WrittenDown:
        return self.buses[cell.name]

    def sent(self, cell: str) -> dict[str | None, list[tuple[str, str]]]:
        """Name and tag of the events by host; a host that got two casts fails the test."""
        hosts = [host for host, _ in self.buses[cell].casts]
        assert len(hosts) == len(set(hosts))
        return {
            host: [(event.name, event.tag or "") for event in events]
            for host, events in self.buses[cell].casts
        }

    def tell(self, *events: Any, status: int = 200, version: str = "2.1", **more: Any) -> Any:
        answer = self.request(
            "/os-server-external-events",
            method="POST",
            body={"events": list(events)},
            version=version,
            **more,
        )
        assert answer.status_int == status, answer.text
        return answer.json


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    deployment = Cloud(tmp_path)
    yield deployment
    deployment.close()


def event(server: Any, name: str = "network-changed", **fields: str) -> dict[str, str]:
    return {"server_uuid": getattr(server, "uuid", server), "name": name, **fields}


def codes(answer: Any) -> list[tuple[int, str]]:
    return [(found["code"], found["status"]) for found in answer["events"]]


def test_answer_looks_as_documented(cloud: Cloud) -> None:
    server = cloud.add_server("cell1", host="a")
    [asked] = sample("os-server-external-events/event-create-req.json")["events"]
    # The documented request has a name that no version accepts.
    answer = cloud.tell({**asked, "server_uuid": server.uuid, "name": "network-changed"})
    expected = sample("os-server-external-events/event-create-resp.json")
    assert keys_of(answer) == keys_of(expected)
    assert answer["events"] == [{**expected["events"][0], "server_uuid": server.uuid}]


def test_events_are_split_per_cell(cloud: Cloud) -> None:
    """POST /os-server-external-events is split per cell; a mix of known and unknown servers gives 207."""
    first, second = cloud.add_server("cell1", host="a"), cloud.add_server("cell2", host="a")
    third = cloud.add_server("cell2", host="b")
    answer = cloud.tell(
        event(first, tag="1"),
        event(second, tag="2"),
        event(MISSING, tag="3"),
        event(third, tag="4"),
        event(first, "network-vif-plugged", tag="5"),
        status=207,
    )
    assert codes(answer) == [
        (200, "completed"),
        (200, "completed"),
        (404, "failed"),
        (200, "completed"),
        (200, "completed"),
    ]
    assert [found["tag"] for found in answer["events"]] == ["1", "2", "3", "4", "5"]
    assert cloud.sent("cell1") == {
        "a": [("network-changed", "1"), ("network-vif-plugged", "5")],
    }
    assert cloud.sent("cell2") == {
        "a": [("network-changed", "2")],
        "b": [("network-changed", "4")],
    }


def test_servers_without_host_and_those_that_are_gone(cloud: Cloud) -> None:
    buried = cloud.add_server("cell0", vm_state="error")
    offloaded = cloud.add_server("cell1", vm_state="shelved_offloaded")
    gone = cloud.add_server("cell1", host="a", deleted=3)
    waiting = make_server()
    cloud.map_server(waiting, None)
    answer = cloud.tell(*map(event, (buried, offloaded, gone, waiting)), status=207)
    assert [code for code, _ in codes(answer)] == [422, 422, 404, 422]
    assert cloud.sent("cell1") == {}


def test_nobody_known_is_told_event_by_event(cloud: Cloud) -> None:
    answer = cloud.tell(event(MISSING), status=207)
    assert codes(answer) == [(404, "failed")]
    assert "tag" not in answer["events"][0]


def test_silent_cell_keeps_no_event_from_the_others(cloud: Cloud) -> None:
    lost, found = cloud.add_server("cell1", host="a"), cloud.add_server("cell2", host="b")
    cloud.silence("cell1")
    answer = cloud.tell(event(lost), event(found), status=207)
    assert codes(answer) == [(422, "failed"), (200, "completed")]
    assert list(cloud.sent("cell2")) == ["b"]


def test_both_ends_of_a_move_hear_of_ports_and_only_the_guest_of_its_volumes(cloud: Cloud) -> None:
    server = cloud.add_server("cell2", host="a")
    add_migration(cloud, "cell2", server, source_compute="a", dest_compute="b")
    add_migration(
        cloud,
        "cell2",
        server,
        source_compute="z",
        dest_compute="a",
        status=MigrationStatus.COMPLETED,
    )
    port = ("network-vif-plugged", "port")
    cloud.tell(
        event(server, port[0], tag=port[1]),
        event(server, "volume-extended", tag=VOLUME),
        version="2.51",
    )
    assert cloud.sent("cell2") == {"a": [port, ("volume-extended", VOLUME)], "b": [port]}


def test_evacuated_server_without_host_is_reached_at_its_destination(cloud: Cloud) -> None:
    server = cloud.add_server("cell1", host=None)
    add_migration(cloud, "cell1", server, source_compute=None, dest_compute="b")
    assert codes(cloud.tell(event(server)))[0][0] == 200
    assert list(cloud.sent("cell1")) == ["b"]


def test_uuid_may_be_written_otherwise(cloud: Cloud) -> None:
    server = cloud.add_server("cell1", host="a")
    written = server.uuid.replace("-", "").upper()
    answer = cloud.tell(event(written))
    assert answer["events"][0]["server_uuid"] == written
    assert cloud.buses["cell1"].casts[0][1][0].server_uuid == server.uuid


@pytest.mark.parametrize(
    ("name", "since", "tag"),
    [
        ("network-changed", "2.1", None),
        ("network-vif-plugged", "2.1", None),
        ("network-vif-unplugged", "2.1", None),
        ("network-vif-deleted", "2.1", None),
        ("volume-extended", "2.51", VOLUME),
        ("power-update", "2.76", "POWER_OFF"),
        ("accelerator-request-bound", "2.82", VOLUME),
        ("volume-reimaged", "2.93", VOLUME),
    ],
)
def test_names_by_version(cloud: Cloud, name: str, since: str, tag: str | None) -> None:
    server = cloud.add_server("cell1", host="a")
    asked = event(server, name, **({"tag": tag} if tag else {}))
    cloud.tell(asked, version=since)
    if since != "2.1":
        before = f"2.{int(since.removeprefix('2.')) - 1}"
        cloud.tell(asked, version=before, status=400)
        bare = event(server, name)
        answer = cloud.tell(bare, version=since, status=207)
        assert codes(answer) == [(400, "failed")]
    assert cloud.sent("cell1") == {"a": [(name, tag or "")]}


def test_every_name_is_accepted_today(cloud: Cloud) -> None:
    server = cloud.add_server("cell1", host="a")
    events = [event(server, name.value, tag="POWER_ON") for name in EventName]
    assert {code for code, _ in codes(cloud.tell(*events, version="2.103"))} == {200}


@pytest.mark.parametrize("status", [status.value for status in EventStatus])
def test_status_is_passed_on(cloud: Cloud, status: str) -> None:
    server = cloud.add_server("cell1", host="a")
    answer = cloud.tell(event(server, status=status))
    assert codes(answer) == [(200, status)]
    assert cloud.buses["cell1"].casts[0][1][0].status == status


def test_power_can_only_become_on_or_off(cloud: Cloud) -> None:
    server = cloud.add_server("cell1", host="a")
    answer = cloud.tell(
        event(server, "power-update", tag="REBOOT"),
        event(server, "power-update", tag="POWER_ON"),
        version="2.76",
        status=207,
    )
    assert [code for code, _ in codes(answer)] == [400, 200]
    assert cloud.sent("cell1") == {"a": [("power-update", "POWER_ON")]}


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"name": "network-changed"}],
        [{"server_uuid": MISSING}],
        [{"name": "explode", "server_uuid": MISSING}],
        [{"name": "network-changed", "server_uuid": "x"}],
        [{"name": "network-changed", "server_uuid": MISSING, "status": "odd"}],
        [{"name": "network-changed", "server_uuid": MISSING, "tag": "x" * 256}],
        [{"name": "network-changed", "server_uuid": MISSING, "tag": None}],
        [{"name": "network-changed", "server_uuid": MISSING, "odd": 1}],
    ],
)
def test_senseless_body_is_refused(cloud: Cloud, events: list[Any]) -> None:
    assert "badRequest" in cloud.tell(*events, status=400)


def test_events_are_for_services_and_admins(cloud: Cloud) -> None:
    server = cloud.add_server("cell1", host="a")
    cloud.tell(event(server), roles="member,reader", status=403)
    cloud.tell(event(server), roles="service")
