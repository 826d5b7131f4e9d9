"""The oslo.messaging driver ``local://``: one process, no broker, the manners of RabbitMQ.

``local:///cell1`` and ``local://cell1/`` name the virtual host ``cell1``; virtual hosts never see each other. Every
message and answer makes a round trip through JSON, and exceptions travel as they do over RabbitMQ, so that code which
works here works there. Queues outlive their consumers: what is cast to a server that is restarting waits for it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import base
from oslo_messaging._drivers.common import deserialize_remote_exception, serialize_remote_exception
from oslo_serialization import jsonutils

from nova.rpc.vhost import Parcel, Queue, Route, Vhost, find_vhost


class LocalDriver(base.BaseDriver):  # type: ignore[misc]
    """What oslo.messaging asks of a transport; see ``oslo_messaging._drivers.base`` for the promises."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        url: oslo_messaging.TransportURL,
        default_exchange: str | None = None,
        allowed_remote_exmods: list[str] | None = None,
    ) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        host = url.hosts[0].hostname if url.hosts else None
        self._vhost = find_vhost("/".join(part for part in (host, url.virtual_host) if part))

    def require_features(self, requeue: bool = True) -> None:
        """Everything is supported."""

    def send(
        self,
        target: oslo_messaging.Target,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,
        retry: int | None = None,
        transport_options: oslo_messaging.TransportOptions | None = None,
    ) -> Any:
        """Send a call or cast; there is no connection to lose, so ``retry`` means nothing."""
        parcel = Parcel(
            jsonutils.dumps([ctxt, message]),
            answers=SimpleQueue() if wait_for_reply else None,
            expires_at=None if timeout is None else time.monotonic() + timeout,
            monitor_s=call_monitor_timeout,
        )
        route = self._route(target, _routing_key(target))
        is_taken = self._vhost.publish(route, parcel)
        if not is_taken and transport_options and transport_options.at_least_once:
            raise oslo_messaging.MessageUndeliverable(
                "no queue", route.exchange, route.key, message
            )
        if parcel.answers is not None:
            return self._answer(parcel, parcel.answers, target)
        return None

    def send_notification(
        self,
        target: oslo_messaging.Target,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        version: float,
        retry: int | None = None,
    ) -> None:
        """Keep a notification until somebody listens; as over RabbitMQ, sending makes the queue."""
        route = self._route(target, target.topic)
        self._vhost.bind(route, route.key)
        self._vhost.publish(route, Parcel(jsonutils.dumps([ctxt, message])))

    def listen(
        self, target: oslo_messaging.Target, batch_size: int, batch_timeout: float | None
    ) -> LocalListener:
        """A server's three queues: shared with its equals, its own, and its copy of what is sent to all."""
        routes = [
            self._route(target, key) for key in (target.topic, f"{target.topic}.{target.server}")
        ]
        queues = [self._vhost.bind(route, route.key) for route in routes]
        to_all = self._route(target, f"{target.topic}.*")
        own_name = uuid.uuid4().hex
        queues.append(self._vhost.bind(to_all, own_name))
        return LocalListener(
            self._vhost, queues, forget=lambda: self._vhost.remove(to_all, own_name)
        )

    def listen_for_notifications(
        self,
        targets_and_priorities: Iterable[tuple[oslo_messaging.Target, str]],
        pool: str | None,
        batch_size: int,
        batch_timeout: float | None,
    ) -> LocalListener:
        """One queue for each topic and priority or, with a pool, one for all of them that gets copies."""
        routes = [
            self._route(target, f"{target.topic}.{level}")
            for target, level in targets_and_priorities
        ]
        return LocalListener(
            self._vhost, {self._vhost.bind(route, pool or route.key) for route in routes}
        )

    def cleanup(self) -> None:
        """Nothing is held open; the virtual host goes with its last driver."""

    def _route(self, target: oslo_messaging.Target, key: str) -> Route:
        return Route(target.exchange or self._default_exchange or "", key)

    def _answer(
        self, parcel: Parcel, answers: SimpleQueue[str | None], target: oslo_messaging.Target
    ) -> Any:
        """Wait for the answer; a sign of life renews the patience with silence, never the whole timeout."""
        while True:
            left_s = None if parcel.expires_at is None else parcel.expires_at - time.monotonic()
            patience_s = min((s for s in (left_s, parcel.monitor_s) if s is not None), default=None)
            try:
                text = answers.get(timeout=None if patience_s is None else max(0.0, patience_s))
            except Empty:
                raise oslo_messaging.MessagingTimeout(f"No answer from {target}") from None
            if text is None:
                continue
            answer = jsonutils.loads(text)
            if answer["failure"] is not None:
                raise deserialize_remote_exception(answer["failure"], self._allowed_remote_exmods)
            return answer["result"]


def _routing_key(target: oslo_messaging.Target) -> str:
    if target.fanout:
        return f"{target.topic}.*"
    return f"{target.topic}.{target.server}" if target.server else str(target.topic)


class LocalListener(base.Listener):  # type: ignore[misc]
    """Passes what arrives on some queues to a server, whose thread pool does the work.

    Batches are of one message: waiting to fill larger ones saves nothing without a network.
    """

    def __init__(
        self, vhost: Vhost, queues: Iterable[Queue], *, forget: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(batch_size=1, batch_timeout=None)
        self._vhost = vhost
        self._forget = forget
        self._consumers = [(queue, self._consumer(queue)) for queue in queues]

    def start(self, on_incoming_callback: Callable[[list[LocalIncoming]], None]) -> None:
        super().start(on_incoming_callback)
        for queue, consumer in self._consumers:
            self._vhost.consume(queue, consumer)

    def stop(self) -> None:
        for queue, consumer in self._consumers:
            self._vhost.cancel(queue, consumer)
        super().stop()

    def cleanup(self) -> None:
        self._forget()

    def _consumer(self, queue: Queue) -> Callable[[Parcel], None]:
        def consume(parcel: Parcel) -> None:
            requeue = partial(self._vhost.put_back, queue, parcel)
            self.on_incoming_callback([LocalIncoming(parcel, requeue)])

        return consume


class LocalIncoming(base.RpcIncomingMessage):  # type: ignore[misc]
    """A message at its receiver."""

    def __init__(self, parcel: Parcel, requeue: Callable[[], None]) -> None:
        ctxt, message = jsonutils.loads(parcel.text)
        super().__init__(ctxt, message)
        self.client_timeout = parcel.monitor_s
        self._answers = parcel.answers
        self._requeue = requeue

    def requeue(self) -> None:
        self._requeue()

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        if self._answers is not None:
            failed = serialize_remote_exception(failure) if failure else None
            self._answers.put(jsonutils.dumps({"result": reply, "failure": failed}))

    def heartbeat(self) -> None:
        if self._answers is not None:
            self._answers.put(None)
