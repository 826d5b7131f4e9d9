"""What a fresh cloud needs before somebody can use it: users, endpoints, an image, flavors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstart_parts.plan import Plan
from quickstart_parts.rest import Rest

IMAGE = "tiny"
FLAVORS = (
    {"name": "m1.tiny", "vcpus": 1, "ram": 512, "disk": 1},
    {"name": "m1.small", "vcpus": 1, "ram": 2048, "disk": 20},
    {"name": "m1.medium", "vcpus": 2, "ram": 4096, "disk": 40},
)
TENANT = "demo"
_SERVICE_USERS = ("nova", "placement", "glance")

# The fake hypervisor boots anything; a megabyte of zeros is a valid raw image.
_IMAGE_BYTES = bytes(1024 * 1024)


def seed_identity(plan: Plan, rest: Rest, passwords: Mapping[str, str]) -> None:
    """Promise the tenant, the users of the services, and the endpoints of this plan's ports.

    What is there already is left or brought in line, so it may run twice.
    """
    api = plan.identity_url
    roles = {role["name"]: role["id"] for role in rest.get(f"{api}/roles")["roles"]}
    projects = {name: _project(api, rest, name) for name in ("service", TENANT)}
    for name in _SERVICE_USERS:
        user = _user(api, rest, name, passwords[name])
        for role in ("service", "admin"):
            _grant(api, rest, projects["service"], user, roles[role])
    _grant(
        api, rest, projects[TENANT], _user(api, rest, TENANT, passwords[TENANT]), roles["member"]
    )
    # Lets the operator act inside the tenant's project, which placing a server on a named host needs.
    _grant(api, rest, projects[TENANT], _user(api, rest, "admin", None), roles["admin"])
    services = {
        ("keystone", "identity"): plan.identity_url,
        ("glance", "image"): plan.image_url,
        ("placement", "placement"): plan.placement_url,
        ("nova", "compute"): plan.compute_url,
    }
    for (name, kind), url in services.items():
        _endpoints(api, rest, name, kind, url)


def seed_image(plan: Plan, rest: Rest) -> None:
    """Promise the public image, uploaded."""
    images = f"{plan.image_url}/v2/images"
    found = rest.get(f"{images}?name={IMAGE}")["images"]
    image = found[0] if found else rest.post(images, _IMAGE_RECORD)
    if image["status"] == "queued":
        rest.send("PUT", f"{images}/{image['id']}/file", _IMAGE_BYTES)


_IMAGE_RECORD = {
    "name": IMAGE,
    "disk_format": "raw",
    "container_format": "bare",
    "visibility": "public",
    "min_disk": 1,
}


def seed_flavors(plan: Plan, rest: Rest) -> None:
    """Promise the public flavors."""
    answer = rest.get(f"{plan.compute_url}/flavors")
    present = {flavor["name"] for flavor in answer["flavors"]}
    for flavor in FLAVORS:
        if flavor["name"] not in present:
            rest.post(f"{plan.compute_url}/flavors", {"flavor": flavor})


def _project(api: str, rest: Rest, name: str) -> str:
    found = rest.get(f"{api}/projects?name={name}")["projects"]
    if not found:
        found = [
            rest.post(f"{api}/projects", {"project": {"name": name, "domain_id": "default"}})[
                "project"
            ]
        ]
    return str(found[0]["id"])


def _user(api: str, rest: Rest, name: str, password: str | None) -> str:
    """The id of a user, made with ``password`` when missing."""
    found = rest.get(f"{api}/users?name={name}")["users"]
    if not found:
        user = {"name": name, "domain_id": "default", "password": password}
        found = [rest.post(f"{api}/users", {"user": user})["user"]]
    return str(found[0]["id"])


def _grant(api: str, rest: Rest, project: str, user: str, role: str) -> None:
    rest.send("PUT", f"{api}/projects/{project}/users/{user}/roles/{role}")


def _endpoints(api: str, rest: Rest, name: str, kind: str, url: str) -> None:
    found = rest.get(f"{api}/services?type={kind}")["services"]
    if not found:
        found = [rest.post(f"{api}/services", {"service": {"name": name, "type": kind}})["service"]]
    service: str = found[0]["id"]
    present: dict[str, Any] = {
        endpoint["interface"]: endpoint
        for endpoint in rest.get(f"{api}/endpoints?service_id={service}")["endpoints"]
    }
    for interface in ("public", "internal", "admin"):
        wanted = {
            "service_id": service,
            "interface": interface,
            "url": url,
            "region_id": "RegionOne",
        }
        if interface not in present:
            rest.post(f"{api}/endpoints", {"endpoint": wanted})
        elif present[interface]["url"] != url:
            rest.send(
                "PATCH", f"{api}/endpoints/{present[interface]['id']}", {"endpoint": {"url": url}}
            )
