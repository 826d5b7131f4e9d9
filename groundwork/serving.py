"""One WSGI application on a threaded server, and the signals of a single-process service."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from cheroot import wsgi

from groundwork.errors import Unavailable


class HttpServer:
    """Serves one WSGI application over HTTP on native threads."""

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        *,
        host: str,
        port: int,
        threads: int,
        port_option: str,
    ) -> None:
        """``port_option`` is what the operator would change when the port is taken."""
        self._address = (host, port)
        self._port_option = port_option
        self._server = wsgi.Server(
            self._address,
            application,
            numthreads=threads,
            server_name=host,
            request_queue_size=128,
            timeout=60,
            accepted_queue_size=-1,
        )
        self._server.shutdown_timeout = 5
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port in use (of interest when 0 was asked for)."""
        return int(self._server.bind_addr[1])

    def start(self) -> None:
        """Bind and serve in a background thread; requests are taken when this returns.

        :raises Unavailable: the address is in use or may not be used; the text names the option to change.
        """
        _check_free(self._address, self._port_option)
        try:
            self._server.prepare()
        except OSError as exc:
            raise _taken(self._address, self._port_option, exc) from exc
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests in hand, then close."""
        self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=10)


def _check_free(address: tuple[str, int], option: str) -> None:
    """cheroot sets SO_REUSEPORT-like options, so a second server on the port would not be noticed by bind alone."""
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as exc:
            raise _taken(address, option, exc) from exc


def _taken(address: tuple[str, int], option: str, exc: OSError) -> Unavailable:
    reason = "is in use" if exc.errno == errno.EADDRINUSE else f"cannot be used ({exc.strerror})"
    return Unavailable(
        f"port {address[1]} on {address[0]} {reason}: stop what uses it or change {option}."
    )


def wait_for_signals(*, reload: Callable[[], Any] = lambda: None) -> None:
    """Block the main thread until TERM or INT; HUP calls ``reload`` and goes on."""
    ended = threading.Event()
    again = threading.Event()

    def on_end(_number: int, _frame: FrameType | None) -> None:
        ended.set()
        again.set()

    def on_hup(_number: int, _frame: FrameType | None) -> None:
        again.set()

    signal.signal(signal.SIGTERM, on_end)
    signal.signal(signal.SIGINT, on_end)
    signal.signal(signal.SIGHUP, on_hup)
    while not ended.is_set():
        again.wait()
        again.clear()
        if not ended.is_set():
            reload()
