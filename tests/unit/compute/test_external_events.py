"""Events on a host: those who wait are told, and the driver acts where it can."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from groundwork.errors import Conflict, Late
from nova.clients.deadline import Deadline
from nova.compute.external_events import ExternalEvents
from nova.domain.external_event import EventName, EventStatus, ExternalEvent
from nova.virt.fake import FakeDriver
from nova.virt.fake.driver import FakeOptions
from nova.virt.fake.faults import parse_fault
from nova.virt.guest import PowerState
from tests.unit.virt.driver_contract import make_spec

SERVER = "11111111-0000-4000-8000-000000000000"
OTHER = "11111111-0000-4000-8000-000000000001"
PORT = "b1a2c3d4-0000-4000-8000-000000000001"
VOLUME = "a26887c6-c47b-4654-abb5-dfadf7d3f803"
PLUGGED = EventName.NETWORK_VIF_PLUGGED


class Core:
    """A driver without abilities."""

    name = "core"


def make_driver(directory: Path, *faults: str) -> FakeDriver:
    driver = FakeDriver(
        FakeOptions(
            host="host1", directory=directory, faults=tuple(parse_fault(text) for text in faults)
        )
    )
    driver.start()
    driver.spawn(make_spec("host1", uuid=SERVER))
    return driver


@pytest.fixture
def events() -> ExternalEvents:
    return ExternalEvents(driver=Core())  # type: ignore[arg-type]


def event(name: EventName, tag: str | None = PORT, **fields: str) -> ExternalEvent:
    return ExternalEvent(**{"server_uuid": SERVER, "name": name.value, "tag": tag, **fields})


def test_all_who_wait_are_told(events: ExternalEvents) -> None:
    told: list[str] = []
    ready = threading.Barrier(3)

    def wait(name: str) -> None:
        with events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(30)) as expected:
            ready.wait(30)
            expected.wait()
        told.append(name)

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    ready.wait(30)
    events.take(event(PLUGGED))
    for thread in threads:
        thread.join(30)
    assert sorted(told) == ["a", "b"]


def test_event_that_comes_before_the_wait_is_not_missed(events: ExternalEvents) -> None:
    with events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(0)) as expected:
        events.take(event(PLUGGED))
        expected.wait()


@pytest.mark.parametrize(
    "other",
    [
        event(EventName.NETWORK_VIF_UNPLUGGED),
        event(PLUGGED, VOLUME),
        event(PLUGGED, None),
        event(PLUGGED, server_uuid=OTHER),
        event(PLUGGED, status=EventStatus.IN_PROGRESS.value),
    ],
)
def test_other_events_do_not_end_the_wait(events: ExternalEvents, other: ExternalEvent) -> None:
    with events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(0)) as expected:
        events.take(other)
        with pytest.raises(Late, match=PORT):
            expected.wait()


def test_event_before_it_was_expected_is_not_kept(events: ExternalEvents) -> None:
    events.take(event(PLUGGED))
    with (
        events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(0)) as expected,
        pytest.raises(Late),
    ):
        expected.wait()


def test_failure_is_told(events: ExternalEvents) -> None:
    with events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(0)) as expected:
        events.take(event(PLUGGED, status=EventStatus.FAILED.value))
        with pytest.raises(Conflict, match="failure"):
            expected.wait()


def test_nothing_is_kept_of_waits_that_are_over(events: ExternalEvents) -> None:
    with (
        pytest.raises(RuntimeError),
        events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(0)),
        events.expect(SERVER, PLUGGED, PORT, deadline=Deadline(0)),
    ):
        raise RuntimeError("plugging failed")
    assert events._expected == {}


def test_volume_that_has_grown_is_shown_to_the_guest(tmp_path: Path) -> None:
    events = ExternalEvents(driver=make_driver(tmp_path))
    events.take(event(EventName.VOLUME_EXTENDED, VOLUME))
    events.take(event(EventName.VOLUME_EXTENDED, "other", status=EventStatus.FAILED.value))
    kept = json.loads((tmp_path / f"{SERVER}.json").read_text())
    assert kept["extended_volumes"] == [VOLUME]


def test_power_follows_the_event(tmp_path: Path) -> None:
    driver = make_driver(tmp_path)
    events = ExternalEvents(driver=driver)
    for tag, expected in (
        ("POWER_OFF", PowerState.SHUTDOWN),
        ("POWER_OFF", PowerState.SHUTDOWN),
        ("REBOOT", PowerState.SHUTDOWN),
        ("POWER_ON", PowerState.RUNNING),
    ):
        events.take(event(EventName.POWER_UPDATE, tag))
        found = driver.guest(SERVER)
        assert found is not None
        assert found.power_state is expected


@pytest.mark.parametrize("fault", ["extend_volume", "power_off"])
def test_failing_driver_is_logged_and_the_next_event_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    driver = make_driver(tmp_path, f"{fault}:1")
    events = ExternalEvents(driver=driver)
    asked = {
        "extend_volume": event(EventName.VOLUME_EXTENDED, VOLUME),
        "power_off": event(EventName.POWER_UPDATE, "POWER_OFF"),
    }[fault]
    events.take(asked)
    assert "led to nothing" in caplog.text
    before = (tmp_path / f"{SERVER}.json").read_text()
    events.take(asked)
    assert (tmp_path / f"{SERVER}.json").read_text() != before


def test_guest_that_is_elsewhere_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events = ExternalEvents(driver=make_driver(tmp_path))
    events.take(event(EventName.POWER_UPDATE, "POWER_OFF", server_uuid=OTHER))
    assert OTHER in caplog.text


def test_driver_without_the_ability_is_not_asked(
    events: ExternalEvents, caplog: pytest.LogCaptureFixture
) -> None:
    events.take(event(EventName.VOLUME_EXTENDED, VOLUME))
    events.take(event(EventName.POWER_UPDATE, "POWER_OFF"))
    assert VOLUME in caplog.text
    assert "cannot switch" in caplog.text
