"""A bus whose RabbitMQ goes away and comes back; ``local://`` has nothing that could go away."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

import nova.rpc.bus
from groundwork.errors import Unavailable
from nova.rpc.bus import Address, Bus
from nova.rpc.message import message

PATIENCE_S = 30


@message(reply=int)
class Double:
    number: int


@message()
class Wake:
    pass


class Endpoint:
    def __init__(self) -> None:
        self.is_awake = threading.Event()

    def double(self, context: Any, message: Double) -> int:
        return message.number * 2

    def wake(self, context: Any, message: Wake) -> None:
        self.is_awake.set()


def call_until_answered(bus: Bus, context: Any, topic: str) -> int:
    """The answer to the first call that gets through; bounded."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return int(bus.call(context, Address(topic), Double(2), timeout_s=2))
        except Unavailable:
            if time.monotonic() > give_up:
                raise


def test_a_bus_that_starts_before_its_broker_says_unavailable_until_it_is_there(
    proxy: Any, proxied_url: str, make_bus: Any, rabbit_bus: Bus, topic: str, context: Any
) -> None:
    server = rabbit_bus.serve(Address(topic, "one"), Endpoint(), threads=1)
    server.start()
    proxy.cut()
    bus = make_bus(proxied_url)
    began = time.monotonic()

    with pytest.raises(Unavailable):
        bus.call(context, Address(topic), Double(1), timeout_s=PATIENCE_S)
    assert time.monotonic() - began < 10

    proxy.mend()
    assert call_until_answered(bus, context, topic) == 4
    server.stop()
    server.wait()


def test_casts_without_broker_return_soon_and_warn_once(
    proxy: Any,
    proxied_url: str,
    make_bus: Any,
    topic: str,
    context: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy.cut()
    bus = make_bus(proxied_url)
    began = time.monotonic()

    for _ in range(100):
        bus.cast(context, Address(topic), Double(1))

    assert time.monotonic() - began < 5
    [warning] = [
        record
        for record in caplog.records
        if record.name.startswith("nova.") and record.levelno >= logging.WARNING
    ]
    assert "double" in warning.getMessage()


def test_a_bus_outlives_an_outage(
    proxy: Any,
    proxied_url: str,
    make_bus: Any,
    topic: str,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sender and server are both cut off in the middle of their work."""
    monkeypatch.setattr(nova.rpc.bus, "AWAY_S", 0.2)
    bus, endpoint = make_bus(proxied_url), Endpoint()
    server = bus.serve(Address(topic, "one"), endpoint, threads=1)
    server.start()
    assert bus.call(context, Address(topic), Double(1), timeout_s=PATIENCE_S) == 2

    proxy.cut()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        bus.call(context, Address(topic), Double(1), timeout_s=PATIENCE_S)
    bus.cast(context, Address(topic), Wake())
    assert time.monotonic() - began < 20

    proxy.mend()
    assert call_until_answered(bus, context, topic) == 4
    assert not endpoint.is_awake.is_set()
    give_up = time.monotonic() + PATIENCE_S
    while not endpoint.is_awake.wait(0.1):
        bus.cast(context, Address(topic), Wake())
        assert time.monotonic() < give_up
    server.stop()
    server.wait()


def test_wrong_credentials_are_unavailability(
    rabbit_vhosts: tuple[str, str], broker: tuple[str, int], make_bus: Any, topic: str, context: Any
) -> None:
    bus = make_bus(f"rabbit://guest:wrong@{broker[0]}:{broker[1]}/{rabbit_vhosts[0]}")

    with pytest.raises(Unavailable, match="cannot be reached"):
        bus.call(context, Address(topic), Double(1), timeout_s=PATIENCE_S)
    bus.cast(context, Address(topic), Double(1))
