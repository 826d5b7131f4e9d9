"""The request context on its way; messages are encoded before oslo.messaging sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import oslo_messaging


class Context(Protocol):
    """Who asks, and under which request id."""

    @property
    def request_id(self) -> str | None: ...

    def to_dict(self) -> dict[str, Any]: ...


ReadContext = Callable[[dict[str, Any]], Context]


class ContextSerializer(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
    """Takes contexts to dictionaries and, with ``read``, back again."""

    def __init__(self, read: ReadContext) -> None:
        super().__init__()
        self._read = read

    def serialize_context(self, context: Context) -> dict[str, Any]:
        return context.to_dict()

    def deserialize_context(self, values: dict[str, Any]) -> Context:
        # RabbitMQ's driver leaves a field of its own among the sender's.
        return self._read(
            {name: value for name, value in values.items() if name != "client_timeout"}
        )
