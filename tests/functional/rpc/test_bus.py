"""What a bus promises, proved on our in-process transport and on RabbitMQ alike."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from groundwork.errors import Invalid, Late, NotFound
from nova.context import RequestContext
from nova.rpc.bus import Address, Bus
from nova.rpc.message import UtcTime, message
from nova.rpc.server import Server

PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Seen:
    server: str
    text: str
    at: UtcTime


@message(reply=Seen)
class Look:
    text: str
    at: UtcTime
    facts: dict[str, str] = field(default_factory=dict)


@message()
class Note:
    text: str


@message(reply=int)
class Double:
    number: int


@message()
class Fail:
    kind: str


@message()
class Hang:
    pass


class Endpoint:
    """Records what it gets; hangs until released."""

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.got: list[Any] = []
        self.contexts: list[Any] = []
        self.changed = threading.Condition()
        self.released = threading.Event()

    def look(self, context: Any, message: Look) -> Seen:
        self._record(context, message)
        return Seen(self.name, message.text, message.at)

    def note(self, context: Any, message: Note) -> None:
        self._record(context, message)

    def double(self, context: Any, message: Double) -> int:
        return message.number * 2

    def fail(self, context: Any, message: Fail) -> None:
        match message.kind:
            case "foreseen":
                raise NotFound(
                    "Server x could not be found.", internal="row is gone", server="x", attempt=2
                )
            case _:
                raise KeyError(message.kind)

    def hang(self, context: Any, message: Hang) -> None:
        self._record(context, message)
        assert self.released.wait(PATIENCE_S)

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, PATIENCE_S), self.got

    def _record(self, context: Any, message: Any) -> None:
        with self.changed:
            self.contexts.append(context)
            self.got.append(message)
            self.changed.notify_all()


class Hosts:
    """Serves endpoints and takes them down again."""

    def __init__(self) -> None:
        self.running: list[tuple[Server, Endpoint]] = []

    def serve(self, bus: Bus, topic: str, name: str = "one", threads: int = 2) -> Endpoint:
        endpoint = Endpoint(name)
        server = bus.serve(Address(topic, server=name), endpoint, threads=threads)
        server.start()
        self.running.append((server, endpoint))
        return endpoint

    def take_down(self) -> None:
        for server, endpoint in self.running:
            endpoint.released.set()
            server.stop()
            server.wait()
        self.running.clear()


@pytest.fixture
def hosts(bus: Bus) -> Iterator[Hosts]:
    hosts = Hosts()
    yield hosts
    hosts.take_down()


def test_call_brings_back_the_declared_type(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    endpoint = hosts.serve(bus, topic)
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

    answer = bus.call(context, Address(topic), Look("there", at, {"a": "b"}), timeout_s=PATIENCE_S)

    assert answer == Seen("one", "there", at)
    assert endpoint.got == [Look("there", at, {"a": "b"})]
    assert endpoint.contexts[0].request_id == "req-1"


def test_nothing_travels_by_reference(bus: Bus, hosts: Hosts, topic: str, context: Any) -> None:
    endpoint = hosts.serve(bus, topic)
    sent = Look("there", datetime.now(UTC), {"a": "b"})

    bus.call(context, Address(topic), sent, timeout_s=PATIENCE_S)
    sent.facts["a"] = "changed"

    assert endpoint.got[0] is not sent
    assert endpoint.got[0].facts == {"a": "b"}
    assert endpoint.contexts[0] is not context


def test_virtual_hosts_never_see_each_other(
    bus: Bus, make_bus: Any, urls: tuple[str, str], hosts: Hosts, topic: str, context: Any
) -> None:
    other = make_bus(urls[1])
    here, there = hosts.serve(bus, topic, "one"), hosts.serve(other, topic, "one")

    for sender, text in ((bus, "here"), (other, "there")):
        sender.cast(context, Address(topic), Note(text))
        sender.cast(context, Address(topic, server="one"), Note(text))
        sender.cast(context, Address(topic, fanout=True), Note(text))
    for endpoint in (here, there):
        endpoint.wait_for(3)
    hosts.take_down()

    assert here.got == [Note("here")] * 3
    assert there.got == [Note("there")] * 3


def test_two_buses_of_one_url_share_queues(
    bus: Bus, make_bus: Any, urls: tuple[str, str], hosts: Hosts, topic: str, context: Any
) -> None:
    hosts.serve(bus, topic)

    assert make_bus(urls[0]).call(context, Address(topic), Double(4), timeout_s=PATIENCE_S) == 8


def test_servers_of_a_topic_take_turns(bus: Bus, hosts: Hosts, topic: str, context: Any) -> None:
    for name in ("one", "two", "three"):
        hosts.serve(bus, topic, name)

    answers = [
        bus.call(context, Address(topic), Look("turn", datetime.now(UTC)), timeout_s=PATIENCE_S)
        for _ in range(30)
    ]

    assert Counter(answer.server for answer in answers) == {"one": 10, "two": 10, "three": 10}


def test_a_message_to_one_server_reaches_only_that_one(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    for name in ("one", "two"):
        hosts.serve(bus, topic, name)

    answers = {
        bus.call(
            context, Address(topic, "two"), Look("x", datetime.now(UTC)), timeout_s=PATIENCE_S
        ).server
        for _ in range(4)
    }

    assert answers == {"two"}


def test_fanout_reaches_every_server_once(bus: Bus, hosts: Hosts, topic: str, context: Any) -> None:
    endpoints = [hosts.serve(bus, topic, name) for name in ("one", "two", "three")]

    bus.cast(context, Address(topic, fanout=True), Note("to all"))
    for endpoint in endpoints:
        endpoint.wait_for(1)
    hosts.take_down()

    assert [endpoint.got for endpoint in endpoints] == [[Note("to all")]] * 3


def test_a_slow_server_makes_the_call_late(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    endpoint = hosts.serve(bus, topic)
    began = time.monotonic()

    with pytest.raises(Late, match="did not answer"):
        bus.call(context, Address(topic), Hang(), timeout_s=1)

    assert 0.9 < time.monotonic() - began < 5
    endpoint.wait_for(1)


def test_a_call_to_nobody_is_late(bus: Bus, topic: str, context: Any) -> None:
    with pytest.raises(Late):
        bus.call(context, Address(topic), Double(1), timeout_s=0.5)


def test_a_long_call_to_a_dead_server_is_given_up_after_silence(
    make_bus: Any, urls: tuple[str, str], topic: str, context: Any
) -> None:
    bus = make_bus(urls[0], rpc_response_timeout=1)
    began = time.monotonic()

    with pytest.raises(Late):
        bus.call(context, Address(topic), Double(1), timeout_s=600)

    assert time.monotonic() - began < PATIENCE_S


def test_a_long_call_to_a_living_server_is_waited_for(
    make_bus: Any, urls: tuple[str, str], topic: str, context: Any
) -> None:
    """The server must be silent for longer than the patience, so this one takes its 3 seconds."""
    bus, hosts = make_bus(urls[0], rpc_response_timeout=2), Hosts()
    endpoint = hosts.serve(bus, topic)
    timer = threading.Timer(3, endpoint.released.set)
    timer.start()

    assert bus.call(context, Address(topic), Hang(), timeout_s=PATIENCE_S) is None

    hosts.take_down()


def test_a_foreseen_error_arrives_as_it_was_raised(
    bus: Bus, hosts: Hosts, topic: str, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hosts.serve(bus, topic)

    with pytest.raises(NotFound) as caught:
        bus.call(context, Address(topic), Fail("foreseen"), timeout_s=PATIENCE_S)

    assert type(caught.value) is NotFound
    assert str(caught.value) == "Server x could not be found."
    assert caught.value.facts == {"server": "x", "attempt": 2}
    assert caught.value.internal == "row is gone"
    assert "in fail" in caught.value.__notes__[0]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_unforeseen_error_is_logged_once_and_arrives_as_remote_error(
    bus: Bus, hosts: Hosts, topic: str, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hosts.serve(bus, topic)

    with pytest.raises(oslo_messaging.RemoteError, match="KeyError: 'surprise'"):
        bus.call(context, Address(topic), Fail("surprise"), timeout_s=PATIENCE_S)

    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "req-1" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_errors_of_other_modules_are_not_rebuilt(
    urls: tuple[str, str], make_bus: Any, bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    conf = cfg.ConfigOpts()
    conf([], project="nova")
    wary = Bus(conf, urls[0], allowed_remote_exmods=())
    hosts.serve(bus, topic)

    with pytest.raises(oslo_messaging.RemoteError, match="could not be found"):
        wary.call(context, Address(topic), Fail("foreseen"), timeout_s=PATIENCE_S)
    wary.close()


def test_a_cast_to_nobody_is_accepted(
    bus: Bus, topic: str, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for address in (Address(topic), Address(topic, "absent"), Address(topic, fanout=True)):
        bus.cast(context, address, Note("anybody?"))

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_at_least_once_tells_that_nobody_is_there(bus: Bus, topic: str) -> None:
    client = oslo_messaging.get_rpc_client(
        bus._transport,
        oslo_messaging.Target(exchange="nova", topic=topic),
        transport_options=oslo_messaging.TransportOptions(at_least_once=True),
        retry=0,
    )

    with pytest.raises(oslo_messaging.MessageUndeliverable):
        client.cast({}, "note")


def test_casts_wait_for_a_server_that_restarts(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    hosts.serve(bus, topic)
    hosts.take_down()

    for address in (Address(topic), Address(topic, "one")):
        bus.cast(context, address, Note("welcome back"))
    restarted = hosts.serve(bus, topic)

    restarted.wait_for(2)


def test_a_call_that_timed_out_is_not_acted_on_later(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    hosts.serve(bus, topic)
    hosts.take_down()

    with pytest.raises(Late):
        bus.call(context, Address(topic), Look("too late", datetime.now(UTC)), timeout_s=0.5)
    restarted = hosts.serve(bus, topic)
    bus.cast(context, Address(topic), Note("in time"))
    restarted.wait_for(1)

    assert restarted.got == [Note("in time")]


def test_a_started_server_misses_nothing(bus: Bus, hosts: Hosts, topic: str, context: Any) -> None:
    for number in range(5):
        endpoint = hosts.serve(bus, f"{topic}.{number}")
        bus.cast(context, Address(f"{topic}.{number}", fanout=True), Note("first"))
        endpoint.wait_for(1)


def test_many_threads_get_their_own_answers(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    for name in ("one", "two"):
        hosts.serve(bus, topic, name, threads=4)

    def call_many(first: int) -> list[int]:
        return [
            bus.call(context, Address(topic), Double(number), timeout_s=PATIENCE_S)
            for number in range(first, first + 500)
        ]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call_many, range(0, 4000, 500)))

    assert [answer for some in answers for answer in some] == [number * 2 for number in range(4000)]


def test_a_stopped_server_finishes_what_it_took(
    bus: Bus, hosts: Hosts, topic: str, context: Any
) -> None:
    endpoint = hosts.serve(bus, topic, threads=1)
    [(server, _)] = hosts.running
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(bus.call, context, Address(topic), Hang(), timeout_s=PATIENCE_S)
        endpoint.wait_for(1)

        server.stop()
        bus.cast(context, Address(topic), Note("after the stop"))
        endpoint.released.set()
        server.wait()

        assert answer.result(PATIENCE_S) is None
    assert endpoint.got == [Hang()]


def test_a_server_that_never_started_can_be_stopped(bus: Bus, topic: str) -> None:
    server = bus.serve(Address(topic, "one"), Endpoint(), threads=1)

    server.stop()
    server.wait()


def test_contexts_are_the_planes_own_by_default(
    urls: tuple[str, str], hosts: Hosts, topic: str
) -> None:
    conf = cfg.ConfigOpts()
    conf([], project="nova")
    bus = Bus(conf, urls[0])
    endpoint = hosts.serve(bus, topic)
    sent = RequestContext(
        user_id="u", project_id="p", roles=["member"], global_request_id="req-0", overwrite=False
    )

    bus.cast(sent, Address(topic), Note("who?"))
    endpoint.wait_for(1)
    hosts.take_down()
    bus.close()

    [got] = endpoint.contexts
    assert type(got) is RequestContext
    assert (got.user_id, got.project_id, got.roles) == ("u", "p", ["member"])
    assert (got.request_id, got.global_request_id) == (sent.request_id, "req-0")


@pytest.mark.parametrize("url", ["nosuch://host/", "no url at all"])
def test_a_url_that_cannot_work_is_told_at_once(url: str) -> None:
    conf = cfg.ConfigOpts()
    conf([], project="nova")

    with pytest.raises(Invalid, match="transport URL"):
        Bus(conf, url)
