"""Keystone's limits as an operator's command looks at them and adds to them, over REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from keystoneauth1.plugin import BaseAuthPlugin
from oslo_config import cfg

from groundwork.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from nova.clients.keystone import version_prefix
from nova.clients.session import Query, Service, load_credentials, load_service


@dataclass(frozen=True, slots=True)
class Place:
    """What limits are registered for: a service, in a region or (None) in all that have no limits of their own."""

    service_id: str
    region_id: str | None


class LimitRegistry:
    """Registered limits and limits of projects.

    Every call raises ``Unavailable`` when Keystone does not answer or does not let us, and ``NotFound``, ``Invalid`` or
    ``Conflict`` when it refuses what is asked; the text is Keystone's.
    """

    def __init__(self, service: Service, *, auth: BaseAuthPlugin | None = None) -> None:
        self._service = service
        self._auth = auth

    def place_of_endpoint(self, endpoint_id: str) -> Place:
        """The service and region of an endpoint."""
        answer = self._call("GET", f"/endpoints/{quote(endpoint_id, safe='')}")
        endpoint = answer["endpoint"]
        return Place(endpoint["service_id"], endpoint.get("region_id"))

    def service_id(self, *, kind: str | None, name: str | None) -> str:
        """The id of the one service of this type and name. :raises NotFound: there is none, or there are several."""
        wanted = {key: value for key, value in (("type", kind), ("name", name)) if value}
        found = [service["id"] for service in self._list("services", wanted)]
        if len(found) != 1:
            raise NotFound(f"Keystone knows {len(found)} services like {wanted}, not one.")
        return str(found[0])

    def registered(self, place: Place) -> Mapping[str, int]:
        """The registered limits of a place, by resource."""
        rows = self._limits("registered_limits", place, {})
        return {row["resource_name"]: row["default_limit"] for row in rows}

    def of_projects(
        self, place: Place, project_id: str | None = None
    ) -> Mapping[str, Mapping[str, int]]:
        """The limits of projects (of one of them, or of all) in a place, by project and resource."""
        found: dict[str, dict[str, int]] = {}
        query = {"project_id": project_id} if project_id else {}
        for row in self._limits("limits", place, query):
            found.setdefault(row["project_id"], {})[row["resource_name"]] = row["resource_limit"]
        return found

    def register(self, place: Place, limits: Mapping[str, int]) -> None:
        """Register limits that are not registered yet, all or none."""
        rows = [
            {**_key(place), "resource_name": name, "default_limit": limit}
            for name, limit in limits.items()
        ]
        self._call("POST", "/registered_limits", body={"registered_limits": rows})

    def limit_project(self, place: Place, project_id: str, limits: Mapping[str, int]) -> None:
        """Set limits that a project does not have yet, all or none. They have to be registered."""
        rows = [
            {
                **_key(place),
                "project_id": project_id,
                "resource_name": name,
                "resource_limit": limit,
            }
            for name, limit in limits.items()
        ]
        self._call("POST", "/limits", body={"limits": rows})

    def _limits(
        self, plural: str, place: Place, query: Mapping[str, str]
    ) -> Iterator[Mapping[str, Any]]:
        for row in self._list(plural, {**_key(place), **query}):
            # Without a region the query is for every one.
            if row.get("region_id") == place.region_id:
                yield row

    def _list(self, plural: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        answer = self._call("GET", f"/{plural}", query=query)
        yield from answer[plural]
        while following := (answer.get("links") or {}).get("next"):
            answer = self._read(self._service.call("GET", following, auth=self._auth))
            yield from answer[plural]

    def _call(
        self, method: str, path: str, *, query: Query | None = None, body: object = None
    ) -> Any:
        prefix = version_prefix(self._service, auth=self._auth)
        return self._read(
            self._service.call(method, f"{prefix}{path}", query=query, body=body, auth=self._auth)
        )

    def _read(self, answer: requests.Response) -> Any:
        if answer.status_code in (200, 201):
            return answer.json()
        kinds: Mapping[int, type[Problem]] = {400: Invalid, 404: NotFound, 409: Conflict}
        kind = kinds.get(answer.status_code, Unavailable)
        raise kind(f"Keystone answers {answer.status_code}: {_message(answer)}")


def _key(place: Place) -> dict[str, str]:
    region = {"region_id": place.region_id} if place.region_id else {}
    return {"service_id": place.service_id, **region}


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return answer.text[:200]


def load_limit_registry(conf: cfg.ConfigOpts) -> LimitRegistry:
    """Keystone with the credentials of ``[keystone]``, or of ``[oslo_limit]`` where the former has none.

    :raises Invalid: neither can be used; one line for the operator.
    """
    own = load_credentials(conf, "keystone")
    auth = own or load_credentials(conf, "oslo_limit")
    if auth is None:
        raise Invalid("Neither [keystone] nor [oslo_limit] gives credentials: set auth_type.")
    return LimitRegistry(load_service(conf, "keystone", name="Keystone"), auth=auth)
