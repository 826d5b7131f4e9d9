"""Makes the data of fixtures through the REST API, and tells the YAML files the uuids by environment variables."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen

# One request of many; long enough for a busy machine.
_TIMEOUT_S = 30


def fresh_uuid() -> str:
    """A new uuid."""
    return str(uuid.uuid4())


def tell(**values: str) -> None:
    """Set variables that the files refer to as ``$ENVIRON['NAME']``."""
    os.environ.update(values)


class Builder:
    """An administrator who fills an empty deployment. Anything but success ends the suite."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def provider(
        self,
        name: str,
        *,
        variable: str | None = None,
        uuid: str | None = None,
        parent: str | None = None,
        aggregates: tuple[str, ...] = (),
        traits: tuple[str, ...] = (),
        **inventory: int | Mapping[str, Any],
    ) -> str:
        """Make a provider; its uuid goes into the environment as ``variable``, too.

        ``inventory`` gives a total, or the whole inventory, per resource class. Custom names are made as needed.
        """
        made = uuid or fresh_uuid()
        body = {"name": name, "uuid": made, "parent_provider_uuid": parent}
        self.call("POST", "/resource_providers", body)
        if variable:
            tell(**{variable: made})
        if traits:
            self.set_traits(made, *traits)
        if aggregates:
            self.set_aggregates(made, *aggregates)
        for name_of_class, offered in inventory.items():
            self._offer(made, name_of_class, offered)
        return made

    def _offer(self, provider: str, resource_class: str, offered: int | Mapping[str, Any]) -> None:
        if resource_class.startswith("CUSTOM_"):
            self.call("PUT", f"/resource_classes/{resource_class}")
        whole = {"total": offered} if isinstance(offered, int) else dict(offered)
        body = {"resource_class": resource_class, **whole}
        self.call("POST", f"/resource_providers/{provider}/inventories", body)

    def set_traits(self, provider: str, *names: str) -> None:
        """Let a provider carry just these."""
        for name in names:
            if name.startswith("CUSTOM_"):
                self.call("PUT", f"/traits/{name}")
        body = {"traits": list(names), "resource_provider_generation": self._generation(provider)}
        self.call("PUT", f"/resource_providers/{provider}/traits", body)

    def set_aggregates(self, provider: str, *uuids: str) -> None:
        """Let a provider belong to just these."""
        generation = self._generation(provider)
        body = {"aggregates": list(uuids), "resource_provider_generation": generation}
        self.call("PUT", f"/resource_providers/{provider}/aggregates", body)

    def claim(self, provider: str, *, user: str, project: str, **amounts: int) -> str:
        """Let a new consumer of no told type hold something; its uuid."""
        consumer = fresh_uuid()
        body = {
            "allocations": {provider: {"resources": amounts}},
            "project_id": project,
            "user_id": user,
            "consumer_generation": None,
        }
        self.call("PUT", f"/allocations/{consumer}", body, version="1.37")
        return consumer

    def _generation(self, provider: str) -> int:
        return int(self.call("GET", f"/resource_providers/{provider}")["generation"])

    def call(self, method: str, path: str, body: Any = None, *, version: str = "1.39") -> Any:
        """The JSON answer, None for an empty one."""
        headers = {"X-Auth-Token": "admin", "OpenStack-API-Version": f"placement {version}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = Request(self._url + path, data=data, headers=headers, method=method)
        with urlopen(request, timeout=_TIMEOUT_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None
