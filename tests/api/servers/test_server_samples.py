"""Documented create requests are taken, and answers about servers have the keys of the documented ones.

Our servers have no ports and no volumes as long as there is no network and no volume service, so what is inside of
``addresses`` and ``os-extended-volumes:volumes_attached`` is not compared. Where the samples are at odds with what they
document, ``SLIPS`` says so.
"""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nova.domain.flavor import Flavor
from nova.domain.server import Server
from tests.api.deployment import NOW, PROJECT, keys_of, make_server
from tests.api.servers.service import IMAGE, ServerCloud

SAMPLES = Path(__file__).with_name("samples") / "servers"
MULTIPLE = SAMPLES.parent / "os-multiple-create"
GROUP = "f3d86fe6-4246-4be8-b87c-eb894626c741"

#: Samples that show a cell which does not answer.
UNREACHABLE = {
    "v2.69/server-get-resp.json",
    "v2.69/servers-details-resp.json",
    "v2.69/servers-list-resp.json",
    "v2.71/server-get-down-cell-resp.json",
}

#: Requests that are at odds with what they document: by file, what they lack.
SLIPS: dict[str, dict[str, str]] = {
    # Since 2.37 a request has to say which networks it wants.
    "v2.90/server-create-req.json": {"networks": "auto"},
    "v2.94/server-create-req.json": {"networks": "auto"},
}


def version_of(path: Path) -> str:
    folder = path.parent.name
    return folder.removeprefix("v") if folder.startswith("v") else "2.1"


def found(*patterns: str) -> list[Any]:
    paths = sorted(path for pattern in patterns for path in SAMPLES.rglob(pattern))
    assert paths
    return [pytest.param(path, id=str(path.relative_to(SAMPLES))) for path in paths]


def reachable(*patterns: str) -> list[Any]:
    return [each for each in found(*patterns) if each.id not in UNREACHABLE]


def the_documented_server(**fields: Any) -> Server:
    return make_server(
        **{
            "display_name": "new-server-test",
            "hostname": "new-server-test",
            "flavor": Flavor(flavorid="1", name="m1.tiny", vcpus=1, memory_mb=512, root_gb=1),
            "image_ref": IMAGE,
            "image_properties": {"architecture": "x86_64", "auto_disk_config": "True"},
            "host": "compute",
            "node": "fake-mini",
            "power_state": 1,
            "access_ip_v4": "1.2.3.4",
            "access_ip_v6": "80fe::",
            "metadata": {"My Server Name": "Apache1"},
            "security_groups": ("default",),
            "launched_at": NOW,
            "reservation_id": "r-y0w4v32k",
            "root_device_name": "/dev/sda",
            "scheduler_hints": {"same_host": GROUP},
            **fields,
        }
    )


def shape(value: Any) -> Any:
    """The keys of an answer, less what only networks and volumes bring."""
    value = deepcopy(value)
    for server in value.get("servers", [value.get("server")]):
        for name, nothing in (("addresses", {}), ("os-extended-volumes:volumes_attached", [])):
            if name in server:
                server[name] = nothing
        # The documented servers carry other extra specs; an empty and a full map are the same to clients.
        if "extra_specs" in server.get("flavor", {}):
            server["flavor"]["extra_specs"] = {}
        if server.get("image", {}) and "properties" in server["image"]:
            server["image"]["properties"] = {}
        for name in ("server_groups", "tags", "trusted_image_certificates"):
            if name in server:
                server[name] = []
    return keys_of(value)


def roles_of(documented: Any) -> str:
    """Whose view a sample is: administrators see the host."""
    servers = documented.get("servers") or [documented["server"]]
    is_admin = any("OS-EXT-SRV-ATTR:host" in server for server in servers)
    return "admin" if is_admin else "member,reader"


@pytest.mark.parametrize("path", reachable("server-get-resp.json"))
def test_show(cloud: ServerCloud, path: Path) -> None:
    documented = json.loads(path.read_text())
    cloud.add_compute("cell1", "compute")
    server = cloud.add_server("cell1", **fields_of(the_documented_server()))
    answer = cloud.answer(
        f"/{PROJECT}/servers/{server.uuid}",
        version=version_of(path),
        roles=roles_of(documented),
    )
    assert shape(answer) == shape(documented)


@pytest.mark.parametrize(
    "path", reachable("servers-details-resp.json", "servers-details-with-changes-before.json")
)
def test_detail(cloud: ServerCloud, path: Path) -> None:
    documented = json.loads(path.read_text())
    cloud.add_compute("cell1", "compute")
    cloud.add_server("cell1", **fields_of(the_documented_server()))
    query = "?changes-before=2030-01-01" if "changes" in path.name else "?limit=1"
    answer = cloud.answer(
        f"/{PROJECT}/servers/detail{query}",
        version=version_of(path),
        roles=roles_of(documented),
    )
    if "servers_links" not in documented:
        answer.pop("servers_links", None)
    assert shape(answer) == shape(documented)


@pytest.mark.parametrize(
    "path",
    reachable(
        "servers-list-resp.json",
        "servers-list-status-resp.json",
        "servers-list-with-changes-before.json",
    ),
)
def test_list(cloud: ServerCloud, path: Path) -> None:
    documented = json.loads(path.read_text())
    listed(cloud)
    query = {
        "servers-list-resp.json": "?limit=1",
        "servers-list-status-resp.json": "?limit=1&status=error",
        "servers-list-with-changes-before.json": "?changes-before=2030-01-01",
    }[path.name]
    answer = cloud.answer(f"/{PROJECT}/servers{query}", version=version_of(path))
    assert shape(answer) == shape(documented)


def listed(cloud: ServerCloud) -> None:
    """More servers than the page of the samples holds."""
    cloud.add_server("cell1", **fields_of(the_documented_server()))
    for cell in ("cell1", "cell2"):
        cloud.add_server(cell, vm_state="error", created_at=NOW - timedelta(days=1))


@pytest.mark.parametrize("path", [each for each in found("*.json") if each.id in UNREACHABLE])
def test_cell_that_does_not_answer(cloud: ServerCloud, path: Path) -> None:
    documented = json.loads(path.read_text())
    created = create(
        cloud, {"name": "lost", "imageRef": IMAGE, "flavorRef": "1", "networks": "none"}
    )
    cloud.move_to_cell(created, "cell1")
    cloud.silence("cell1")
    where = {
        "server-get-resp.json": f"/servers/{created}",
        "server-get-down-cell-resp.json": f"/servers/{created}",
        "servers-details-resp.json": "/servers/detail",
        "servers-list-resp.json": "/servers",
    }[path.name]
    answer = cloud.answer(f"/{PROJECT}{where}", version=version_of(path))
    assert shape(answer) == shape(documented)


def create(cloud: ServerCloud, server: dict[str, Any]) -> str:
    cloud.add_group(GROUP)
    body = {"server": server, "os:scheduler_hints": {"group": GROUP}}
    answer = cloud.answer("/servers", method="POST", body=body, version="2.69", status=202)
    return str(answer["server"]["id"])


@pytest.mark.parametrize("path", found("server-create*-req*.json"))
def test_create(cloud: ServerCloud, path: Path) -> None:
    version = {
        "server-create-req-v237.json": "2.37",
        "server-create-req-v257.json": "2.57",
    }.get(path.name, version_of(path))
    body = json.loads(path.read_text())
    server = body["server"]
    server.update(SLIPS.get(str(path.relative_to(SAMPLES)), {}))
    # What needs a volume service; and what 2.57 has taken away, though later samples still have it.
    server.pop("block_device_mapping_v2", None)
    if int(version[2:]) >= 57:
        server.pop("personality", None)
    if "networks" in server:
        server["networks"] = "auto" if isinstance(server["networks"], str) else []
    cloud.add_zone(server.get("availability_zone", "us-west"), "openstack-node-01")
    cloud.add_compute("cell1", "openstack-node-01")
    if server["flavorRef"] != "1":
        cloud.add_flavor(server["flavorRef"])
    server["imageRef"] = IMAGE
    cloud.add_group(GROUP)
    answer = cloud.answer(
        f"/{PROJECT}/servers", method="POST", body=body, version=version, status=202
    )
    documented = json.loads((path.parent / "server-create-resp.json").read_text())
    assert keys_of(answer) == keys_of(documented)


@pytest.mark.parametrize("name", ["multiple-create-post", "multiple-create-no-resv-post"])
def test_create_several(cloud: ServerCloud, name: str) -> None:
    body, documented = (
        json.loads((MULTIPLE / f"{name}-{kind}.json").read_text()) for kind in ("req", "resp")
    )
    answer = cloud.answer("/servers", method="POST", body=body, status=202)
    assert keys_of(answer) == keys_of(documented)
    assert len(cloud.answer("/servers")["servers"]) == 3


def fields_of(server: Server) -> dict[str, Any]:
    return {name: getattr(server, name) for name in Server.__struct_fields__ if name != "id"}
