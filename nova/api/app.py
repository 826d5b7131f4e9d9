"""The Compute API as one WSGI application, laid out by ``api-paste.ini``.

:func:`make` is what entry points call. Everything else here is named in the paste file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg
from paste import deploy

from groundwork.application import Application
from groundwork.operations import Operation, declared_by
from groundwork.policy import Policy
from groundwork.starting import BadOption
from groundwork.wsgi import WsgiApp
from nova import policies
from nova.api.assembly import Assembly
from nova.api.compute.openapi.operations import OpenApi
from nova.api.compute.versions.operations import DocumentDialect, VersionDocuments, Versions
from nova.api.dialect import ComputeDialect, LegacyDialect
from nova.api.links import Links

LOG = logging.getLogger(__name__)

#: The layout that counts when the operator has no file of that name.
DEFAULT_LAYOUT = Path(__file__).with_name("api-paste.ini")
_LAYOUT_NAME = "api-paste.ini"


def make(
    conf: cfg.ConfigOpts, resources: Iterable[object], *, policy: Policy | None = None
) -> WsgiApp:
    """The whole API over these resource objects (the version documents and openapi.json are added here).

    ``policy`` is made from ``conf`` when none is given. ``conf`` must have been read.

    :raises BadOption: ``[wsgi] api_paste_config`` names a file that cannot be found.
    """
    assembly = Assembly(
        conf=conf,
        policy=policy or Policy(conf, policies.rules()),
        resources=tuple(resources),
        links=Links(
            compute_link_prefix=conf.api.compute_link_prefix,
            glance_link_prefix=conf.api.glance_link_prefix,
        ),
    )
    application: WsgiApp = deploy.loadapp(
        f"config:{find_layout(conf)}", name="osapi_compute", global_conf=assembly.global_conf()
    )
    return application


def find_layout(conf: cfg.ConfigOpts) -> Path:
    """The paste file: the operator's, or the one that comes with the package.

    :raises BadOption: the operator named a file of their own and it is not there.
    """
    named = conf.wsgi.api_paste_config
    found = conf.find_file(named)
    if found:
        return Path(found).resolve()
    if named != _LAYOUT_NAME:
        raise BadOption(f"option api_paste_config in group [wsgi]: file not found: {named}")
    LOG.debug("no %s in the configuration directories, using the packaged one", named)
    return DEFAULT_LAYOUT


class ByPath:
    """Composite: an exact path, or everything below one (``/v2.1/+``), goes to an application; ``/`` gets the rest.

    Below a path the application sees it as its mount point (``SCRIPT_NAME``); exact paths are handed on whole.
    """

    def __init__(self, applications: Mapping[str, WsgiApp]) -> None:
        self._rest = applications["/"]
        self._exact = {
            path: found for path, found in applications.items() if not path.endswith("/+")
        }
        self._below = {
            path.removesuffix("+"): found
            for path, found in applications.items()
            if path.endswith("/+")
        }

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        exact = self._exact.get(path)
        if exact is not None:
            return exact(environ, start_response)
        for prefix, application in self._below.items():
            if path.startswith(prefix) and path != prefix:
                mount = prefix.rstrip("/")
                environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + mount
                environ["PATH_INFO"] = path[len(mount) :]
                return application(environ, start_response)
        return self._rest(environ, start_response)


def by_path_factory(loader: Any, global_conf: Mapping[str, Any], **local_conf: str) -> WsgiApp:
    """Paste composite: ``<path> = <application>`` lines."""
    return ByPath(
        {path: loader.get_app(name, global_conf=global_conf) for path, name in local_conf.items()}
    )


def by_auth_strategy_factory(
    loader: Any, global_conf: Mapping[str, Any], **local_conf: str
) -> WsgiApp:
    """Paste composite: one pipeline per value of ``[api] auth_strategy``; only the chosen one is made."""
    strategy = Assembly.of(global_conf).conf.api.auth_strategy
    if strategy not in local_conf:
        raise BadOption(f"api-paste.ini has no pipeline for [api] auth_strategy = {strategy}")
    *filters, last = local_conf[strategy].split()
    application: WsgiApp = loader.get_app(last, global_conf=global_conf)
    for name in reversed(filters):
        application = loader.get_filter(name, global_conf=global_conf)(application)
    return application


def compute_v21_factory(global_conf: Mapping[str, Any], **local_conf: str) -> WsgiApp:
    """``/v2.1``: microversions, strict bodies."""
    assembly = Assembly.of(global_conf)
    return Application(
        (*assembly.resources, Versions(links=assembly.links)),
        dialect=ComputeDialect(),
        policy=assembly.policy,
        check_answers=assembly.conf.api.response_validation,
        version_prefix="/v2.1",
    )


def compute_v2_factory(global_conf: Mapping[str, Any], **local_conf: str) -> WsgiApp:
    """``/v2``: the behaviour of 2.1 with loose bodies."""
    assembly = Assembly.of(global_conf)
    return Application(
        (*assembly.resources, Versions(links=assembly.links)),
        dialect=LegacyDialect(),
        policy=assembly.policy,
        check_answers=assembly.conf.api.response_validation,
        version_prefix="/v2",
    )


def documents_factory(global_conf: Mapping[str, Any], **local_conf: str) -> WsgiApp:
    """What needs no token: the version documents, openapi.json, and the choices for any other path."""
    assembly = Assembly.of(global_conf)
    documents = VersionDocuments(links=assembly.links)
    described = (*assembly.resources, Versions(links=assembly.links))
    return Application(
        (documents, OpenApi(operations=_operations(described))),
        dialect=DocumentDialect(documents),
        policy=assembly.policy,
        check_answers=assembly.conf.api.response_validation,
    )


def _operations(resources: Iterable[object]) -> tuple[Operation, ...]:
    found = [declared for resource in resources for declared, _ in declared_by(resource)]
    return tuple(sorted(found, key=lambda o: (o.path, o.method, o.action or "", o.versions.first)))
