"""Buses of both transports. RabbitMQ's tests are skipped without a broker, but fail where CI promises one."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import stevedore
from oslo_config import cfg

from nova.rpc.bus import Bus

BROKER_URL = os.environ.get("TEST_RABBIT_URL", "rabbit://guest:guest@127.0.0.1:5672")
DRIVERS = "oslo.messaging.drivers"

MakeBus = Callable[..., Bus]


class Caller:
    """The smallest context."""

    def __init__(self, request_id: str | None = "req-1") -> None:
        self.request_id = request_id

    def to_dict(self) -> dict[str, Any]:
        return {"request_id": self.request_id}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Caller:
        return cls(**values)


@pytest.fixture
def context() -> Caller:
    return Caller()


@pytest.fixture(scope="session", autouse=True)
def published_local_driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """``local://`` as the installed project publishes it, also when the tests run from a bare source tree."""
    if importlib.metadata.entry_points(group=DRIVERS, name="local"):
        yield
        return
    where: Path = tmp_path_factory.mktemp("published")
    published = where / "nova_local_driver-1.dist-info"
    published.mkdir()
    (published / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nova-local-driver\nVersion: 1\n"
    )
    (published / "entry_points.txt").write_text(
        f"[{DRIVERS}]\nlocal = nova.rpc.local:LocalDriver\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(where))
        patch.setattr(stevedore.ExtensionManager, "ENTRY_POINT_CACHE", {})
        yield


@pytest.fixture(scope="session")
def broker() -> tuple[str, int]:
    """Host and port of a running RabbitMQ."""
    parts = urlsplit(BROKER_URL)
    address = (parts.hostname or "127.0.0.1", parts.port or 5672)
    try:
        socket.create_connection(address, timeout=2).close()
        reason = "" if shutil.which("rabbitmqctl") else "rabbitmqctl is not installed"
    except OSError as exc:
        reason = f"no RabbitMQ at {address}: {exc}"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return address


@pytest.fixture(scope="session")
def rabbit_vhosts(broker: tuple[str, int]) -> Iterator[tuple[str, str]]:
    """Two virtual hosts of our own."""
    names = (f"nova-test-{uuid.uuid4().hex[:12]}", f"nova-test-{uuid.uuid4().hex[:12]}")
    for name in names:
        rabbitmqctl("add_vhost", name)
        rabbitmqctl(
            "set_permissions",
            "-p",
            name,
            urlsplit(BROKER_URL).username or "guest",
            ".*",
            ".*",
            ".*",
        )
    yield names
    for name in names:
        rabbitmqctl("delete_vhost", name)


def rabbitmqctl(*arguments: str) -> None:
    subprocess.run(["rabbitmqctl", "-q", *arguments], check=True, timeout=60, capture_output=True)


@pytest.fixture(params=["local", "rabbit"])
def urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Transport URLs of two virtual hosts, once for each transport."""
    if request.param == "local":
        return (f"local:///{uuid.uuid4().hex}", f"local://{uuid.uuid4().hex}/")
    first, second = request.getfixturevalue("rabbit_vhosts")
    return (f"{BROKER_URL}/{first}", f"{BROKER_URL}/{second}")


@pytest.fixture
def make_bus(tmp_path: Path) -> Iterator[MakeBus]:
    """Open buses that are closed at the end of the test; keywords are what the operator's file sets in [DEFAULT]."""
    opened: list[Bus] = []

    def make(url: str, **options: Any) -> Bus:
        file = tmp_path / f"{len(opened)}.conf"
        file.write_text(
            "\n".join(["[DEFAULT]", *(f"{name} = {value}" for name, value in options.items())])
        )
        conf = cfg.ConfigOpts()
        conf(["--config-file", str(file)], project="nova")
        opened.append(Bus(conf, url, read_context=Caller.from_dict))
        return opened[-1]

    yield make
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(make_bus: MakeBus, urls: tuple[str, str]) -> Bus:
    return make_bus(urls[0])


@pytest.fixture
def topic() -> str:
    """A topic no other test uses."""
    return f"topic-{uuid.uuid4().hex[:12]}"


class BrokerProxy:
    """A forwarder to the broker whose cable can be pulled."""

    def __init__(self, broker: tuple[str, int]) -> None:
        self._broker = broker
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listen()

    def cut(self) -> None:
        """Drop all connections and refuse new ones."""
        for open_socket in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        self._sockets.clear()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._broker)
                self._sockets += (client, server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(broker: tuple[str, int]) -> Iterator[BrokerProxy]:
    proxy = BrokerProxy(broker)
    yield proxy
    proxy.cut()


@pytest.fixture
def proxied_url(proxy: BrokerProxy, rabbit_vhosts: tuple[str, str]) -> str:
    """The first virtual host by way of the proxy."""
    user = urlsplit(BROKER_URL).netloc.rpartition("@")[0]
    return f"rabbit://{user}@127.0.0.1:{proxy.port}/{rabbit_vhosts[0]}"


@pytest.fixture
def rabbit_bus(make_bus: MakeBus, rabbit_vhosts: tuple[str, str]) -> Bus:
    """A bus that goes to the broker directly."""
    return make_bus(f"{BROKER_URL}/{rabbit_vhosts[0]}")
