"""Events of other services as they reach a host: steps may be waiting for one, and the driver may have to act."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from groundwork.errors import Conflict, Late, Problem
from nova.clients.deadline import Deadline
from nova.domain.external_event import (
    POWER_OFF,
    POWER_ON,
    EventName,
    EventStatus,
    ExternalEvent,
)
from nova.virt.driver import Driver, PowerControl, VolumeExtension

LOG = logging.getLogger(__name__)

_Key = tuple[str, str, str | None]


class Expectation:
    """An event that somebody waits for."""

    def __init__(self, key: _Key, deadline: Deadline) -> None:
        self._key = key
        self._deadline = deadline
        self._came = threading.Event()
        self._status: str | None = None

    def wait(self) -> None:
        """Until the event has come; at once when it came since it was expected.

        :raises Conflict: it came, and tells of a failure.
        :raises Late: it did not come before the deadline.
        """
        server_uuid, name, tag = self._key
        told = f"Event {name} for {tag or 'no tag'} of server {server_uuid}"
        if not self._came.wait(self._deadline.left_s()):
            raise Late(f"{told} did not come in time.")
        if self._status == EventStatus.FAILED:
            raise Conflict(f"{told} tells of a failure.")

    def settle(self, status: str) -> None:
        """It came."""
        self._status = status
        self._came.set()


class ExternalEvents:
    """Who waits for what on this host, and what the driver does about events by itself. Thread safe."""

    def __init__(self, *, driver: Driver) -> None:
        self._driver = driver
        self._lock = threading.Lock()
        self._expected: dict[_Key, list[Expectation]] = {}
        self._hooks: Mapping[str, Callable[[ExternalEvent], None]] = {
            EventName.VOLUME_EXTENDED.value: self._extend_volume,
            EventName.POWER_UPDATE.value: self._update_power,
        }

    @contextmanager
    def expect(
        self, server_uuid: str, name: EventName, tag: str | None, *, deadline: Deadline
    ) -> Iterator[Expectation]:
        """An event that is going to come.

        Expect it before doing what brings it about, or it may come before anybody listens::

            with events.expect(server, EventName.NETWORK_VIF_PLUGGED, port, deadline=deadline) as plugged:
                plug(port)
                plugged.wait()

        Several may wait for the same event; all are told.
        """
        key = (server_uuid, name.value, tag)
        expectation = Expectation(key, deadline)
        with self._lock:
            self._expected.setdefault(key, []).append(expectation)
        try:
            yield expectation
        finally:
            with self._lock:
                waiting = self._expected[key]
                waiting.remove(expectation)
                if not waiting:
                    del self._expected[key]

    def take(self, event: ExternalEvent) -> None:
        """Tell those who wait, and let the driver act. A failure of the driver is logged: nobody waits for it."""
        if event.status == EventStatus.IN_PROGRESS:
            # The same event comes again when it is known how it ended.
            return
        with self._lock:
            waiting = tuple(self._expected.get((event.server_uuid, event.name, event.tag), ()))
        for expectation in waiting:
            expectation.settle(event.status)
        hook = self._hooks.get(event.name)
        if hook is None or event.status != EventStatus.COMPLETED:
            LOG.debug(
                "event %s of server %s, %d waited", event.name, event.server_uuid, len(waiting)
            )
            return
        try:
            hook(event)
        except Problem as problem:
            LOG.warning(
                "event %s (%s) of server %s led to nothing: %s",
                event.name,
                event.tag,
                event.server_uuid,
                problem,
            )

    def _extend_volume(self, event: ExternalEvent) -> None:
        if event.tag is not None and isinstance(self._driver, VolumeExtension):
            self._driver.extend_volume(event.server_uuid, event.tag)
        else:
            LOG.warning(
                "volume %s of server %s has grown, which the guest will see after a restart only",
                event.tag,
                event.server_uuid,
            )

    def _update_power(self, event: ExternalEvent) -> None:
        if not isinstance(self._driver, PowerControl):
            LOG.warning("driver %s cannot switch its guests", self._driver.name)
            return
        if event.tag == POWER_ON:
            self._driver.power_on(event.server_uuid)
        elif event.tag == POWER_OFF:
            self._driver.power_off(event.server_uuid)
        else:
            LOG.warning("power of server %s became %s", event.server_uuid, event.tag)
