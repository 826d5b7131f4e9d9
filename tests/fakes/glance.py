"""A small Images API v2: images that exist from the start, to be shown and listed; also a program."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

#: The image that every deployment of the tests has.
TINY = "70a599e0-31e7-49b7-b260-868f441e862b"

StartResponse = Callable[..., Any]


def make_image(uuid: str, name: str, **more: Any) -> dict[str, Any]:
    """An active image of a thousand bytes, as Images API v2 shows it."""
    return {
        "id": uuid,
        "name": name,
        "status": "active",
        "visibility": "public",
        "owner": "6f70656e737461636b20342065766572",
        "size": 1000,
        "virtual_size": None,
        "min_disk": 0,
        "min_ram": 0,
        "disk_format": "raw",
        "container_format": "bare",
        "checksum": "d41d8cd98f00b204e9800998ecf8427e",
        "protected": False,
        "os_hidden": False,
        "tags": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "file": f"/v2/images/{uuid}/file",
        "self": f"/v2/images/{uuid}",
        "schema": "/v2/schemas/image",
        **more,
    }


class FakeGlance:
    """A WSGI application. Any token will do, but there has to be one."""

    def __init__(self, images: Iterable[Mapping[str, Any]]) -> None:
        self._images = {image["id"]: dict(image) for image in images}

    def __call__(
        self, environ: Mapping[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"].rstrip("/")
        if environ["REQUEST_METHOD"] != "GET":
            return _answer(start_response, "405 Method Not Allowed", {})
        if path in ("", "/versions"):
            return _answer(start_response, "300 Multiple Choices", _versions(environ))
        if not environ.get("HTTP_X_AUTH_TOKEN"):
            return _answer(start_response, "401 Unauthorized", {})
        if path == "/v2/images":
            return _answer(start_response, "200 OK", self._page(environ.get("QUERY_STRING", "")))
        image = self._images.get(path.removeprefix("/v2/images/"))
        if image is None:
            return _answer(start_response, "404 Not Found", {})
        return _answer(start_response, "200 OK", image)

    def _page(self, query: str) -> dict[str, Any]:
        """The images with the wanted name, all when none is wanted, on one page."""
        wanted = parse_qs(query).get("name")
        found = [image for image in self._images.values() if not wanted or image["name"] in wanted]
        return {"images": found, "first": "/v2/images", "schema": "/v2/schemas/images"}


def _versions(environ: Mapping[str, Any]) -> dict[str, Any]:
    href = f"http://{environ['HTTP_HOST']}/v2/"
    links = [{"rel": "self", "href": href}]
    return {"versions": [{"id": "v2.15", "status": "CURRENT", "links": links}]}


def _answer(start_response: StartResponse, status: str, body: Any) -> Iterable[bytes]:
    data = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    start_response(status, headers)
    return [data]


def main() -> None:
    """Serve one small image until TERM."""
    from groundwork.serving import HttpServer, wait_for_signals

    parser = argparse.ArgumentParser(description="Serves one small image.")
    parser.add_argument("--port", type=int, required=True)
    server = HttpServer(
        FakeGlance([make_image(TINY, "tiny")]),
        host="127.0.0.1",
        port=parser.parse_args().port,
        threads=4,
        port_option="--port",
    )
    server.start()
    wait_for_signals()
    server.stop()


if __name__ == "__main__":
    main()
