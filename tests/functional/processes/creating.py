"""Clients that ask for servers while processes die."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.functional.processes.rest import Compute

_CLIENTS = 4


class Creation:
    """A number of requests for one server each, by several clients at once."""

    def __init__(self, compute: Compute, *, prefix: str, count: int) -> None:
        self._compute = compute
        self._prefix = prefix
        self._count = count
        self._lock = threading.Lock()
        self._promised: list[str] = []
        self._broken: list[Exception] = []
        self._pool = ThreadPoolExecutor(_CLIENTS)

    def __enter__(self) -> Creation:
        names = [f"{self._prefix}-{number}" for number in range(self._count)]
        self._done = [self._pool.submit(self._create, name) for name in names]
        return self

    def __exit__(self, *_exc: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def promised(self) -> Sequence[str]:
        """The servers whose requests were answered with 202 so far."""
        with self._lock:
            return tuple(self._promised)

    @property
    def broken(self) -> Sequence[Exception]:
        """Requests whose connection broke: nobody knows what became of them."""
        with self._lock:
            return tuple(self._broken)

    def wait(self) -> None:
        """Until every request has come to an end. :raises requests.HTTPError: one was refused."""
        for each in self._done:
            each.result()

    def _create(self, name: str) -> None:
        try:
            uuid = self._compute.create(name)
        except requests.ConnectionError as exc:
            with self._lock:
                self._broken.append(exc)
            return
        with self._lock:
            self._promised.append(uuid)
