"""The OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from groundwork.openapi import document
from groundwork.operations import Answer, Call, Operation, operation
from nova.api.dialect import MAX_VERSION, VERSION_HEADER


class OpenApi:
    """Describes the declared operations of the service."""

    def __init__(self, *, operations: Iterable[Operation]) -> None:
        # Made once: the operations of a running service do not change.
        self._document = msgspec.json.encode(
            document(
                operations,
                title="OpenStack Compute API",
                newest=MAX_VERSION,
                version_header=f"{VERSION_HEADER}: compute X.Y, 2.1 when it is left out",
                server_path="/v2.1",
            )
        )

    @operation("GET", "/v2.1/openapi.json", versions="2.1-", policy=None)
    def show(self, call: Call) -> Answer:
        """The OpenAPI 3.1 document of this service."""
        return Answer(self._document)
