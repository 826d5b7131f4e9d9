"""``/servers/{id}/remote-consoles`` and ``/os-console-auth-tokens`` over two cells, whose hosts offer every type."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from groundwork.context import RequestContext
from groundwork.errors import Late, NotSupported
from nova.api.compute.console_auth_tokens.operations import ConsoleAuthTokens
from nova.api.compute.remote_consoles.operations import RemoteConsoles
from nova.cells.servers import Servers
from nova.db.cell.models import console_auth_tokens
from nova.domain.console import ConsoleAccess
from nova.domain.server import Server
from nova.lifecycle.consoles import Consoles
from nova.lifecycle.host_messages import OpenConsole
from nova.rpc.bus import Address
from tests.api.deployment import Deployment, keys_of, sample

MISSING = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"
MEMBER = "member,reader"
TYPES = {
    "novnc": "vnc",
    "spice-html5": "spice",
    "spice-direct": "spice",
    "serial": "serial",
    "webmks": "mks",
}


class Hosts:
    """Stands for the bus of a cell and the computes on it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, OpenConsole]] = []
        self.failure: Exception | None = None
        self.base_url = "http://proxy.example/page"

    def call(
        self, _context: RequestContext, address: Address, message: OpenConsole, *, timeout_s: float
    ) -> ConsoleAccess:
        self.asked.append((address.server, message))
        if self.failure is not None:
            raise self.failure
        return ConsoleAccess(self.base_url, "192.0.2.7", 5900, 5901, MISSING)


class ConsoleCloud(Deployment):
    """Serves consoles."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hosts = Hosts()
        servers = Servers(
            api_database=self.api_database,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
        )
        self.serve(
            RemoteConsoles(
                servers=servers,
                consoles=Consoles(
                    bus_of=lambda _cell: self.hosts,  # type: ignore[arg-type, return-value]
                    database_of=self.scatter.database,
                    token_ttl_s=600,
                    timeout_s=1,
                    clock=self.clock,
                ),
            ),
            ConsoleAuthTokens(registry=self.registry, scatter=self.scatter, clock=self.clock),
        )

    def post(self, path: str, body: Any, *, status: int = 200, **how: Any) -> Any:
        answer = self.request(path, method="POST", body=body, **{"roles": MEMBER, **how})
        assert answer.status_int == status, answer.text
        return answer.json

    def open(self, server: Server, console_type: str = "novnc", **how: Any) -> Any:
        """POST remote-consoles at 2.99."""
        protocol = how.pop("protocol", TYPES.get(console_type))
        body = {"remote_console": {"protocol": protocol, "type": console_type}}
        path = f"/servers/{server.uuid}/remote-consoles"
        return self.post(path, body, **{"version": "2.99", **how})

    def token(self, server: Server, console_type: str = "novnc") -> str:
        url = self.open(server, console_type)["remote_console"]["url"]
        return str(url).rpartition("token=")[2].rpartition("token%3D")[2]

    def look(self, token: str, *, status: int = 200, **how: Any) -> Any:
        """GET os-console-auth-tokens at 2.99, as an administrator."""
        path = f"/os-console-auth-tokens/{token}"
        answer = self.request(path, **{"version": "2.99", **how})
        assert answer.status_int == status, answer.text
        return answer.json


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[ConsoleCloud]:
    deployment = ConsoleCloud(tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def server(cloud: ConsoleCloud) -> Server:
    return cloud.add_server("cell2", host="host2")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("v2.6/create-vnc-console", "2.6"),
        ("v2.8/create-mks-console", "2.8"),
        ("v2.99/create-spice-direct-console", "2.99"),
    ],
)
def test_console_is_opened_as_documented(
    cloud: ConsoleCloud, server: Server, name: str, version: str
) -> None:
    body = sample(f"os-remote-consoles/{name}-req.json")
    path = f"/servers/{server.uuid}/remote-consoles"
    answer = cloud.post(path, body, version=version)
    assert keys_of(answer) == keys_of(sample(f"os-remote-consoles/{name}-resp.json"))
    assert answer["remote_console"].items() >= body["remote_console"].items()
    [(host, message)] = cloud.hosts.asked
    assert host == "host2"
    assert message == OpenConsole(server.uuid, body["remote_console"]["type"])


@pytest.mark.parametrize("name", ["vnc", "spice", "serial"])
def test_action_opens_a_console_as_documented(
    cloud: ConsoleCloud, server: Server, name: str
) -> None:
    body = sample(f"os-remote-consoles/get-{name}-console-post-req.json")
    path = f"/servers/{server.uuid}/action"
    answer = cloud.post(path, body, version="2.5")
    documented = sample(f"os-remote-consoles/get-{name}-console-post-resp.json")
    assert keys_of(answer) == keys_of(documented)
    assert answer["console"]["type"] == documented["console"]["type"]
    cloud.post(path, body, version="2.6", status=404)


def test_rdp_is_gone(cloud: ConsoleCloud, server: Server) -> None:
    body = sample("os-remote-consoles/get-rdp-console-post-req.json")
    cloud.post(f"/servers/{server.uuid}/action", body, status=400)
    cloud.open(server, "rdp-html5", protocol="rdp", status=400)
    cloud.open(server, "xvpvnc", protocol="vnc", status=400)
    assert cloud.hosts.asked == []


@pytest.mark.parametrize(
    ("protocol", "console_type", "version"),
    [
        ("vnc", "serial", "2.99"),
        ("serial", "novnc", "2.99"),
        ("mks", "webmks", "2.7"),
        ("spice", "spice-direct", "2.98"),
        ("telnet", "novnc", "2.99"),
        (None, "novnc", "2.99"),
    ],
)
def test_type_that_does_not_fit(
    cloud: ConsoleCloud, server: Server, protocol: str | None, console_type: str, version: str
) -> None:
    cloud.open(server, console_type, protocol=protocol, version=version, status=400)


def test_token_stands_where_the_proxy_looks_for_it(cloud: ConsoleCloud, server: Server) -> None:
    url = cloud.open(server)["remote_console"]["url"]
    assert url.startswith("http://proxy.example/page?path=%3Ftoken%3D")
    cloud.hosts.base_url = "http://proxy.example/page?scale=1"
    url = cloud.open(server, "serial")["remote_console"]["url"]
    assert url.startswith("http://proxy.example/page?scale=1&token=")


def test_consoles_came_with_2_6(cloud: ConsoleCloud, server: Server) -> None:
    cloud.open(server, version="2.5", status=404)


@pytest.mark.parametrize(
    "fields",
    [
        {"host": None},
        {"host": "host1", "task_state": "deleting"},
        {"host": "host1", "task_state": "migrating"},
    ],
)
def test_server_that_has_no_console_now(cloud: ConsoleCloud, fields: dict[str, Any]) -> None:
    server = cloud.add_server("cell1", **fields)
    assert "conflictingRequest" in cloud.open(server, status=409)
    assert cloud.hosts.asked == []


@pytest.mark.parametrize(
    ("failure", "status"), [(Late("late"), 503), (NotSupported("cannot"), 501)]
)
def test_host_that_gives_no_console(
    cloud: ConsoleCloud, server: Server, failure: Exception, status: int
) -> None:
    cloud.hosts.failure = failure
    cloud.open(server, status=status)
    assert cloud.rows(console_auth_tokens, cell="cell2") == []


def test_who_may_open_consoles(cloud: ConsoleCloud, server: Server) -> None:
    cloud.open(server, roles="reader", status=403)
    cloud.open(server, project=OTHER, status=404)
    cloud.open(server, project=OTHER, roles="admin")


def test_token_leads_to_the_console_as_documented(cloud: ConsoleCloud, server: Server) -> None:
    documented = sample("os-console-auth-tokens/v2.31/get-console-connect-info-get-resp.json")
    token = cloud.token(server, "serial")
    for version in ("2.31", "2.98", "2.99"):
        answer = cloud.look(token, version=version)
        assert keys_of(answer) == keys_of(documented)
        assert answer["console"]["instance_uuid"] == server.uuid
        assert (answer["console"]["host"], answer["console"]["port"]) == ("192.0.2.7", 5900)
    documented = sample("os-console-auth-tokens/v2.99/get-console-connect-info-get-resp.json")
    direct = cloud.token(server, "spice-direct")
    assert keys_of(cloud.look(direct)) == keys_of(documented)
    assert "tls_port" not in cloud.look(direct, version="2.98")["console"]


def test_token_is_asked_for_in_its_cell_only(cloud: ConsoleCloud, server: Server) -> None:
    """Nobody else is in the way: the other cell is down, and the answer comes at once."""
    token = cloud.token(server)
    cloud.silence("cell1")
    cloud.silence("cell0")
    assert cloud.look(token)["console"]["instance_uuid"] == server.uuid


def test_cell_of_the_token_is_down(cloud: ConsoleCloud, server: Server) -> None:
    token = cloud.token(server)
    cloud.silence("cell2")
    cloud.look(token, status=503)


def test_token_expires(cloud: ConsoleCloud, server: Server) -> None:
    token = cloud.token(server)
    cloud.now += timedelta(seconds=599)
    cloud.look(token)
    cloud.now += timedelta(seconds=1)
    cloud.look(token, status=404)


@pytest.mark.parametrize("token", [MISSING, "x", "x" * 300, "%00"])
def test_unknown_token(cloud: ConsoleCloud, server: Server, token: str) -> None:
    cloud.token(server)
    cloud.look(token, status=404)


def test_old_versions_show_no_token(cloud: ConsoleCloud, server: Server) -> None:
    cloud.look(cloud.token(server), version="2.30", status=400)


def test_unknown_query_is_refused_since_2_99(cloud: ConsoleCloud, server: Server) -> None:
    token = cloud.token(server)
    cloud.look(f"{token}?odd=1", version="2.98")
    cloud.look(f"{token}?odd=1", version="2.99", status=400)


def test_only_administrators_look_at_tokens(cloud: ConsoleCloud, server: Server) -> None:
    cloud.look(cloud.token(server), roles=MEMBER, status=403)
