"""``/resource_providers/{uuid}/aggregates``."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Answer, Call, operation
from groundwork.validation import Validator
from groundwork.versions import by_version
from placement.api import complaints, shapes
from placement.api.answers import shown, written
from placement.api.microversion import since
from placement.inventory.aggregates import Aggregates, Membership
from placement.uuids import canonical

_PATH = "/resource_providers/{uuid}/aggregates"
_POLICY = "placement:resource_providers:aggregates:"
_UUIDS = {"type": "array", "items": shapes.UUID, "uniqueItems": True}
_WITH_GENERATION = shapes.body(
    {"aggregates": _UUIDS, "resource_provider_generation": shapes.GENERATION}
)
_OLD_BODY, _BODY = Validator(_UUIDS), Validator(_WITH_GENERATION)
_SHOWN = by_version({"1.1": shapes.body({"aggregates": _UUIDS}), "1.19": _WITH_GENERATION})


class AggregateOperations:
    """The aggregates of a provider."""

    def __init__(self, *, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    @operation(
        "GET",
        _PATH,
        versions="1.1-",
        policy=f"{_POLICY}list",
        query=shapes.NO_QUERY,
        response=_SHOWN,
        errors=(403, 404, 406),
    )
    def show(self, call: Call) -> Answer:
        """List the aggregates that a provider belongs to."""
        return shown(call, _show(call, self._aggregates.show(call.path["uuid"])))

    @operation(
        "PUT",
        _PATH,
        versions="1.1-1.18",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        body=by_version({"1.1": shapes.checked_late(_UUIDS)}),
        response=_SHOWN,
        errors=(400, 403, 404, 409, 415),
    )
    def replace_unguarded(self, call: Call) -> Answer:
        """Replace the aggregates of a provider, whatever its generation."""
        self._require_body(call, _OLD_BODY)
        uuids = _canonical(call.body)
        return written(
            call, _show(call, self._aggregates.replace(call.path["uuid"], uuids, generation=None))
        )

    @operation(
        "PUT",
        _PATH,
        versions="1.19-",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        body=by_version({"1.19": shapes.checked_late(_WITH_GENERATION)}),
        response=_SHOWN,
        errors=(400, 403, 404, 409, 415),
    )
    def replace(self, call: Call) -> Answer:
        """Replace the aggregates of a provider."""
        self._require_body(call, _BODY)
        generation = int(call.body["resource_provider_generation"])
        uuids = _canonical(call.body["aggregates"])
        return written(
            call,
            _show(call, self._aggregates.replace(call.path["uuid"], uuids, generation=generation)),
        )

    def _require_body(self, call: Call, validator: Validator) -> None:
        """:raises NotFound: a provider that does not exist is told before what is wrong with the body.

        Which aggregates a body means was once said in another form, so clients that send the wrong one are likely.
        """
        complaint = validator.complaint(call.body)
        if complaint is not None:
            self._aggregates.show(call.path["uuid"])
            raise complaints.bad_body(complaint)


def _canonical(texts: list[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(uuid for text in texts if (uuid := canonical(text)) is not None))


def _show(call: Call, found: Membership) -> dict[str, Any]:
    body: dict[str, Any] = {"aggregates": list(found.aggregates)}
    if since(call, 19):
        body["resource_provider_generation"] = found.generation
    return body
