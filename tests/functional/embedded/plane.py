"""The whole compute plane with two cells in this process, beside a real Placement and a fake Glance, over HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from oslo_config import cfg

import nova.conf
import placement.conf
from groundwork.database import Database
from groundwork.errors import Conflict
from groundwork.serving import HttpServer
from nova.cells.registry import Cell
from nova.cmd import beginning
from nova.cmd import plane as plane_module
from nova.cmd.all import EmbeddedPlane
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.scheduler.service import SchedulerEndpoint
from nova.virt.fake import FakeDriver
from nova.virt.guest import GuestSpec
from placement.api.app import make_application
from placement.cmd import beginning as placement_beginning
from tests.fakes.cinder import FakeCinder
from tests.fakes.glance import TINY, FakeGlance, make_image

PROJECT = "6f70656e737461636b20342065766572"
OTHER_PROJECT = "0123456789abcdef0123456789abcdef"
ADMIN = f"admin:{PROJECT}"
USER = f"fake:{PROJECT}"
READER = f"watcher:{PROJECT}:reader"
STRANGER = f"stranger:{OTHER_PROJECT}"

BIG_IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
RAW_IMAGE = "a2459075-d96c-40d5-893e-577ff92e721c"
QUEUED_IMAGE = "a440c04b-79fa-479c-bed1-0b816eaec379"
IMAGES = (
    make_image(TINY, "tiny", hw_machine_type="pc", os_distro="none"),
    make_image(BIG_IMAGE, "big", min_disk=50, min_ram=4096),
    make_image(RAW_IMAGE, "large", size=100 << 30),
    make_image(QUEUED_IMAGE, "queued", status="queued", size=None),
)

# A condition that does not come true by then never will. Longer than any step takes on a busy machine.
PATIENCE_S = 60.0


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_S:.0f} s"
        Event().wait(0.02)


class Client:
    """One service as a client sees it; answers are checked for the status that the test expects."""

    def __init__(self, url: str, service: str, *, version: str, token: str) -> None:
        self.url = url
        self._service = service
        self._version = version
        self._token = token
        self._session = requests.Session()

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = None,
        token: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        answer = self._session.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers={
                "X-Auth-Token": token or self._token,
                "Accept": "application/json",
                "OpenStack-API-Version": f"{self._service} {version or self._version}",
                **(headers or {}),
            },
            timeout=PATIENCE_S,
        )
        if status is not None:
            assert answer.status_code == status, f"{method} {path}: {answer.text}"
        return answer

    def get(self, path: str, **how: Any) -> Any:
        """The JSON of a 200."""
        return self("GET", path, status=200, **how).json()

    def refused(self, status: int, key: str, method: str, path: str, *body: Any, **how: Any) -> str:
        """The text of an error of this status, whose body has this key."""
        answer = self(method, path, *body, status=status, **how)
        assert list(answer.json()) == [key], answer.text
        assert answer.json()[key]["code"] == status
        return str(answer.json()[key]["message"])


class Cloud:
    """What tests work with."""

    def __init__(self, folder: Path, **overrides: Mapping[str, Any]) -> None:
        """``overrides``: options of nova by group name (``default`` for ``[DEFAULT]``)."""
        self.folder = folder
        self._placement_server = serve(make_placement(folder))
        self._glance_server = serve(FakeGlance(IMAGES))
        self.cinder = FakeCinder()
        self._cinder_server = serve(self.cinder)
        self.conf = nova_conf(
            folder,
            placement_port=self._placement_server.port,
            glance_port=self._glance_server.port,
            cinder_port=self._cinder_server.port,
            overrides=overrides,
        )
        self._endpoints: list[SchedulerEndpoint] = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(plane_module, "SchedulerEndpoint", self._make_scheduler)
            self.embedded = EmbeddedPlane(self.conf)
        self.embedded.start()
        port = self.conf.embedded.listen_port
        self._compute_url = f"http://127.0.0.1:{port}/v2.1"
        self.compute = self.client()
        self.root = Client(f"http://127.0.0.1:{port}", "compute", version="2.1", token=USER)
        self.placement = Client(
            f"http://127.0.0.1:{self._placement_server.port}",
            "placement",
            version="1.39",
            token="admin",
        )

    def client(self) -> Client:
        """A client of the Compute API with a connection of its own."""
        return Client(self._compute_url, "compute", version="2.96", token=USER)

    def _make_scheduler(self, **collaborators: Any) -> SchedulerEndpoint:
        self._endpoints.append(SchedulerEndpoint(**collaborators))
        return self._endpoints[-1]

    def stop(self) -> None:
        self.embedded.stop()
        self._cinder_server.stop()
        self._glance_server.stop()
        self._placement_server.stop()

    # Flavors and servers

    def make_flavor(self, flavorid: str, **more: Any) -> None:
        """A flavor of 1 VCPU, 64 MiB and 1 GiB, but for what is said otherwise."""
        flavor = {"id": flavorid, "name": flavorid, "vcpus": 1, "ram": 64, "disk": 1, **more}
        self.compute("POST", "/flavors", {"flavor": flavor}, token=ADMIN, status=200)

    def body(self, name: str = "server", **more: Any) -> dict[str, Any]:
        """A create request; ``more`` goes into its ``server``, None takes a key away."""
        server = {"name": name, "imageRef": TINY, "flavorRef": "tiny", "networks": "none", **more}
        return {"server": {key: value for key, value in server.items() if value is not None}}

    def create(
        self,
        name: str = "server",
        *,
        version: str | None = None,
        token: str | None = None,
        **more: Any,
    ) -> str:
        """Ask for a server; its uuid."""
        answer = self.compute(
            "POST", "/servers", self.body(name, **more), version=version, token=token, status=202
        )
        return str(answer.json()["server"]["id"])

    def show(self, uuid: str, **how: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.compute.get(f"/servers/{uuid}", **{"token": ADMIN, **how})[
            "server"
        ]
        return found

    def wait_until(self, uuid: str, status: str) -> dict[str, Any]:
        """The server once it has that status; ERROR ends the wait."""

        def settled() -> dict[str, Any] | None:
            shown = self.show(uuid)
            is_settled = shown["status"] in (status, "ERROR") and not shown["OS-EXT-STS:task_state"]
            return shown if is_settled else None

        shown: dict[str, Any] = wait_for(f"{status} of server {uuid}", settled)
        assert shown["status"] == status, shown.get("fault")
        return shown

    def wait_until_error(self, uuid: str) -> dict[str, Any]:
        """The server once its build has failed."""

        def failed() -> dict[str, Any] | None:
            shown = self.show(uuid)
            return shown if shown["status"] == "ERROR" else None

        found: dict[str, Any] = wait_for(f"ERROR of server {uuid}", failed)
        return found

    def build(self, name: str = "server", **more: Any) -> dict[str, Any]:
        """A server that is ACTIVE."""
        return self.wait_until(self.create(name, **more), "ACTIVE")

    def delete(self, uuid: str, *, token: str = ADMIN) -> None:
        self.compute("DELETE", f"/servers/{uuid}", token=token, status=204)

    def wait_gone(self, uuid: str) -> None:
        wait_for(
            f"the end of server {uuid}",
            lambda: self.compute("GET", f"/servers/{uuid}", token=ADMIN).status_code == 404,
        )

    def listed(self, path: str = "/servers", **how: Any) -> list[str]:
        """The uuids of a list."""
        return [server["id"] for server in self.compute.get(path, **how)["servers"]]

    # What is behind the API

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.embedded.plane.registry.all()

    def database(self, name: str) -> Database:
        """The API's database (``api``) or a cell's."""
        plane = self.embedded.plane
        if name == "api":
            return plane.api_database
        return plane.targets.database(next(cell for cell in self.cells if cell.name == name))

    def rows(self, name: str, table: sa.Table) -> list[Any]:
        with self.database(name).read() as tx:
            return list(tx.execute(sa.select(table)))

    def cell_of(self, uuid: str) -> str | None:
        """The name of the cell in whose database the server stands, living or not."""
        for cell in self.cells:
            if any(row.uuid == uuid for row in self.rows(cell.name, cell_models.instances)):
                return cell.name
        return None

    def allocations(self) -> dict[str, str]:
        """The provider's name by consumer; a consumer at two providers is a failure."""
        found: dict[str, str] = {}
        for provider in self.placement.get("/resource_providers")["resource_providers"]:
            held = self.placement.get(f"/resource_providers/{provider['uuid']}/allocations")
            for consumer in held["allocations"]:
                assert consumer not in found, f"{consumer} holds two hosts"
                found[consumer] = provider["name"]
        return found

    @property
    def scheduler(self) -> SchedulerEndpoint:
        """What answers for the scheduler on the API bus."""
        [endpoint] = self._endpoints
        return endpoint

    def drivers(self) -> dict[str, FakeDriver]:
        """The hypervisor of each host."""
        return {agent._identity.host: agent._driver for agent in self.embedded._computes}  # type: ignore[misc]

    def guests(self) -> dict[str, str]:
        """The host of each guest."""
        return {
            guest.uuid: host for host, driver in self.drivers().items() for guest in driver.guests()
        }

    def living(self) -> list[Any]:
        """The rows of servers that are not deleted, of all cells."""
        return [
            row
            for cell in self.cells
            for row in self.rows(cell.name, cell_models.instances)
            if not row.deleted
        ]

    def leftovers(self) -> dict[str, Any]:
        """Everything that would not be there if no server had ever been made, but for the records of deleted ones."""
        found: dict[str, Any] = {
            "servers": [row.uuid for row in self.living()],
            "build requests": self.rows("api", api_models.build_requests),
            "counted": [
                row.instance_uuid
                for row in self.rows("api", api_models.instance_mappings)
                if not row.queued_for_delete
            ],
            "allocations": self.allocations(),
            "guests": self.guests(),
            "attachments": list(self.cinder.attachments.values()),
        }
        for cell in self.cells:
            found[f"tags in {cell.name}"] = self.rows(cell.name, cell_models.tags)
            devices = self.rows(cell.name, cell_models.block_device_mappings)
            found[f"devices in {cell.name}"] = devices
            tokens = self.rows(cell.name, cell_models.console_auth_tokens)
            found[f"console tokens in {cell.name}"] = tokens
            found[f"operations in {cell.name}"] = [
                (row.action, row.state, row.step)
                for row in self.rows(cell.name, cell_models.instance_actions)
                if row.state in ("running", "undoing")
            ]
        return {what: rest for what, rest in found.items() if rest}

    def clear(self) -> None:
        """Delete every server there is, and wait for the end of it."""
        for uuid in self.listed("/servers?all_tenants=1", token=ADMIN):
            self.compute("DELETE", f"/servers/{uuid}", token=ADMIN)
        wait_for("an empty cloud", lambda: not self.listed("/servers?all_tenants=1", token=ADMIN))

    def assert_nothing_is_left(self) -> None:
        """What a deleted server held is given back in a moment; then nothing remains."""
        deadline = time.monotonic() + PATIENCE_S
        while rest := self.leftovers():
            assert time.monotonic() < deadline, f"left over: {rest}"
            Event().wait(0.05)


@contextmanager
def silent_scheduler(cloud: Cloud) -> Iterator[Event]:
    """No build is scheduled until the event is set (at the latest when the block ends)."""
    release = Event()
    selector = cloud.scheduler._selector
    select = selector.select

    def wait_and_select(*args: Any, **more: Any) -> Any:
        release.wait(PATIENCE_S)
        return select(*args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cloud.scheduler, "_selector", _Selecting(wait_and_select))
        try:
            yield release
        finally:
            release.set()


class _Selecting:
    """A selector that does something else."""

    def __init__(self, select: Callable[..., Any]) -> None:
        self.select = select


@contextmanager
def held_spawns(cloud: Cloud) -> Iterator[Event]:
    """No guest is completed until the event is set (at the latest when the block ends)."""
    release = Event()
    with pytest.MonkeyPatch.context() as patched:
        for driver in cloud.drivers().values():
            patched.setattr(driver, "_wait", lambda _delay_s: release.wait(PATIENCE_S))
        try:
            yield release
        finally:
            release.set()


def refuse_spawn(guest: GuestSpec) -> None:
    """Stands for the ``spawn`` of a driver that makes no guest."""
    # No Unavailable: that would be tried again on the same host first.
    raise Conflict(f"No guest {guest.uuid} here.")


def serve(application: Callable[..., Any]) -> HttpServer:
    server = HttpServer(
        application, host="127.0.0.1", port=free_port(), threads=8, port_option="none"
    )
    server.start()
    return server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_placement(folder: Path) -> Callable[..., Any]:
    """The real Placement application over a database file."""
    conf = placement.conf.new()
    path = folder / "placement.conf"
    path.write_text(
        "[api]\nauth_strategy = noauth2\n[placement_database]\nsync_on_startup = true\n"
        f"connection = sqlite:///{folder}/placement.db\n"
    )
    conf(["--config-file", str(path)], project="placement")
    database = placement_beginning.open_database(conf)
    placement_beginning.prepare_database(conf, database)
    return make_application(conf, database)


def nova_conf(
    folder: Path,
    *,
    placement_port: int,
    glance_port: int,
    cinder_port: int,
    overrides: Mapping[str, Mapping[str, Any]],
) -> cfg.ConfigOpts:
    """nova.conf as the quick start would write it, with answers checked against their schemas."""
    groups: dict[str, dict[str, Any]] = {
        "DEFAULT": {"state_path": folder, "compute_driver": "fake.FakeDriver", "host": "plane"},
        "api": {"auth_strategy": "noauth2", "response_validation": "error"},
        "placement": _endpoint(placement_port),
        "glance": _endpoint(glance_port),
        "cinder": {
            "auth_type": "admin_token",
            "endpoint": f"http://127.0.0.1:{cinder_port}/v3",
            "token": "admin",
        },
        "embedded": {"listen_port": free_port(), "hosts_per_cell": 2},
        "quota": {"instances": 20, "cores": -1, "ram": -1, "metadata_items": 5},
    }
    for group, options in overrides.items():
        groups.setdefault(group.replace("default", "DEFAULT"), {}).update(options)
    path = folder / "nova.conf"
    path.write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in options.items())
            for group, options in groups.items()
        )
    )
    conf = nova.conf.new()
    conf(["--config-file", str(path)], project="nova")
    beginning.transport_url(conf)
    return conf


def _endpoint(port: int) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}"
    return {
        "auth_type": "admin_token",
        "endpoint": url,
        "endpoint_override": url,
        "token": "admin",
    }
