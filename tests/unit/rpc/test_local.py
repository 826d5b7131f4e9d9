"""The ``local://`` driver as oslo.messaging sees it; what it shares with RabbitMQ is proved in tests/functional."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging import Target, TransportURL

from nova.rpc.local import LocalDriver, LocalIncoming

_numbers = itertools.count()


@pytest.fixture
def driver() -> LocalDriver:
    return make_driver(f"local:///test-{next(_numbers)}")


def make_driver(url: str) -> LocalDriver:
    conf = cfg.ConfigOpts()
    conf([], project="nova")
    return LocalDriver(conf, TransportURL.parse(conf, url), default_exchange="nova")


def listen(
    driver: LocalDriver, handle: Callable[[LocalIncoming], None], server: str = "one"
) -> Any:
    listener = driver.listen(Target(topic="topic", server=server), 1, None)
    listener.start(lambda batch: handle(*batch))
    return listener


def test_both_ways_to_write_a_virtual_host_are_one() -> None:
    path, host, other = (
        make_driver(url) for url in ("local:///same", "local://same/", "local:///other")
    )
    got: list[Any] = []
    listen(path, lambda incoming: got.append(incoming.message))

    for number, driver in enumerate((path, host, other)):
        driver.send(Target(topic="topic"), {}, {"number": number})

    assert got == [{"number": 0}, {"number": 1}]


def test_a_call_gets_the_reply(driver: LocalDriver) -> None:
    listen(driver, lambda incoming: incoming.reply([incoming.ctxt, incoming.message]))

    answer = driver.send(
        Target(topic="topic"), {"user": "u"}, {"a": (1,)}, wait_for_reply=True, timeout=5
    )

    assert answer == [{"user": "u"}, {"a": [1]}]


def test_signs_of_life_are_not_answers(driver: LocalDriver) -> None:
    def handle(incoming: LocalIncoming) -> None:
        for _ in range(3):
            incoming.heartbeat()
        incoming.reply("done")

    listen(driver, handle)

    assert (
        driver.send(
            Target(topic="topic"), {}, {}, wait_for_reply=True, timeout=5, call_monitor_timeout=1
        )
        == "done"
    )


def test_signs_of_life_do_not_outlast_the_timeout(driver: LocalDriver) -> None:
    listen(driver, LocalIncoming.heartbeat)

    with pytest.raises(oslo_messaging.MessagingTimeout):
        driver.send(
            Target(topic="topic"),
            {},
            {},
            wait_for_reply=True,
            timeout=0.05,
            call_monitor_timeout=60,
        )


def test_silence_ends_the_call_before_the_timeout(driver: LocalDriver) -> None:
    listen(driver, lambda incoming: None)

    with pytest.raises(oslo_messaging.MessagingTimeout):
        driver.send(
            Target(topic="topic"),
            {},
            {},
            wait_for_reply=True,
            timeout=600,
            call_monitor_timeout=0.05,
        )


def test_a_cast_is_neither_answered_nor_kept_alive(driver: LocalDriver) -> None:
    def handle(incoming: LocalIncoming) -> None:
        incoming.heartbeat()
        incoming.reply("nobody wants this")

    listen(driver, handle)

    assert driver.send(Target(topic="topic"), {}, {}) is None


def test_a_closed_listener_leaves_no_copy_queue_behind(driver: LocalDriver) -> None:
    got: list[Any] = []
    listener = listen(driver, got.append)
    listener.stop()
    listener.cleanup()

    with pytest.raises(oslo_messaging.MessageUndeliverable):
        driver.send(
            Target(topic="topic", fanout=True),
            {},
            {},
            transport_options=oslo_messaging.TransportOptions(at_least_once=True),
        )
    assert got == []


def test_notifications_wait_for_their_listener(driver: LocalDriver) -> None:
    for priority in ("info", "error"):
        driver.send_notification(
            Target(topic=f"events.{priority}"), {}, {"priority": priority}, 2.0
        )
    got: list[Any] = []

    listener = driver.listen_for_notifications([(Target(topic="events"), "info")], None, 1, None)
    listener.start(lambda batch: got.extend(incoming.message for incoming in batch))

    assert got == [{"priority": "info"}]


def test_every_pool_gets_every_notification_once(driver: LocalDriver) -> None:
    wanted = [(Target(topic="events"), "info"), (Target(topic="events"), "error")]
    billing: list[LocalIncoming] = []
    audit: list[LocalIncoming] = []
    for pool, got in (("billing", billing), ("billing", billing), ("audit", audit)):
        driver.listen_for_notifications(wanted, pool, 1, None).start(got.extend)

    for priority in ("info", "error", "debug"):
        driver.send_notification(Target(topic=f"events.{priority}"), {}, {"is": priority}, 2.0)

    for got in (billing, audit):
        assert [incoming.message for incoming in got] == [{"is": "info"}, {"is": "error"}]


def test_a_notification_given_back_is_delivered_again(driver: LocalDriver) -> None:
    driver.require_features(requeue=True)
    given_back: list[LocalIncoming] = []
    listener = driver.listen_for_notifications([(Target(topic="events"), "info")], None, 1, None)
    listener.start(given_back.extend)
    driver.send_notification(Target(topic="events.info"), {}, {"is": "once"}, 2.0)

    given_back[0].requeue()

    assert [incoming.message for incoming in given_back] == [{"is": "once"}] * 2
