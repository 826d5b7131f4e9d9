"""The queues of one in-process virtual host, with RabbitMQ's habits and without its network.

A queue hands each message to the next of its consumers at once, in the publisher's thread, and holds messages only
while it has none. So nobody polls, and nobody waits but callers for their answers.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

# Messages a queue without consumer holds before it drops the oldest. Larger: a topic nobody listens to eats memory.
# Smaller: a restarting server loses casts that it could still have had.
HELD_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way: JSON text, and where the answer goes if one is awaited.

    A ``None`` in ``answers`` says "still at work". ``expires_at`` is a time of the monotonic clock after which nobody
    waits any more. ``monitor_s`` is how long the caller bears silence.
    """

    text: str
    answers: SimpleQueue[str | None] | None = None
    expires_at: float | None = None
    monitor_s: float | None = None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and time.monotonic() >= self.expires_at


Consumer = Callable[[Parcel], None]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a publisher sends to; each queue bound to it gets a copy."""

    exchange: str
    key: str


@dataclass(slots=True, eq=False)
class Queue:
    """Messages for one of several equal consumers. Guarded by its virtual host's lock."""

    held: deque[Parcel] = field(default_factory=lambda: deque(maxlen=HELD_MESSAGES))
    consumers: deque[Consumer] = field(default_factory=deque)

    def put(self, parcel: Parcel) -> None:
        if not self.consumers:
            self.held.append(parcel)
            return
        self.consumers.rotate(-1)
        self.consumers[-1](parcel)


class Vhost:
    """Routes and queues of one name; all methods are thread safe.

    Consumers run under the lock, so that none is called after ``cancel`` returned. They must only pass the parcel on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[tuple[str, str], Queue] = {}
        self._bound: dict[Route, set[Queue]] = {}

    def bind(self, route: Route, name: str) -> Queue:
        """The exchange's queue of this name, made when it is not there, with the route leading to it."""
        with self._lock:
            queue = self._queues.setdefault((route.exchange, name), Queue())
            self._bound.setdefault(route, set()).add(queue)
            return queue

    def remove(self, route: Route, name: str) -> None:
        """Forget a queue that only this route leads to, and what it holds."""
        with self._lock:
            queue = self._queues.pop((route.exchange, name), None)
            self._bound.get(route, set()).discard(queue)

    def publish(self, route: Route, parcel: Parcel) -> bool:
        """Put the parcel on every queue of the route; False when there is none, and the parcel is dropped."""
        with self._lock:
            queues = self._bound.get(route, set())
            for queue in queues:
                queue.put(parcel)
            return bool(queues)

    def put_back(self, queue: Queue, parcel: Parcel) -> None:
        """Give a parcel that a consumer did not want to the queue's next consumer."""
        with self._lock:
            queue.put(parcel)

    def consume(self, queue: Queue, consumer: Consumer) -> None:
        """Add a consumer; it gets at once what the queue was holding, less what expired meanwhile."""
        with self._lock:
            queue.consumers.append(consumer)
            while queue.held:
                parcel = queue.held.popleft()
                if not parcel.is_expired:
                    queue.put(parcel)

    def cancel(self, queue: Queue, consumer: Consumer) -> None:
        """Remove a consumer; once this returns it is not called again."""
        with self._lock:
            if consumer in queue.consumers:
                queue.consumers.remove(consumer)


# Drivers are made by oslo.messaging from nothing but a URL, so two buses of one name can only meet through the process.
# A virtual host lives as long as a driver holds it.
_vhosts: weakref.WeakValueDictionary[str, Vhost] = weakref.WeakValueDictionary()
_vhosts_lock = threading.Lock()


def find_vhost(name: str) -> Vhost:
    """This process's virtual host of that name."""
    with _vhosts_lock:
        vhost = _vhosts.get(name)
        if vhost is None:
            vhost = _vhosts[name] = Vhost()
        return vhost
