"""Which server is asking: told by the network service's proxy and proven by a signature."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.errors import Forbidden, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Asker:
    """The server that asks and the project that the proxy says it belongs to."""

    server_uuid: str
    project_id: str


class ProxyIdentity:
    """Trust in the proxy of the network service, as ``[neutron]`` describes it."""

    def __init__(self, *, service_metadata_proxy: bool, shared_secret: str) -> None:
        self._enabled = service_metadata_proxy
        self._secret = shared_secret.encode()

    def of(self, headers: Mapping[str, str]) -> Asker:
        """The server behind a request.

        :raises NotFound: no proxy is configured, so nobody can be told apart.
        :raises Invalid: a header is missing.
        :raises Forbidden: the signature is not that of the secret.
        """
        if not self._enabled:
            raise NotFound(
                "No metadata is available.",
                internal="[neutron] service_metadata_proxy is off: guests cannot be told apart",
            )
        server_uuid = _single(headers, "X-Instance-ID")
        project_id = _single(headers, "X-Tenant-ID")
        signature = headers.get("X-Instance-ID-Signature", "")
        expected = hmac.new(self._secret, server_uuid.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise Forbidden(
                "Invalid proxy request signature.",
                internal=f"server {server_uuid}: metadata_proxy_shared_secret differs from the proxy's?",
            )
        return Asker(server_uuid, project_id)


def _single(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise Invalid(f"{name} header is missing from request.")
    # A guest may send the header itself; proxies append theirs, and WSGI servers join both with a comma.
    if "," in value:
        raise Invalid(f"Multiple {name} headers found within request.")
    return value
