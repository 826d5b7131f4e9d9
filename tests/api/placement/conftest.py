"""The real WSGI application over an SQLite file of its own for every test, with noauth2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import webob
from oslo_config import cfg

from groundwork import migrations
from groundwork.database import Database
from placement import conf as options
from placement.api.app import make_application
from placement.db.migrations import FOLDER
from placement.inventory import standard


class Client:
    """Speaks to the application as one caller; 1.39 unless a request says otherwise."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = "1.39",
        token: str | None = "admin",
        headers: dict[str, str] | None = None,
    ) -> webob.Response:
        request = webob.Request.blank(path, method=method)
        if token:
            request.headers["X-Auth-Token"] = token
        if version:
            request.headers["OpenStack-API-Version"] = f"placement {version}"
        if body is not None:
            request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.content_type = "application/json"
        for name, value in (headers or {}).items():
            request.headers[name] = value
        return request.get_response(self._application)

    def get(self, path: str, **more: Any) -> Any:
        """The body of a read that must succeed."""
        answer = self("GET", path, **more)
        assert answer.status_int == 200, answer.text
        return answer.json

    def provider(self, uuid: str, *, parent: str | None = None, **inventory: Any) -> str:
        """Make a provider with these inventories (a total, or a whole body); its uuid."""
        body = {"name": f"name-{uuid}", "uuid": uuid, "parent_provider_uuid": parent}
        assert self("POST", "/resource_providers", body).status_int == 200
        if inventory:
            offered = {
                name: one if isinstance(one, dict) else {"total": one}
                for name, one in inventory.items()
            }
            put = {"resource_provider_generation": 0, "inventories": offered}
            answer = self("PUT", f"/resource_providers/{uuid}/inventories", put)
            assert answer.status_int == 200, answer.text
        return uuid

    def generation(self, uuid: str) -> int:
        """The generation that a provider has now."""
        return int(self.get(f"/resource_providers/{uuid}")["generation"])

    def set_traits(self, uuid: str, *names: str) -> None:
        """Let a provider carry just these."""
        body = {"traits": list(names), "resource_provider_generation": self.generation(uuid)}
        assert self("PUT", f"/resource_providers/{uuid}/traits", body).status_int == 200

    def set_aggregates(self, uuid: str, *uuids: str) -> None:
        """Let a provider belong to just these."""
        body = {"aggregates": list(uuids), "resource_provider_generation": self.generation(uuid)}
        assert self("PUT", f"/resource_providers/{uuid}/aggregates", body).status_int == 200


def claim_body(shares: dict[str, dict[str, int]], generation: int | None = None) -> dict[str, Any]:
    """A body of PUT allocations at 1.39."""
    return {
        "allocations": {uuid: {"resources": amounts} for uuid, amounts in shares.items()},
        "project_id": "project",
        "user_id": "user",
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
    }


def error_of(answer: webob.Response) -> dict[str, Any]:
    """The one error in an answer."""
    (error,) = answer.json["errors"]
    assert error["status"] == answer.status_int
    return dict(error)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with the standard names, made once and copied for each test."""
    path = tmp_path_factory.mktemp("placement") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrations.upgrade(database, FOLDER)
    standard.sync(database)
    database.dispose()
    return path


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "placement.db"
    shutil.copy(template, path)
    made = Database(f"sqlite:///{path}")
    yield made
    made.dispose()


@pytest.fixture
def conf(tmp_path: Path) -> cfg.ConfigOpts:
    """Options as a file would give them; tests may override some before they ask for the client."""
    file = tmp_path / "placement.conf"
    file.write_text(
        "[placement_database]\nconnection = sqlite://\n[api]\nauth_strategy = noauth2\n"
    )
    conf = options.new()
    conf(["--config-file", str(file)], project="placement")
    return conf


@pytest.fixture
def client(conf: cfg.ConfigOpts, database: Database) -> Client:
    """Answers are checked against their declared schemas; one that breaks its schema is a 500."""
    return Client(make_application(conf, database, check_answers="error"))
