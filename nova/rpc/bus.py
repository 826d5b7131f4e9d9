"""A message bus: calls that are answered, casts that are hints, servers that take both."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import amqp
import kombu.exceptions
import oslo_messaging
from oslo_config import cfg
from oslo_messaging._metrics import client as metrics

from groundwork.errors import Invalid, Late, Problem, Unavailable
from nova.context import RequestContext
from nova.rpc.message import declaration, decode, encode
from nova.rpc.serializer import Context, ContextSerializer, ReadContext
from nova.rpc.server import Server

try:
    from oslo_messaging._tracing import client as tracing
except ImportError:  # oslo.messaging < 18.3 cannot trace
    tracing = None

log = logging.getLogger(__name__)

# Modules whose exceptions may be rebuilt at the caller; anything else arrives as RemoteError.
ERROR_MODULES = ("groundwork.errors", "nova.errors")

# More: senders hang for many seconds while the broker is down (RabbitMQ's client waits 1, 3, 5... s between tries).
# None at all: the first message after a broker's restart is lost on a connection that only looks alive.
SEND_RETRIES = 1

# For how long after a lost hint further ones are dropped at once. With none, a sweep that casts for a thousand servers
# would wait two or three seconds for each while the broker is away. Longer: hints are lost after it is back.
AWAY_S = 5.0

# What oslo.messaging lets through when the broker cannot be reached or refuses us. Endpoints cannot send these.
BROKER_ERRORS = (
    oslo_messaging.MessageDeliveryFailure,
    oslo_messaging.ClientSendError,
    kombu.exceptions.KombuError,
    amqp.AMQPError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes: one of the servers of a topic, a certain one, or (casts only) all of them."""

    topic: str
    server: str | None = None
    fanout: bool = False


class Bus:
    """One message bus: the API level's or one cell's.

    Connects when it is first used, so it may be made before a fork. All methods are thread safe.

    :raises Invalid: the transport URL names no driver that is installed, or is no URL.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport_url: str,
        *,
        exchange: str = "nova",
        allowed_remote_exmods: Sequence[str] = ERROR_MODULES,
        read_context: ReadContext = RequestContext.from_dict,
    ) -> None:
        register_options(conf)
        self._exchange = exchange
        self._serializer = ContextSerializer(read_context)
        try:
            self._transport = oslo_messaging.get_rpc_transport(
                conf, transport_url, allowed_remote_exmods=list(allowed_remote_exmods)
            )
        except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure) as exc:
            raise Invalid(f"The transport URL cannot be used: {exc}") from exc
        self._client = oslo_messaging.get_rpc_client(
            self._transport,
            oslo_messaging.Target(exchange=exchange),
            serializer=self._serializer,
            retry=SEND_RETRIES,
        )
        self._bearable_silence_s = conf.rpc_response_timeout
        self._reach_lock = threading.Lock()
        self._is_reached = False
        self._away_until = 0.0

    def call(self, context: Context, address: Address, message: Any, *, timeout_s: float) -> Any:
        """Send a message and wait for its answer, of the type the message was declared with.

        A call that may take longer than ``[DEFAULT] rpc_response_timeout`` is watched: its server shows signs of life,
        and is given up when it stays silent for that long.

        :raises Late: no answer in time; whether the message was acted on is unknown.
        :raises Unavailable: the message could not be sent.
        :raises Problem: as raised by the endpoint, with the remote traceback as a note.
        :raises oslo_messaging.RemoteError: the endpoint failed in an unforeseen way (and has logged it).
        """
        declared = declaration(type(message))
        body = encode(message, type(message))
        is_long = timeout_s > self._bearable_silence_s
        client = self._client.prepare(
            topic=address.topic,
            server=address.server,
            fanout=address.fanout,
            timeout=timeout_s,
            call_monitor_timeout=self._bearable_silence_s if is_long else None,
        )
        try:
            self._reach_broker(context)
            answer = client.call(context, declared.name, message=body)
        except Problem as problem:
            _take_home(problem)
            raise
        except oslo_messaging.MessagingTimeout as exc:
            internal = f"{declared.name} to {address}, timeout {timeout_s} s"
            raise Late(
                f"The {address.topic} service did not answer in time.", internal=internal
            ) from exc
        except BROKER_ERRORS as exc:
            internal = f"{declared.name} to {address}: {exc}"
            raise Unavailable("The message bus cannot be reached.", internal=internal) from exc
        return decode(answer, declared.reply)

    def cast(self, context: Context, address: Address, message: Any) -> None:
        """Send a hint; it may get lost, which a warning tells when it is known.

        While the broker is away, one in five seconds takes a few seconds to find out, and the others return at once.
        """
        declared = declaration(type(message))
        body = encode(message, type(message))
        if time.monotonic() < self._away_until:
            log.debug("Hint %s to %s was dropped, the broker is away", declared.name, address)
            return
        client = self._client.prepare(
            topic=address.topic, server=address.server, fanout=address.fanout
        )
        try:
            client.cast(context, declared.name, message=body)
        except BROKER_ERRORS as exc:
            self._away_until = time.monotonic() + AWAY_S
            log.warning("Hint %s to %s was lost: %s", declared.name, address, exc)

    def serve(self, address: Address, endpoint: object, *, threads: int) -> Server:
        """A server for the address (which names one), not started yet.

        :raises TypeError: the endpoint's methods do not fit their messages.
        """
        target = oslo_messaging.Target(
            exchange=self._exchange, topic=address.topic, server=address.server
        )
        return Server(
            self._transport, target, endpoint, threads=threads, serializer=self._serializer
        )

    def close(self) -> None:
        """Let go of all connections; servers are to be stopped before, and nothing may be sent afterwards."""
        self._transport.cleanup()

    def close_when_unused(self) -> None:
        """Let go of all connections once nobody holds this object any more; until then it works as before."""
        weakref.finalize(self, self._transport.cleanup).atexit = False

    def _reach_broker(self, context: Context) -> None:
        """Before the first call, see that the broker is there, by a cast that nobody gets.

        At the first call oslo.messaging opens the connection on which answers come in. It does so with endless retries
        and under a lock: with the broker away, every caller would hang far beyond its timeout.
        """
        if self._is_reached:
            return
        with self._reach_lock:
            if not self._is_reached:
                self._client.prepare(topic="nobody").cast(context, "reach_broker")
                self._is_reached = True


def register_options(conf: cfg.ConfigOpts) -> None:
    """Register what oslo.messaging reads from any configuration but registers on its global one only."""
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    if tracing is not None:
        conf.register_opts(tracing.oslo_messaging_tracing, group="oslo_messaging_tracing")


def _take_home(problem: Problem) -> None:
    """Undo oslo.messaging's disguise: a subclass ``X_Remote`` whose text is the remote traceback.

    Left on, the traceback would be shown to users as the problem's sentence.
    """
    disguise = type(problem)
    if disguise.__module__.endswith("_Remote"):
        remote_text = str(problem)
        problem.__class__ = disguise.__bases__[0]
        problem.add_note(remote_text)
