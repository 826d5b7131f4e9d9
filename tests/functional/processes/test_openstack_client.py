"""The openstack client as it comes from PyPI, against the deployment."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.serving import HttpServer
from tests.conftest import missing
from tests.functional.processes.plane import CELLS, Plane
from tests.functional.processes.programs import ROOT
from tests.functional.processes.rest import PROJECT

# Kept between runs; it has an environment of its own, as on a user's machine.
_ENVIRONMENT = ROOT / ".tox" / "openstackclient"
_INSTALL_TIMEOUT_S = 300
_COMMAND_TIMEOUT_S = 60

Openstack = Callable[..., Any]


@pytest.fixture(scope="session")
def program() -> Path:
    """The client's program, installed when it is not yet."""
    found = _ENVIRONMENT / "bin" / "openstack"
    if not found.exists():
        venv.create(_ENVIRONMENT, with_pip=True)
        pip = [str(_ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        done = subprocess.run(
            [*pip, "python-openstackclient"],
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
        )
        if done.returncode:
            missing(f"python-openstackclient cannot be installed: {done.stderr[-500:]}")
    return found


@pytest.fixture
def identity_url() -> Iterator[str]:
    """An identity service that has a version and nothing else: the client looks for one before it lists servers."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        href = f"http://{environ['HTTP_HOST']}/v3/"
        links = [{"rel": "self", "href": href}]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [
            json.dumps({"version": {"id": "v3.14", "status": "stable", "links": links}}).encode()
        ]

    server = HttpServer(application, host="127.0.0.1", port=0, threads=2, port_option="none")
    server.start()
    yield f"http://127.0.0.1:{server.port}/v3"
    server.stop()


@pytest.fixture
def openstack(plane: Plane, program: Path, identity_url: str, tmp_path: Path) -> Openstack:
    """Runs a command of the client; what it prints as JSON."""
    cloud = {
        "auth_type": "admin_token",
        "auth": {"endpoint": f"{plane.url('nova-api')}/v2.1", "token": f"admin:{PROJECT}"},
        "compute_endpoint_override": f"{plane.url('nova-api')}/v2.1",
        "image_endpoint_override": plane.url("glance"),
        "identity_endpoint_override": identity_url,
    }
    file = tmp_path / "clouds.yaml"
    # JSON is YAML.
    file.write_text(json.dumps({"clouds": {"plane": cloud}}))
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("OS_")}
    variables = {"OS_CLIENT_CONFIG_FILE": str(file), "OS_CLOUD": "plane"}

    def run(*words: str, prints: bool = True) -> Any:
        done = subprocess.run(
            [str(program), *words, *(("-f", "json") if prints else ())],
            env=inherited | variables,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
        )
        assert done.returncode == 0, f"openstack {words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if prints else None

    return run


def test_servers_are_created_listed_shown_and_deleted(openstack: Openstack, plane: Plane) -> None:
    words = ("--image", "tiny", "--flavor", "tiny", "--nic", "none", "--wait")
    created = openstack("server", "create", *words, "one")
    assert created["status"] == "ACTIVE"
    [listed] = openstack("server", "list")
    assert (listed["ID"], listed["Name"], listed["Status"]) == (created["id"], "one", "ACTIVE")
    assert (listed["Image"], listed["Flavor"]) == ("tiny", "tiny")
    shown = openstack("server", "show", "one")
    assert shown["id"] == created["id"]
    assert shown["OS-EXT-SRV-ATTR:host"] == plane.placement.allocations()[created["id"]]
    openstack("server", "delete", "--wait", "one", prints=False)
    assert openstack("server", "list") == []
    assert plane.placement.allocations() == {}


def test_operators_see_every_service_and_host(openstack: Openstack) -> None:
    hosts = {host for of_cell in CELLS.values() for host in of_cell}
    services = openstack("compute", "service", "list")
    assert {row["Host"] for row in services if row["Binary"] == "nova-compute"} == hosts
    assert {row["State"] for row in services} == {"up"}
    hypervisors = openstack("hypervisor", "list")
    assert {row["Hypervisor Hostname"] for row in hypervisors} == hosts
