"""The messages of the plane: one queue of hints, which tests deliver."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from groundwork.context import RequestContext
from nova.saga.operation import Place

#: The level above the cells; those of the cells are called by their uuids.
SUPER = "super"

#: The level, the place and host to look at it, and the operation.
Hint = tuple[str, Place, str | None, int]


@dataclass
class Hints:
    """One level's hints, queued for whoever works there."""

    level: str
    queue: deque[Hint]

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        self.queue.append((self.level, place, host, operation_id))


@dataclass
class ApiBus:
    """The API's bus, as far as the intake of builds uses it."""

    queue: deque[Hint]

    def cast(self, _context: RequestContext, _address: Any, message: Any) -> None:
        for operation_id in message.operation_ids:
            self.queue.append((SUPER, Place.SUPER, None, operation_id))
