"""Virtual hosts of RabbitMQ, each with a user who may use no other."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BROKER_URL = os.environ.get("TEST_RABBIT_URL", "rabbit://guest:guest@127.0.0.1:5672")

# Each rabbitmqctl starts an Erlang machine; a busy host needs seconds for it.
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class BrokerConnection:
    """A connection as the broker sees it; ``port`` is the client's."""

    user: str
    vhost: str
    port: int


def why_missing() -> str | None:
    """None when there is a broker that we can manage."""
    if shutil.which("rabbitmqctl") is None:
        return "rabbitmqctl is not installed"
    try:
        socket.create_connection(_address(), timeout=2).close()
    except OSError as exc:
        return f"no RabbitMQ at {_address()}: {exc}"
    return None


class Vhosts:
    """The virtual hosts of one deployment, by level; made together, since every command takes seconds."""

    def __init__(self, levels: Iterable[str]) -> None:
        token = uuid.uuid4().hex[:10]
        self.names = {level: f"nova-test-{token}-{level}" for level in levels}
        self._password = uuid.uuid4().hex

    def create(self) -> None:
        """Make the virtual hosts and their users; both have the same name."""
        names = list(self.names.values())
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": name} for name in names],
            "users": [{"name": name, "password": self._password, "tags": ""} for name in names],
            "permissions": [{"user": name, "vhost": name, **rights} for name in names],
        }
        _rabbitmqctl("import_definitions", text=json.dumps(definitions))

    def url(self, level: str) -> str:
        """The transport URL with which the level's processes reach their bus."""
        host, port = _address()
        name = self.names[level]
        return f"rabbit://{name}:{self._password}@{host}:{port}/{name}"

    def connections(self) -> list[BrokerConnection]:
        """Who is connected to any of these virtual hosts, or as any of these users."""
        output = _rabbitmqctl(
            "list_connections", "user", "vhost", "peer_port", "--formatter", "json"
        )
        ours = set(self.names.values())
        return [
            BrokerConnection(row["user"], row["vhost"], row["peer_port"])
            for row in json.loads(output)
            if row["user"] in ours or row["vhost"] in ours
        ]

    def delete(self) -> None:
        """Remove them with all that is in them; what is gone already is fine."""
        names = list(self.names.values())
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: _rabbitmqctl("delete_vhost", name, check=False), names))
            list(pool.map(lambda name: _rabbitmqctl("delete_user", name, check=False), names))


def broker_port() -> int:
    """Where the broker listens."""
    return _address()[1]


def _address() -> tuple[str, int]:
    parts = urlsplit(BROKER_URL)
    return (parts.hostname or "127.0.0.1", parts.port or 5672)


def _rabbitmqctl(*arguments: str, check: bool = True, text: str = "") -> str:
    command: list[Any] = ["rabbitmqctl", "-q", *arguments]
    done = subprocess.run(
        command, check=False, timeout=_TIMEOUT_S, capture_output=True, text=True, input=text
    )
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
