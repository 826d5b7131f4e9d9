"""Which methods of an endpoint are served."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from groundwork.errors import NotFound
from nova.rpc.message import message
from nova.rpc.server import find_handlers


@message(reply=int)
class CountServers:
    host: str


@message()
class Lose:
    at: datetime


class Context:
    request_id = "req-1"

    def to_dict(self) -> dict[str, Any]:
        return {}


class Counting:
    @property
    def broken(self) -> int:
        raise AssertionError("looking for handlers must not run the endpoint's code")

    def count_servers(self, context: Any, message: CountServers) -> int:
        return len(message.host)

    def helper(self, host: str) -> int:
        return 1

    def _private(self, context: Any, message: CountServers) -> int:
        return 0


class Misnamed:
    def count(self, context: Any, message: CountServers) -> int:
        return 0


class Unfit:
    def lose(self, context: Any, message: Lose) -> None:
        raise NotFound("never reached")


class Undeclared:
    def take(self, context: Any, message: int) -> None:
        raise NotFound("never reached")


def test_handlers_are_the_methods_that_take_a_message() -> None:
    handlers = find_handlers(Counting())

    assert list(handlers) == ["count_servers"]
    assert handlers["count_servers"](Context(), {"host": "abc"}) == 3


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (Misnamed(), "must be named count_servers"),
        (Unfit(), "UtcTime"),
        (Undeclared(), "not declared with @message"),
        (object(), "no method that takes a message"),
    ],
)
def test_an_endpoint_that_could_not_work_is_refused(endpoint: object, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        find_handlers(endpoint)
