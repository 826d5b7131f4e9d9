"""``/usages`` and ``/resource_providers/{uuid}/usages``."""

from __future__ import annotations

from groundwork.operations import Answer, Call, operation
from groundwork.versions import by_version
from placement.allocations.reading import ALL_TYPES, UNKNOWN_TYPE, Holdings
from placement.api import shapes
from placement.api.answers import shown
from placement.api.microversion import since
from placement.records import Owner

_POLICY = "placement:usages"
_ID = {**shapes.TEXT, "minLength": 1, "maxLength": 255}
_TYPE = {
    "anyOf": [
        {"type": "string", "pattern": shapes.NAME, "minLength": 1, "maxLength": 255},
        {"enum": [ALL_TYPES, UNKNOWN_TYPE]},
    ]
}
_OWNER = {"project_id": _ID, "user_id": _ID}
_SEARCH = by_version(
    {
        "1.9": shapes.query(_OWNER, required=["project_id"]),
        "1.38": shapes.query({**_OWNER, "consumer_type": _TYPE}, required=["project_id"]),
    }
)
_BY_CLASS = shapes.body({"usages": shapes.COUNTS})
_BY_TYPE = shapes.body({"usages": {"type": "object", "additionalProperties": shapes.COUNTS}})
_OF_PROVIDER = shapes.body(
    {"resource_provider_generation": shapes.GENERATION, "usages": shapes.COUNTS}
)


class UsageOperations:
    """What is used, by project and at a provider."""

    def __init__(self, *, holdings: Holdings) -> None:
        self._holdings = holdings

    @operation(
        "GET",
        "/usages",
        versions="1.9-",
        policy=_POLICY,
        query=_SEARCH,
        response=by_version({"1.9": _BY_CLASS, "1.38": _BY_TYPE}),
        errors=(400, 403, 406),
    )
    def of_project(self, call: Call) -> Answer:
        """Sum up what a project, or one of its users, holds."""
        owner = Owner(call.query["project_id"], call.query.get("user_id"))
        # Readers may ask for their own project only; the rule was asked about the caller's before the query was read.
        call.authorize(_POLICY, {"project_id": owner.project_id})
        if not since(call, 38):
            return shown(call, {"usages": self._holdings.usage_of_owner(owner)})
        found = self._holdings.usage_by_type(owner, call.query.get("consumer_type"))
        groups = {
            kind: {"consumer_count": usage.consumer_count, **usage.usages}
            for kind, usage in found.items()
        }
        return shown(call, {"usages": groups})

    @operation(
        "GET",
        "/resource_providers/{uuid}/usages",
        versions="1.0-",
        policy="placement:resource_providers:usages",
        query=shapes.NO_QUERY,
        response=_OF_PROVIDER,
        errors=(403, 404, 406),
    )
    def of_provider(self, call: Call) -> Answer:
        """Sum up what is held at a provider."""
        found = self._holdings.usage_of_provider(call.path["uuid"])
        body = {"resource_provider_generation": found.generation, "usages": found.usages}
        return shown(call, body)
