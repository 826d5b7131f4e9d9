"""The requests session below keystoneauth."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from os import environ
from typing import Any
from urllib.parse import urlsplit

import requests
from keystoneauth1.session import TCPKeepAliveAdapter
from requests.utils import get_environ_proxies

# Bytes of an answer's body that are read at a time. requests reads 10 KiB, and handing a megabyte on in such pieces
# takes as long as receiving it. More: memory, while an answer is read.
_CHUNK = 1 << 20


class _Response(requests.Response):
    """An answer whose body is read in large pieces."""

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Any:
        size = None if chunk_size is None else max(chunk_size, _CHUNK)
        return super().iter_content(size, decode_unicode)


class _Adapter(TCPKeepAliveAdapter):
    """As keystoneauth's, with answers as above."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """See requests."""
        answer = _Response()
        vars(answer).update(vars(super().build_response(req, resp)))
        return answer


class PooledSession(requests.Session):
    """Keep-alive connections for many threads, and the environment looked up once per server.

    requests reads proxy variables, the CA bundle and ``~/.netrc`` anew for each request, a quarter
    of the cost of a small call. Variables of a daemon do not change, so here they are looked up
    once per scheme and host; ``.netrc`` is not read, since credentials come from the configuration.
    """

    def __init__(self, *, pool_size: int) -> None:
        """:param pool_size: connections kept per server. Fewer than the threads that call at once:
        each call beyond them pays for a new connection. More: idle sockets.
        """
        super().__init__()
        self.trust_env = False
        self._seen: dict[tuple[str, str], tuple[Mapping[str, str], str | None]] = {}
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_maxsize=pool_size))

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: MutableMapping[str, str] | None,
        stream: bool | None,
        verify: bool | str | None,
        cert: Any,
    ) -> Any:
        """See requests; the environment's part comes from what was seen first."""
        url = url.decode() if isinstance(url, bytes) else url or ""
        found, bundle = self._environment(url)
        merged = super().merge_environment_settings(
            url, {**found, **(proxies or {})}, stream, verify, cert
        )
        if merged["verify"] is True and bundle:
            merged["verify"] = bundle
        return dict(merged)

    def _environment(self, url: str) -> tuple[Mapping[str, str], str | None]:
        server = urlsplit(url)[:2]
        if server not in self._seen:
            bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
            self._seen[server] = (get_environ_proxies(url, no_proxy=None), bundle)
        return self._seen[server]
