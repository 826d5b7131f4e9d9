"""Queues of one in-process virtual host."""

from __future__ import annotations

import gc
import time

import pytest

from nova.rpc import vhost as vhosts
from nova.rpc.vhost import Parcel, Route, Vhost, find_vhost

ROUTE = Route("nova", "conductor")


def texts(parcels: list[Parcel]) -> list[str]:
    return [parcel.text for parcel in parcels]


def test_parcels_without_queue_are_dropped() -> None:
    assert not Vhost().publish(ROUTE, Parcel("lost"))


def test_a_queue_holds_until_somebody_consumes() -> None:
    vhost, got = Vhost(), list[Parcel]()
    queue = vhost.bind(ROUTE, "conductor")

    assert vhost.publish(ROUTE, Parcel("early"))
    vhost.consume(queue, got.append)
    vhost.publish(ROUTE, Parcel("late"))

    assert texts(got) == ["early", "late"]


def test_consumers_take_turns() -> None:
    vhost, first, second = Vhost(), list[Parcel](), list[Parcel]()
    queue = vhost.bind(ROUTE, "conductor")
    vhost.consume(queue, first.append)
    vhost.consume(queue, second.append)

    for text in "abcd":
        vhost.publish(ROUTE, Parcel(text))

    assert (texts(first), texts(second)) == (["a", "c"], ["b", "d"])


def test_each_queue_of_a_route_gets_a_copy_and_may_have_several_routes() -> None:
    vhost, pooled, plain = Vhost(), list[Parcel](), list[Parcel]()
    other = Route("nova", "other")
    vhost.consume(vhost.bind(ROUTE, "pool"), pooled.append)
    assert vhost.bind(other, "pool") is vhost.bind(ROUTE, "pool")
    vhost.consume(vhost.bind(ROUTE, "plain"), plain.append)

    vhost.publish(ROUTE, Parcel("a"))
    vhost.publish(other, Parcel("b"))

    assert (texts(pooled), texts(plain)) == (["a", "b"], ["a"])


def test_exchanges_are_apart() -> None:
    vhost = Vhost()
    vhost.bind(ROUTE, "conductor")

    assert not vhost.publish(Route("other", "conductor"), Parcel("lost"))


def test_a_cancelled_consumer_gets_nothing_more() -> None:
    vhost, got, later = Vhost(), list[Parcel](), list[Parcel]()
    queue = vhost.bind(ROUTE, "conductor")
    consumer = got.append
    vhost.consume(queue, consumer)

    vhost.cancel(queue, consumer)
    vhost.publish(ROUTE, Parcel("for the next"))
    vhost.consume(queue, later.append)

    assert (texts(got), texts(later)) == ([], ["for the next"])


def test_a_parcel_put_back_goes_to_the_next_consumer() -> None:
    vhost, got = Vhost(), list[Parcel]()
    queue = vhost.bind(ROUTE, "conductor")
    vhost.consume(queue, got.append)

    vhost.put_back(queue, Parcel("again"))

    assert texts(got) == ["again"]


def test_expired_parcels_are_not_delivered() -> None:
    vhost, got = Vhost(), list[Parcel]()
    queue = vhost.bind(ROUTE, "conductor")

    vhost.publish(ROUTE, Parcel("expired", expires_at=time.monotonic()))
    vhost.publish(ROUTE, Parcel("good", expires_at=time.monotonic() + 60))
    vhost.consume(queue, got.append)

    assert texts(got) == ["good"]


def test_a_removed_queue_forgets() -> None:
    vhost, got = Vhost(), list[Parcel]()
    vhost.bind(ROUTE, "mine")
    vhost.publish(ROUTE, Parcel("gone"))

    vhost.remove(ROUTE, "mine")

    assert not vhost.publish(ROUTE, Parcel("lost"))
    vhost.consume(vhost.bind(ROUTE, "mine"), got.append)
    assert got == []


def test_a_full_queue_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vhosts, "HELD_MESSAGES", 2)
    vhost, got = Vhost(), list[Parcel]()
    queue = vhost.bind(ROUTE, "conductor")

    for text in "abc":
        vhost.publish(ROUTE, Parcel(text))
    vhost.consume(queue, got.append)

    assert texts(got) == ["b", "c"]


def test_a_virtual_host_lives_as_long_as_somebody_holds_it() -> None:
    held = find_vhost("a name only this test uses")
    held.bind(ROUTE, "conductor")
    assert find_vhost("a name only this test uses") is held

    del held
    gc.collect()

    assert not find_vhost("a name only this test uses").publish(ROUTE, Parcel("lost"))
