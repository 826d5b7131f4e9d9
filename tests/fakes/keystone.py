"""A small Identity API v3: logging in by password, one compute endpoint, registered limits and project limits."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

#: The endpoint whose limits count, and what it belongs to.
ENDPOINT, SERVICE, REGION = "compute-endpoint", "compute-service", "RegionOne"
USER, PASSWORD = "nova", "secret"
_TOKEN = "token-of-nova"
_NUMBER = itertools.count(1)

StartResponse = Callable[..., Any]
Answer = tuple[int, Any]


class FakeKeystone:
    """A WSGI application. ``registered`` and ``of_projects`` are the limits; ``requests`` lists (method, path).

    While ``is_broken`` it answers everything with 500; without a ``model`` it does not let anybody see that.
    """

    def __init__(self) -> None:
        self.registered: list[dict[str, Any]] = []
        self.of_projects: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.model = "flat"
        self.is_broken = False
        #: Projects that were deleted: no limits of them are taken.
        self.unknown_projects: set[str] = set()

    def register(self, limits: Mapping[str, int], *, region: str | None = REGION) -> None:
        """Set registered limits of the compute service; those not named stay."""
        for name, limit in limits.items():
            self._put(
                self.registered,
                {"service_id": SERVICE, "region_id": region, "resource_name": name},
                "default_limit",
                limit,
            )

    def limit(
        self, project_id: str, limits: Mapping[str, int], *, region: str | None = REGION
    ) -> None:
        """Set limits of a project; those not named stay."""
        for name, limit in limits.items():
            self._put(
                self.of_projects,
                {
                    "service_id": SERVICE,
                    "region_id": region,
                    "resource_name": name,
                    "project_id": project_id,
                },
                "resource_limit",
                limit,
            )

    def clear(self) -> None:
        """No limits, and nothing was ever asked."""
        self.registered.clear()
        self.of_projects.clear()
        self.requests.clear()

    def _put(self, rows: list[dict[str, Any]], key: dict[str, Any], field: str, limit: int) -> None:
        for row in rows:
            if all(row[name] == value for name, value in key.items()):
                row[field] = limit
                return
        rows.append({"id": f"limit-{next(_NUMBER)}", **key, field: limit, "description": None})

    def __call__(self, environ: Mapping[str, Any], start: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].rstrip("/")
        self.requests.append((method, path))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else None
        query = {k: v[-1] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
        root = f"http://{environ['HTTP_HOST']}"
        headers = [("Content-Type", "application/json")]
        if self.is_broken:
            status, answer = 500, _error(500)
        elif path == "/v3/auth/tokens" and method == "POST":
            status, answer = self._log_in(body, root)
            headers.append(("X-Subject-Token", _TOKEN))
        elif path in ("", "/v3"):
            status, answer = (200 if path else 300), _versions(root, is_list=not path)
        elif environ.get("HTTP_X_AUTH_TOKEN") != _TOKEN:
            status, answer = 401, _error(401)
        else:
            status, answer = self._dispatch(method, path, query, body, root)
        data = json.dumps(answer).encode()
        start(f"{status} X", [*headers, ("Content-Length", str(len(data)))])
        return [data]

    def _log_in(self, body: Any, root: str) -> Answer:
        given = body["auth"]["identity"]["password"]["user"]
        if (given["name"], given["password"]) != (USER, PASSWORD):
            return 401, _error(401)
        endpoint = {"id": "identity", "interface": "public", "region": REGION, "region_id": REGION}
        catalog = [
            {
                "type": "identity",
                "name": "keystone",
                "id": "identity-service",
                "endpoints": [{**endpoint, "url": f"{root}/v3"}],
            }
        ]
        return 201, {
            "token": {
                "methods": ["password"],
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "user": {"id": USER, "name": USER, "domain": {"id": "default", "name": "Default"}},
                "system": {"all": True},
                "roles": [{"id": "admin", "name": "admin"}],
                "catalog": catalog,
            }
        }

    def _dispatch(
        self, method: str, path: str, query: Mapping[str, str], body: Any, root: str
    ) -> Answer:
        match method, path:
            case "GET", "/v3/limits/model" if not self.model:
                return 403, _error(403)
            case "GET", "/v3/limits/model":
                return 200, {"model": {"name": self.model, "description": ""}}
            case "GET", "/v3/services":
                service = {"id": SERVICE, "type": "compute", "name": "nova", "enabled": True}
                fits = query.get("type", "compute") == "compute"
                return 200, {"services": [service] if fits else [], "links": {"next": None}}
            case "GET", "/v3/registered_limits":
                return 200, _page("registered_limits", self.registered, query)
            case "GET", "/v3/limits":
                return 200, _page("limits", self.of_projects, query)
            case "POST", "/v3/registered_limits":
                return self._create("registered_limits", self.registered, body)
            case "POST", "/v3/limits":
                return self._create("limits", self.of_projects, body)
        if re.fullmatch("/v3/regions/[^/]+", path):
            name = path.rpartition("/")[2]
            return (200, {"region": {"id": name}}) if name == REGION else (404, _error(404))
        if path in ("/v3/endpoints", f"/v3/endpoints/{ENDPOINT}"):
            endpoint = {
                "id": ENDPOINT,
                "service_id": SERVICE,
                "region_id": REGION,
                "interface": "public",
                "url": f"{root}/compute",
                "enabled": True,
            }
            if path == "/v3/endpoints":
                return 200, {"endpoints": [endpoint], "links": {"next": None}}
            return 200, {"endpoint": endpoint}
        return 404, _error(404)

    def _create(self, plural: str, rows: list[dict[str, Any]], body: Any) -> Answer:
        """All or none; a limit that is there is a conflict, and one of a project needs a registered one."""
        key = ["service_id", "region_id", "resource_name"] + ["project_id"] * (plural == "limits")
        made = []
        for given in body[plural]:
            row = {"region_id": None, "description": None, **given}
            if any(all(row[name] == other[name] for name in key) for other in rows):
                return 409, _error(409)
            if given.get("project_id") in self.unknown_projects:
                return 400, _error(400)
            if plural == "limits" and not any(
                all(row[name] == other[name] for name in key[:3]) for other in self.registered
            ):
                return 403, _error(403)
            made.append({"id": f"limit-{next(_NUMBER)}", **row})
        rows.extend(made)
        return 201, {plural: made}


def _page(plural: str, rows: Iterable[Mapping[str, Any]], query: Mapping[str, str]) -> Any:
    names = ("service_id", "region_id", "resource_name", "project_id")
    wanted = {name: query[name] for name in names if name in query}
    found = [row for row in rows if all(row.get(name) == wanted[name] for name in wanted)]
    return {plural: found, "links": {"next": None, "self": "", "previous": None}}


def _versions(root: str, *, is_list: bool) -> Any:
    version = {
        "id": "v3.14",
        "status": "stable",
        "updated": "2026-01-01T00:00:00Z",
        "links": [{"rel": "self", "href": f"{root}/v3/"}],
        "media-types": [],
    }
    return {"versions": {"values": [version]}} if is_list else {"version": version}


def _error(status: int) -> Any:
    return {"error": {"code": status, "title": "X", "message": f"fake Keystone says {status}"}}


def options(port: int) -> dict[str, Any]:
    """How a group of nova.conf logs in to the fake on this port of this machine."""
    return {
        "auth_type": "password",
        "auth_url": f"http://127.0.0.1:{port}",
        "username": USER,
        "password": PASSWORD,
        "user_domain_id": "default",
        "system_scope": "all",
    }
