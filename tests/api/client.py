"""The Compute API as a client sees it: the real WSGI pipeline (noauth2) over one API database on SQLite."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import webob
from oslo_config import cfg

import nova.conf
from groundwork.context import RequestContext
from groundwork.database import Database
from groundwork.wsgi import WsgiApp
from nova.api import app
from nova.api.compute.flavors.access import FlavorAccess
from nova.api.compute.flavors.extra_specs import FlavorExtraSpecs
from nova.api.compute.flavors.operations import Flavors
from nova.api.compute.keypairs.operations import Keypairs
from nova.api.links import Links
from nova.api.paging import Paging

PROJECT = "6f70656e737461636b20342065766572"
OTHER_PROJECT = "0123456789abcdef0123456789abcdef"
ADMIN = f"admin:{PROJECT}"
USER = f"fake:{PROJECT}"
READER = f"watcher:{PROJECT}:reader"
STRANGER = f"stranger:{OTHER_PROJECT}"

#: The project that the identity service says does not exist.
UNKNOWN_PROJECT = "unknown_project"


class FixedLimits:
    """Every user may have ``key_pairs_limit`` key pairs."""

    def __init__(self) -> None:
        self.key_pairs_limit = 100

    def key_pairs(self, project_id: str, user_id: str, /) -> int:
        return self.key_pairs_limit


def project_exists(context: RequestContext, project_id: str) -> bool:
    """Stands for the identity service."""
    return project_id != UNKNOWN_PROJECT


def read_conf(**api_options: Any) -> cfg.ConfigOpts:
    """A configuration for noauth2, with strict answers; ``api_options`` belong to ``[api]``."""
    conf = nova.conf.new()
    conf([], project="nova", default_config_files=[], default_config_dirs=[])
    options = {"auth_strategy": "noauth2", "response_validation": "error", **api_options}
    for name, value in options.items():
        conf.set_override(name, value, group="api")
    return conf


class Api:
    """Asks the service; more ``resources`` stand beside those of flavors and key pairs."""

    def __init__(
        self,
        database: Database,
        *,
        resources: Iterable[object] = (),
        conf: cfg.ConfigOpts | None = None,
    ) -> None:
        self.database = database
        self.limits = FixedLimits()
        conf = conf or read_conf()
        links = Links(compute_link_prefix=conf.api.compute_link_prefix)
        paging = Paging(max_limit=conf.api.max_limit)
        self.application: WsgiApp = app.make(
            conf,
            [
                Flavors(database=database, links=links, paging=paging),
                FlavorExtraSpecs(database=database),
                FlavorAccess(database=database, project_exists=project_exists),
                Keypairs(database=database, limits=self.limits, links=links, paging=paging),
                *resources,
            ],
        )

    def raw(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> webob.Response:
        """Ask for a path as it stands."""
        request = webob.Request.blank(url, base_url="http://openstack.example.com", method=method)
        request.headers.update(headers or {})
        if token is not None:
            request.headers["X-Auth-Token"] = token
        if body:
            request.body = body
        return request.get_response(self.application)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = "2.1",
        token: str = ADMIN,
        status: int | None = None,
        mount: str = "/v2.1",
    ) -> webob.Response:
        """Ask below ``/v2.1``; ``status`` is what must come back."""
        headers = {"Accept": "application/json"}
        if version is not None:
            headers["OpenStack-API-Version"] = f"compute {version}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = self.raw(
            method,
            f"{mount}{path}",
            token=token,
            headers=headers,
            body=b"" if body is None else json.dumps(body).encode(),
        )
        if status is not None:
            assert answer.status_int == status, answer.text
        return answer

    def get(self, path: str, **how: Any) -> Any:
        """The JSON of a 200."""
        return self("GET", path, status=200, **how).json

    def refused(self, status: int, key: str, method: str, path: str, *body: Any, **how: Any) -> str:
        """The text of an error of this status, whose body has this key."""
        answer = self(method, path, *body, status=status, **how)
        assert list(answer.json) == [key]
        assert answer.json[key]["code"] == status
        return str(answer.json[key]["message"])


MakeApi = Callable[..., Api]
