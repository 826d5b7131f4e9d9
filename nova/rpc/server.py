"""What answers on a bus: an endpoint with one method for each message it takes."""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

import oslo_messaging
from oslo_messaging.rpc.server import RPCServer

from groundwork.errors import Problem
from nova.rpc.message import declaration, decode, encode
from nova.rpc.serializer import Context, ContextSerializer
from nova.rpc.shape import message_shape

log = logging.getLogger(__name__)

Handler = Callable[[Context, Any], Any]


class EndpointError(Exception):
    """An endpoint failed in a way it did not foresee.

    Never allow-listed, so the caller gets oslo.messaging's ``RemoteError``. If a plain ``KeyError`` travelled, a caller
    could take it for its own.
    """


class PromptServer(RPCServer):  # type: ignore[misc]
    """oslo.messaging's server on the standard library's thread pool.

    Idle threads of the one it would take look every second whether they are still wanted: a process with many servers
    never sleeps, and each takes a second to stop.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._executor_cls = partial(
            ThreadPoolExecutor, thread_name_prefix=f"rpc-{self._target.topic}"
        )


class Server:
    """Takes messages of one address in ``threads`` threads, from ``start`` to ``stop``."""

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        target: oslo_messaging.Target,
        endpoint: object,
        *,
        threads: int,
        serializer: ContextSerializer,
    ) -> None:
        doors = SimpleNamespace(**find_handlers(endpoint))
        self._server = oslo_messaging.get_rpc_server(
            transport, target, [doors], serializer=serializer, server_cls=PromptServer
        )
        self._threads = threads
        self._is_started = False

    def start(self) -> None:
        """Begin to take messages: once this returns, nothing sent to this server is dropped.

        Blocks while the broker cannot be reached.
        """
        self._server.start(override_pool_size=self._threads)
        self._is_started = True

    def stop(self) -> None:
        """Take no more messages; those that were taken go on."""
        if self._is_started:
            self._server.stop()

    def wait(self) -> None:
        """Wait until ``stop`` was called and every message that was taken is done."""
        if self._is_started:
            self._server.wait(log_after=0)


def find_handlers(endpoint: object) -> dict[str, Handler]:
    """The endpoint's methods that take a message, by wire name.

    They are recognised by their signature, ``(self, context, message: AMessage)``, whose types must be resolvable at
    run time.

    :raises TypeError: a method is not named like its message, a message cannot cross a bus, or there is no method.
    """
    found = {}
    for name, function in inspect.getmembers(type(endpoint), inspect.isfunction):
        if name.startswith("_") or not _takes_message(function):
            continue
        message_type = typing.get_type_hints(function)["message"]
        wire_name = message_shape(message_type)["name"]
        if wire_name != name:
            raise TypeError(
                f"{function.__qualname__} takes {message_type.__name__} and must be named {wire_name}"
            )
        found[name] = _handler(getattr(endpoint, name), message_type)
    if not found:
        raise TypeError(f"{endpoint!r} has no method that takes a message")
    return found


def _takes_message(function: Callable[..., Any]) -> bool:
    return list(inspect.signature(function).parameters)[1:] == ["context", "message"]


def _handler(method: Handler, message_type: type) -> Handler:
    """Wrap an endpoint's method for oslo.messaging, which neither decodes nor knows what is worth logging."""
    declared = declaration(message_type)

    @oslo_messaging.expected_exceptions(Problem, EndpointError)  # type: ignore[untyped-decorator]
    def handle(context: Context, message: Any) -> Any:
        try:
            return encode(method(context, decode(message, message_type)), declared.reply)
        except Problem:
            raise
        except Exception as exc:
            log.exception("Endpoint failed at %s (request %s)", declared.name, context.request_id)
            raise EndpointError(f"{type(exc).__name__}: {exc}") from exc

    return typing.cast(Handler, handle)
