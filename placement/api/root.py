"""The version document, and the description of the API that the service gives of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from groundwork.operations import Answer, Call, operation
from placement.api import shapes
from placement.api.answers import shown
from placement.api.microversion import NEWEST, OLDEST

_VERSIONS = shapes.body(
    {
        "versions": {
            "type": "array",
            "items": shapes.body(
                {
                    "id": shapes.TEXT,
                    "max_version": shapes.TEXT,
                    "min_version": shapes.TEXT,
                    "status": shapes.TEXT,
                    "links": shapes.LINKS,
                }
            ),
        }
    }
)


class Root:
    """``/`` and ``/openapi.json``; both need no token."""

    def __init__(self, *, describe: Callable[[], dict[str, Any]]) -> None:
        """``describe`` gives the OpenAPI document; it is asked at each request, since it knows all operations."""
        self._describe = describe

    @operation("GET", "/", versions="1.0-", policy=None, response=_VERSIONS)
    def versions(self, call: Call) -> Answer:
        """Tell which versions are offered."""
        offered = {
            "id": f"v{OLDEST}",
            "max_version": str(NEWEST),
            "min_version": str(OLDEST),
            "status": "CURRENT",
            "links": [{"rel": "self", "href": ""}],
        }
        return shown(call, {"versions": [offered]})

    @operation("GET", "/openapi.json", versions="1.0-", policy=None, response={"type": "object"})
    def openapi(self, call: Call) -> Answer:
        """Describe all operations as an OpenAPI document."""
        return shown(call, self._describe())
