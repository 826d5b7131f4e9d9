"""Paste factories of the filters around the API: oslo.middleware's, fed from this service's own configuration.

oslo.middleware's own factories would read a process-wide configuration object, which does not exist here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from oslo_middleware import cors, sizelimit

from groundwork.proxy import behind_proxy
from groundwork.request_ids import RequestIds
from groundwork.wsgi import WsgiApp
from nova.api import errors
from nova.api.assembly import Assembly, Filter
from nova.api.dialect import OLD_VERSION_HEADER, VERSION_HEADER


class ReadableUrl:
    """Refuses URLs that name nothing: bytes that are no UTF-8, and NUL, which no database takes as text."""

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if _is_readable(environ):
            return self._application(environ, start_response)
        refusal = errors.fault(400, "Malformed request URL: it holds bytes that are no text.")
        return refusal(environ, start_response)


def _is_readable(environ: Mapping[str, Any]) -> bool:
    try:
        # WSGI carries the bytes of the path as Latin-1.
        path = environ.get("PATH_INFO", "").encode("latin-1").decode()
        query = unquote(environ.get("QUERY_STRING", ""), errors="strict")
    except UnicodeError:
        return False
    return "\0" not in path and "\0" not in query


class SizeLimit(sizelimit.RequestBodySizeLimiter):  # type: ignore[misc]
    """Refuses bodies above ``[oslo_middleware] max_request_body_size`` in Compute's own words."""

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        limit_bytes = self._conf_get("max_request_body_size")
        announced = environ.get("CONTENT_LENGTH") or "0"
        if announced.isdigit() and int(announced) > limit_bytes:
            refusal = errors.fault(413, f"The request body is larger than {limit_bytes} bytes.")
            return refusal(environ, start_response)
        # Without a length the reader is wrapped; the dialect tells what it raises.
        return super().__call__(environ, start_response)  # type: ignore[no-any-return]


def request_id_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """Request ids, told under both header names that clients look for (Compute API 2.46)."""
    return lambda application: RequestIds(application, more_headers=["x-compute-request-id"])


class SchemeHeader:
    """Believes one header about the scheme that the client used (``[wsgi] secure_proxy_ssl_header``)."""

    def __init__(self, application: WsgiApp, *, header: str) -> None:
        self._application = application
        self._header = header

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        scheme = environ.get(self._header)
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        return self._application(environ, start_response)


def readable_url_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """URLs that can be read."""
    return ReadableUrl


def http_proxy_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """The client's own view of host, scheme and prefix, when ``enable_proxy_headers_parsing`` trusts the proxy."""
    conf = Assembly.of(global_conf).conf
    header = conf.wsgi.secure_proxy_ssl_header

    def wrap(application: WsgiApp) -> WsgiApp:
        inner = SchemeHeader(application, header=header) if header else application
        return behind_proxy(inner, conf)

    return wrap


def size_limit_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """The largest request body."""
    conf = Assembly.of(global_conf).conf
    return lambda application: SizeLimit(application, conf)


def cors_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """Answers to browsers of other origins (``[cors]``)."""
    conf = Assembly.of(global_conf).conf
    conf.register_opts(cors.OPTS, group="cors")
    conf.set_default(
        "allow_headers",
        [
            "X-Auth-Token",
            "X-Openstack-Request-Id",
            "X-Identity-Status",
            "X-Roles",
            "X-Service-Catalog",
            "X-User-Id",
            "X-Tenant-Id",
            VERSION_HEADER,
            OLD_VERSION_HEADER,
        ],
        group="cors",
    )
    conf.set_default(
        "expose_headers",
        [
            "X-Auth-Token",
            "X-Openstack-Request-Id",
            "X-Compute-Request-Id",
            "X-Subject-Token",
            "X-Service-Token",
            VERSION_HEADER,
            OLD_VERSION_HEADER,
        ],
        group="cors",
    )
    conf.set_default("allow_methods", ["GET", "PUT", "POST", "DELETE", "PATCH"], group="cors")

    def wrap(application: WsgiApp) -> WsgiApp:
        # Where no other origin is allowed the layer would do nothing, for a tenth of a short request's time.
        crossing: WsgiApp = cors.CORS(application, conf)
        return crossing if conf.cors.allowed_origin else application

    return wrap
