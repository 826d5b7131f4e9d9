"""Documented requests are taken, and the answers have the keys of the documented answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.client import ADMIN, OTHER_PROJECT, PROJECT, Api
from tests.api.deployment import SAMPLES, keys_of, sample

RESOURCES = (
    "flavors",
    "flavor-manage",
    "flavor-access",
    "flavor-extra-specs",
    "os-keypairs",
)


def versions_of(resource: str) -> list[tuple[str, str]]:
    """``(folder, first version)`` of each form."""
    folders = [folder.name for folder in (SAMPLES / resource).iterdir() if folder.is_dir()]
    return [(".", "2.1"), *((folder, folder.removeprefix("v")) for folder in sorted(folders))]


CASES = [(resource, *form) for resource in RESOURCES for form in versions_of(resource)]


class Documented:
    """The samples of one resource at one version; they are counted, so that none goes unseen."""

    def __init__(self, api: Api, resource: str, folder: str, version: str) -> None:
        self._api = api
        self._folder = Path(resource, folder)
        self.version = version
        self.unseen = {path.name for path in (SAMPLES / self._folder).glob("*.json")}

    def has(self, name: str) -> bool:
        return (SAMPLES / self._folder / f"{name}.json").exists()

    def read(self, name: str) -> Any:
        self.unseen.discard(f"{name}.json")
        return sample(str(self._folder / f"{name}.json"))

    def ask(
        self,
        method: str,
        path: str,
        *,
        request: str | None = None,
        answer: str | None = None,
        token: str = ADMIN,
    ) -> Any:
        """Send the documented request (or none), expect the documented answer (or any); skip absent ones."""
        if (request and not self.has(request)) or (not request and answer and not self.has(answer)):
            return None
        body = self.read(request) if request else None
        got = self._api(method, f"/{PROJECT}{path}", body, version=self.version, token=token)
        assert got.status_int in (200, 201), got.text
        if answer and self.has(answer):
            assert keys_of(got.json) == keys_of(self.read(answer))
        return got.json


def flavors(api: Api, told: Documented) -> None:
    for number, name in enumerate(("m1.tiny", "m1.small", "m1.small.description"), start=1):
        body = {"id": str(number), "name": name, "ram": 512, "vcpus": 1, "disk": 1}
        api("POST", "/flavors", {"flavor": body}, status=200)
    for flavorid in ("1", "3"):
        specs = {"extra_specs": {"hw:cpu_policy": "shared", "hw:numa_nodes": "1"}}
        api("POST", f"/flavors/{flavorid}/os-extra_specs", specs, status=200)
    api("PUT", "/flavors/3", {"flavor": {"description": "d"}}, version="2.55", status=200)
    told.ask("GET", "/flavors", answer="flavors-list-resp")
    told.ask("GET", "/flavors/3", answer="flavor-get-resp")
    detail = told.ask("GET", "/flavors/detail")
    documented = told.read("flavors-detail-resp")
    # The documented flavors hold other extra specs, which are keys too.
    for flavor in (*detail["flavors"], *documented["flavors"]):
        assert (flavor.pop("extra_specs", None) is None) is (told.version in ("2.1", "2.55"))
    assert keys_of(detail) == keys_of(documented)


def flavor_manage(api: Api, told: Documented) -> None:
    made = told.ask(
        "POST", "/flavors", request="flavor-create-post-req", answer="flavor-create-post-resp"
    )
    path = f"/flavors/{made['flavor']['id']}"
    told.ask("PUT", path, request="flavor-update-req", answer="flavor-update-resp")


def flavor_access(api: Api, told: Documented) -> None:
    told.ask("POST", "/flavors", request="flavor-create-req")
    if told.version == "2.7":
        body = told.read("flavor-access-add-tenant-req")
        api("POST", "/flavors/10/action", body, version="2.7", status=409)
        return
    add = ("flavor-access-add-tenant-req", "flavor-access-add-tenant-resp")
    told.ask("POST", "/flavors/10/action", request=add[0], answer=add[1])
    told.ask("GET", "/flavors/10/os-flavor-access", answer="flavor-access-list-resp")
    remove = ("flavor-access-remove-tenant-req", "flavor-access-remove-tenant-resp")
    told.ask("POST", "/flavors/10/action", request=remove[0], answer=remove[1])


def flavor_extra_specs(api: Api, told: Documented) -> None:
    body = {"id": "1", "name": "m1.tiny", "ram": 512, "vcpus": 1, "disk": 1}
    api("POST", "/flavors", {"flavor": body}, status=200)
    path = "/flavors/1/os-extra_specs"
    create = ("flavor-extra-specs-create-req", "flavor-extra-specs-create-resp")
    told.ask("POST", path, request=create[0], answer=create[1])
    told.ask("GET", path, answer="flavor-extra-specs-list-resp")
    told.ask("GET", f"{path}/hw:numa_nodes", answer="flavor-extra-specs-get-resp")
    update = ("flavor-extra-specs-update-req", "flavor-extra-specs-update-resp")
    told.ask("PUT", f"{path}/hw:numa_nodes", request=update[0], answer=update[1])


def keypairs(api: Api, told: Documented) -> None:
    token = f"fake:{PROJECT}"
    imported = ("keypairs-import-post-req", "keypairs-import-post-resp")
    told.ask("POST", "/os-keypairs", request=imported[0], answer=imported[1], token=token)
    if told.version == "2.92":
        # Documented as it was sent before; keys are not made any more.
        body = told.read("keypairs-post-req")
        api("POST", "/os-keypairs", body, version="2.92", token=token, status=400)
        return
    made = told.ask(
        "POST",
        "/os-keypairs",
        request="keypairs-post-req",
        answer="keypairs-post-resp",
        token=token,
    )
    name = made["keypair"]["name"]
    told.ask("GET", f"/os-keypairs/{name}", answer="keypairs-get-resp", token=token)
    paged = "?limit=1" if told.version == "2.35" else ""
    told.ask("GET", f"/os-keypairs{paged}", answer="keypairs-list-resp", token=token)
    if told.version == "2.35":
        user1 = f"user1:{PROJECT}"
        public_key = sample("os-keypairs/keypairs-import-post-req.json")["keypair"]["public_key"]
        for user, token in (("user1", user1), ("user2", f"user2:{OTHER_PROJECT}")):
            body = {"keypair": {"name": user, "public_key": public_key}}
            api("POST", "/os-keypairs", body, token=token, status=200)
        told.ask("GET", "/os-keypairs?user_id=user1", answer="keypairs-list-user1-resp")
        told.ask("GET", "/os-keypairs?limit=1&user_id=user2", answer="keypairs-list-user2-resp")


STORIES = {
    "flavors": flavors,
    "flavor-manage": flavor_manage,
    "flavor-access": flavor_access,
    "flavor-extra-specs": flavor_extra_specs,
    "os-keypairs": keypairs,
}


@pytest.mark.parametrize(("resource", "folder", "version"), CASES)
def test_samples(api: Api, resource: str, folder: str, version: str) -> None:
    told = Documented(api, resource, folder, version)
    assert told.unseen
    STORIES[resource](api, told)
    assert not told.unseen
