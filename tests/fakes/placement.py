"""A small Placement, kept in dictionaries, behind the REST API as documented (1.39 only).

It knows providers, inventories, traits, aggregates, allocations and usages with their generations. It does not search
candidates: tests of those use recorded answers, or the real service.
"""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter

STANDARD_CLASSES = {"VCPU", "MEMORY_MB", "DISK_GB", "NUMA_CORE", "PCPU"}
STANDARD_TRAITS = {
    "COMPUTE_NODE",
    "COMPUTE_STATUS_DISABLED",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "HW_NUMA_ROOT",
    "MISC_SHARES_VIA_AGGREGATE",
}
INVENTORY = {
    "reserved": 0,
    "min_unit": 1,
    "max_unit": 2147483647,
    "step_size": 1,
    "allocation_ratio": 1.0,
}


class Refusal(Exception):
    def __init__(self, status: int, code: str = "placement.undefined_code", detail: str = ""):
        self.status, self.code, self.detail = status, code, detail


@dataclass
class Provider:
    uuid: str
    name: str
    parent: str | None
    generation: int = 0
    inventories: dict[str, dict[str, Any]] = field(default_factory=dict)
    traits: set[str] = field(default_factory=set)
    aggregates: set[str] = field(default_factory=set)


class FakePlacement:
    """A WSGI application. ``requests`` lists (method, path) of what was asked; ``interfere`` runs before each."""

    def __init__(self) -> None:
        self.providers: dict[str, Provider] = {}
        self.consumers: dict[str, dict[str, Any]] = {}
        self.custom: dict[str, set[str]] = {"traits": set(), "resource_classes": set()}
        self.requests: list[tuple[str, str]] = []
        self.interfere: Callable[[str, str], None] = lambda method, path: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])
        self.interfere(method, path)
        self.requests.append((method, path))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else None
        query = {k: v[-1] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            if environ.get("HTTP_OPENSTACK_API_VERSION") != "placement 1.39":
                raise Refusal(406, detail="this fake speaks 1.39 only")
            status, answer = self._dispatch(method, path, query, body)
        except Refusal as refusal:
            error = {"status": refusal.status, "code": refusal.code, "detail": refusal.detail}
            status, answer = refusal.status, {"errors": [error]}
        content = b"" if answer is None else json.dumps(answer).encode()
        start_response(f"{status} X", [("Content-Type", "application/json")])
        return [content]

    def _dispatch(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        for pattern, name in _ROUTES:
            if found := re.fullmatch(pattern, path):
                handler = getattr(self, f"{method.lower()}_{name}", None)
                if handler is None:
                    raise Refusal(405)
                return handler(
                    *found.groups(),
                    **({"query": query} if method == "GET" else {}),
                    **({"body": body} if body is not None else {}),
                )
        raise Refusal(404)

    # Providers.

    def get_providers(self, query: dict[str, str]) -> Any:
        found = list(self.providers.values())
        if tree := query.get("in_tree"):
            found = [
                p
                for p in found
                if tree in self.providers and self.root(p) == self.root(self.providers[tree])
            ]
        if name := query.get("name"):
            found = [p for p in found if p.name == name]
        for trait in filter(None, query.get("required", "").split(",")):
            if trait not in STANDARD_TRAITS | self.custom["traits"]:
                raise Refusal(400, detail=f"no such trait {trait}")
            found = [p for p in found if trait in p.traits]
        for wanted in filter(None, query.get("resources", "").split(",")):
            name, amount = wanted.split(":")
            found = [p for p in found if self.free(p, name) >= int(amount)]
        if member_of := query.get("member_of"):
            found = [
                p for p in found if p.aggregates & set(member_of.removeprefix("in:").split(","))
            ]
        return 200, {"resource_providers": [self.shown(p) for p in found]}

    def post_providers(self, body: Any) -> Any:
        if body["uuid"] in self.providers or self.named(body["name"]):
            raise Refusal(409, "placement.duplicate_name")
        parent = body.get("parent_provider_uuid")
        if parent is not None and parent not in self.providers:
            raise Refusal(400, detail="no such parent")
        self.providers[body["uuid"]] = Provider(body["uuid"], body["name"], parent)
        return 200, self.shown(self.providers[body["uuid"]])

    def get_provider(self, uuid: str, query: dict[str, str]) -> Any:
        return 200, self.shown(self.find(uuid))

    def put_provider(self, uuid: str, body: Any) -> Any:
        provider = self.find(uuid)
        if self.named(body["name"]) not in (None, provider):
            raise Refusal(409, "placement.duplicate_name")
        provider.name = body["name"]
        return 200, self.shown(provider)

    def delete_provider(self, uuid: str) -> Any:
        self.find(uuid)
        if any(p.parent == uuid for p in self.providers.values()):
            raise Refusal(409, "placement.resource_provider.cannot_delete_parent")
        if any(uuid in c["allocations"] for c in self.consumers.values()):
            raise Refusal(409, "placement.resource_provider.inuse")
        del self.providers[uuid]
        return 204, None

    # Their parts.

    def get_inventories(self, uuid: str, query: dict[str, str]) -> Any:
        provider = self.find(uuid)
        return 200, self.part(provider, "inventories", provider.inventories)

    def put_inventories(self, uuid: str, body: Any) -> Any:
        provider = self.at_generation(uuid, body)
        for name, given in body["inventories"].items():
            if name not in STANDARD_CLASSES | self.custom["resource_classes"]:
                raise Refusal(400, detail=f"no such class {name}")
            if given["total"] < 1 or given.get("reserved", 0) > given["total"]:
                raise Refusal(400, detail=f"bad inventory {given}")
        gone = set(provider.inventories) - set(body["inventories"])
        if any(self.used(provider, name) for name in gone):
            raise Refusal(409, "placement.inventory.inuse")
        provider.inventories = {n: INVENTORY | g for n, g in body["inventories"].items()}
        provider.generation += 1
        return 200, self.part(provider, "inventories", provider.inventories)

    def get_traits(self, uuid: str, query: dict[str, str]) -> Any:
        provider = self.find(uuid)
        return 200, self.part(provider, "traits", sorted(provider.traits))

    def put_traits(self, uuid: str, body: Any) -> Any:
        provider = self.at_generation(uuid, body)
        unknown = set(body["traits"]) - STANDARD_TRAITS - self.custom["traits"]
        if unknown:
            raise Refusal(400, detail=f"no such traits {unknown}")
        provider.generation += provider.traits != set(body["traits"])
        provider.traits = set(body["traits"])
        return 200, self.part(provider, "traits", sorted(provider.traits))

    def get_aggregates(self, uuid: str, query: dict[str, str]) -> Any:
        provider = self.find(uuid)
        return 200, self.part(provider, "aggregates", sorted(provider.aggregates))

    def put_aggregates(self, uuid: str, body: Any) -> Any:
        provider = self.at_generation(uuid, body)
        provider.aggregates = set(body["aggregates"])
        provider.generation += 1
        return 200, self.part(provider, "aggregates", sorted(provider.aggregates))

    def put_name(self, collection: str, name: str) -> Any:
        if not re.fullmatch("CUSTOM_[A-Z0-9_]+", name):
            raise Refusal(400)
        was_there = name in self.custom[collection]
        self.custom[collection].add(name)
        return (204 if was_there else 201), None

    # Allocations.

    def get_allocations(self, consumer: str, query: dict[str, str]) -> Any:
        held = self.consumers.get(consumer)
        if held is None:
            return 200, {"allocations": {}}
        return 200, {
            **held,
            "allocations": {
                uuid: {"resources": on, "generation": self.providers[uuid].generation}
                for uuid, on in held["allocations"].items()
            },
        }

    def get_holders(self, uuid: str, query: dict[str, str]) -> Any:
        provider = self.find(uuid)
        held = {
            consumer: {
                "resources": each["allocations"][uuid],
                "consumer_generation": each["consumer_generation"],
            }
            for consumer, each in self.consumers.items()
            if uuid in each["allocations"]
        }
        return 200, self.part(provider, "allocations", held)

    def put_allocations(self, consumer: str, body: Any) -> Any:
        held = self.consumers.get(consumer)
        if body["consumer_generation"] != (held["consumer_generation"] if held else None):
            raise Refusal(409, "placement.concurrent_update")
        before = self.consumers.pop(consumer, None)
        touched = set(body["allocations"]) | set(before["allocations"] if before else ())
        try:
            for uuid, on in body["allocations"].items():
                if uuid not in self.providers:
                    raise Refusal(400, detail="no such provider")
                for name, amount in on["resources"].items():
                    if amount > self.free(self.providers[uuid], name):
                        raise Refusal(409, detail="no room")
        except Refusal:
            if before:
                self.consumers[consumer] = before
            raise
        for uuid in touched:
            self.providers[uuid].generation += 1
        if body["allocations"]:
            self.consumers[consumer] = {
                "allocations": {u: on["resources"] for u, on in body["allocations"].items()},
                "project_id": body["project_id"],
                "user_id": body["user_id"],
                "consumer_type": body["consumer_type"],
                "consumer_generation": (before["consumer_generation"] if before else 0) + 1,
            }
        return 204, None

    def delete_allocations(self, consumer: str) -> Any:
        if self.consumers.pop(consumer, None) is None:
            raise Refusal(404)
        return 204, None

    def get_usages(self, query: dict[str, str]) -> Any:
        usages: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for held in self.consumers.values():
            if held["project_id"] != query["project_id"]:
                continue
            if held["user_id"] != query.get("user_id", held["user_id"]):
                continue
            usage = usages[held["consumer_type"]]
            usage["consumer_count"] += 1
            for on in held["allocations"].values():
                for name, amount in on.items():
                    usage[name] += amount
        return 200, {"usages": usages}

    # Looking things up.

    def find(self, uuid: str) -> Provider:
        if uuid not in self.providers:
            raise Refusal(404)
        return self.providers[uuid]

    def named(self, name: str) -> Provider | None:
        return next((p for p in self.providers.values() if p.name == name), None)

    def at_generation(self, uuid: str, body: Any) -> Provider:
        provider = self.find(uuid)
        if body["resource_provider_generation"] != provider.generation:
            raise Refusal(409, "placement.concurrent_update")
        return provider

    def root(self, provider: Provider) -> str:
        while provider.parent:
            provider = self.providers[provider.parent]
        return provider.uuid

    def used(self, provider: Provider, name: str) -> int:
        held = (c["allocations"].get(provider.uuid, {}) for c in self.consumers.values())
        return sum(on.get(name, 0) for on in held)

    def free(self, provider: Provider, name: str) -> float:
        has = provider.inventories.get(name)
        if has is None:
            return -1
        capacity = (has["total"] - has["reserved"]) * has["allocation_ratio"]
        return capacity - self.used(provider, name)

    def shown(self, provider: Provider) -> dict[str, Any]:
        return {
            "uuid": provider.uuid,
            "name": provider.name,
            "generation": provider.generation,
            "parent_provider_uuid": provider.parent,
            "root_provider_uuid": self.root(provider),
            "links": [],
        }

    def part(self, provider: Provider, name: str, value: Any) -> dict[str, Any]:
        return {name: value, "resource_provider_generation": provider.generation}


_ROUTES = [
    ("/resource_providers", "providers"),
    ("/resource_providers/([^/]+)", "provider"),
    ("/resource_providers/([^/]+)/inventories", "inventories"),
    ("/resource_providers/([^/]+)/traits", "traits"),
    ("/resource_providers/([^/]+)/aggregates", "aggregates"),
    ("/resource_providers/([^/]+)/allocations", "holders"),
    ("/(traits|resource_classes)/([^/]+)", "name"),
    ("/allocations/([^/]+)", "allocations"),
    ("/usages", "usages"),
]


class WsgiTransport(BaseAdapter):
    """Lets requests talk to a WSGI application in this process; to be mounted on a requests session."""

    def __init__(self, application: Any) -> None:
        super().__init__()
        self._application = application

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url)
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "SERVER_NAME": parts.hostname,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(content)),
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "wsgi.input": io.BytesIO(content),
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
        }
        for name, value in request.headers.items():
            text = value.decode() if isinstance(value, bytes) else value
            environ["HTTP_" + name.upper().replace("-", "_")] = text
        answer = requests.Response()
        answer.request, answer.url = request, request.url

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> None:
            answer.status_code = int(status.split()[0])
            answer.headers.update(headers)

        answer._content = b"".join(self._application(environ, start_response))
        return answer

    def close(self) -> None:
        """Nothing is open."""
