"""The services as clients of the tests ask them: plain requests, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from tests.fakes.glance import TINY

#: Compute 2.96 and Placement 1.39 are the versions that the answers are read in.
_COMPUTE = {"OpenStack-API-Version": "compute 2.96"}
_PLACEMENT = {"OpenStack-API-Version": "placement 1.39"}
_TIMEOUT_S = 30

PROJECT = "6f70656e737461636b20342065766572"


class Rest:
    """One service, asked as an administrator of ``PROJECT``."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url
        self._headers = {"X-Auth-Token": f"admin:{PROJECT}", "Accept": "application/json"} | dict(
            headers
        )

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """The answer, whatever its status."""
        return requests.request(
            method, f"{self.url}{path}", headers=self._headers, timeout=_TIMEOUT_S, **more
        )

    def get(self, path: str, **query: Any) -> Any:
        """The body of a successful answer. :raises requests.HTTPError: it was none."""
        return _checked(self.ask("GET", path, params=query)).json()

    def answers(self) -> bool:
        """Whether the service takes requests by now."""
        try:
            return self.ask("GET", "/").ok
        except requests.ConnectionError:
            return False


class Compute(Rest):
    """The Compute API."""

    def __init__(self, url: str) -> None:
        super().__init__(url, _COMPUTE)

    def make_flavor(
        self, flavorid: str, *, vcpus: int = 1, extra_specs: Mapping[str, str] | None = None
    ) -> None:
        """A flavor with 64 MiB and 1 GiB."""
        flavor = {"id": flavorid, "name": flavorid, "vcpus": vcpus, "ram": 64, "disk": 1}
        _checked(self.ask("POST", "/v2.1/flavors", json={"flavor": flavor}))
        if extra_specs:
            path = f"/v2.1/flavors/{flavorid}/os-extra_specs"
            _checked(self.ask("POST", path, json={"extra_specs": extra_specs}))

    def create(self, name: str, *, flavor: str = "tiny", **more: Any) -> str:
        """Ask for servers; the uuid of the (first) one. :raises requests.RequestException: nobody knows."""
        server = {
            "name": name,
            "imageRef": TINY,
            "flavorRef": flavor,
            "networks": "none",
            **more,
        }
        answer = _checked(self.ask("POST", "/v2.1/servers", json={"server": server}))
        return str(answer.json()["server"]["id"])

    def delete(self, uuid: str) -> None:
        """Delete a server; one that is gone is fine."""
        answer = self.ask("DELETE", f"/v2.1/servers/{uuid}")
        if answer.status_code != 404:
            _checked(answer)

    def server(self, uuid: str) -> dict[str, Any]:
        """One server in detail."""
        found: dict[str, Any] = self.get(f"/v2.1/servers/{uuid}")["server"]
        return found

    def servers(self, **query: Any) -> list[dict[str, Any]]:
        """All servers of the project in detail, on as many pages as it takes."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get("/v2.1/servers/detail", **query)
            found += page["servers"]
            if not page.get("servers_links"):
                return found
            query = query | {"marker": page["servers"][-1]["id"]}

    def events(self, uuid: str) -> list[dict[str, Any]]:
        """The events of all actions on the server."""
        actions = self.get(f"/v2.1/servers/{uuid}/os-instance-actions")["instanceActions"]
        path = f"/v2.1/servers/{uuid}/os-instance-actions/{{}}"
        return [
            event
            for action in actions
            for event in self.get(path.format(action["request_id"]))["instanceAction"]["events"]
        ]

    def services_that_are_up(self) -> set[tuple[str, str]]:
        """(binary, host) of each service that reports."""
        services = self.get("/v2.1/os-services")["services"]
        return {(row["binary"], row["host"]) for row in services if row["state"] == "up"}


class Placement(Rest):
    """The Placement API."""

    def __init__(self, url: str) -> None:
        super().__init__(url, _PLACEMENT)

    def provider_names(self) -> set[str]:
        """The names of all providers that have an inventory."""
        return {provider["name"] for provider in self._providers() if self._vcpus(provider)}

    def allocations(self) -> dict[str, str]:
        """The provider's name by consumer; a consumer at two providers is a failure."""
        found: dict[str, str] = {}
        for provider in self._providers():
            path = f"/resource_providers/{provider['uuid']}/allocations"
            for consumer in self.get(path)["allocations"]:
                assert consumer not in found, f"{consumer} holds two hosts"
                found[consumer] = provider["name"]
        return found

    def used_vcpus(self) -> dict[str, int]:
        """VCPUs in use by provider's name."""
        return {
            provider["name"]: self.get(f"/resource_providers/{provider['uuid']}/usages")["usages"][
                "VCPU"
            ]
            for provider in self._providers()
        }

    def _providers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/resource_providers")["resource_providers"]
        return found

    def _vcpus(self, provider: Mapping[str, Any]) -> bool:
        path = f"/resource_providers/{provider['uuid']}/inventories"
        return "VCPU" in self.get(path)["inventories"]


def _checked(answer: requests.Response) -> requests.Response:
    """:raises requests.HTTPError: the answer is no success; its text tells what the service said."""
    if not answer.ok:
        said = f"{answer.request.method} {answer.url} -> {answer.status_code}: {answer.text}"
        raise requests.HTTPError(said, response=answer)
    return answer
