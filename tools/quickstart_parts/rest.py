"""HTTP with JSON and a token: enough of a client to seed a cloud and look at it."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from quickstart_parts.failure import Failure

# Everything is on this machine; what takes longer hangs.
TIMEOUT_S = 30.0


class Refused(Failure):
    """A service answered, but not with success; ``status`` is what it said."""

    def __init__(self, sentence: str, *, url: str, status: int) -> None:
        super().__init__(sentence)
        self.url = url
        self.status = status


class Unanswered(Failure):
    """Nobody listens at ``url``, or the connection ended without an answer."""

    def __init__(self, sentence: str, *, url: str) -> None:
        super().__init__(sentence)
        self.url = url


class Rest:
    """Requests of one user to any service."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token
        # The neighbours are on loopback: a proxy of the environment must not see them.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, url: str, **headers: str) -> Any:
        """The JSON value at ``url``."""
        return self.send("GET", url, **headers)

    def post(self, url: str, body: Any, **headers: str) -> Any:
        """The answer to a JSON value sent to ``url``."""
        return self.send("POST", url, body, **headers)

    def send(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        """The answer to any request: a JSON value, or None when it is empty or something else.

        ``body`` is a JSON value, or bytes that are sent as they are; underscores in header names become
        hyphens.

        :raises Refused: the service answered with an error.
        :raises Unanswered: nobody did.
        """
        return self._open(method, url, body, headers)[1]

    def password_token(self, identity_url: str, *, user: str, password: str, project: str) -> str:
        """A token of ``user`` for ``project``, both of the default domain."""
        domain = {"domain": {"id": "default"}}
        person = {"user": {"name": user, "password": password, **domain}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": person},
                "scope": {"project": {"name": project, **domain}},
            }
        }
        headers, _ = self._open("POST", f"{identity_url}/auth/tokens", body, {})
        return str(headers["x-subject-token"])

    def _open(
        self, method: str, url: str, body: Any, extra: dict[str, str]
    ) -> tuple[dict[str, str], Any]:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["X-Auth-Token"] = self._token
        if body is not None:
            raw = isinstance(body, bytes)
            headers["Content-Type"] = "application/octet-stream" if raw else "application/json"
            body = body if raw else json.dumps(body).encode()
        headers |= {name.replace("_", "-"): value for name, value in extra.items()}
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                told = {name.lower(): value for name, value in answer.headers.items()}
                return told, _json_or_none(answer.read())
        except urllib.error.HTTPError as exc:
            reason = exc.read()[:300].decode(errors="replace").replace("\n", " ")
            raise Refused(
                f"{method} {url} was answered with {exc.code}: {reason}", url=url, status=exc.code
            ) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise Unanswered(f"{method} {url} was not answered ({exc})", url=url) from exc


def _json_or_none(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
