"""``/os-quota-class-sets``."""

from __future__ import annotations

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from nova.api.compute.quota_class_sets import schemas
from nova.api.compute.quota_sets.resources import read_limits, show_limits
from nova.api.compute.quota_sets.schemas import PLAIN_QUERY
from nova.quota.sets import QuotaSets

_RULE = "os_compute_api:os-quota-class-sets"


class QuotaClassSets:
    """The limits of a class; that of ``default`` counts for every project without limits of its own."""

    def __init__(self, *, quota_sets: QuotaSets) -> None:
        self._quota_sets = quota_sets

    @operation(
        "GET",
        "/os-quota-class-sets/{id}",
        versions="2.1-",
        policy=f"{_RULE}:show",
        query=PLAIN_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 503),
    )
    def show(self, call: Call) -> Answer:
        """Show the limits of a class."""
        name = _name_of(call)
        shown = show_limits(self._quota_sets.of_class(name), _resources(call))
        return Answer({"quota_class_set": {"id": name, **shown}})

    @operation(
        "PUT",
        "/os-quota-class-sets/{id}",
        versions="2.1-",
        policy=f"{_RULE}:update",
        query=PLAIN_QUERY,
        body=schemas.UPDATE,
        response=schemas.UPDATED,
        errors=(400, 403, 503),
    )
    def update(self, call: Call) -> Answer:
        """Set some limits of a class."""
        limits = self._quota_sets.change_class(
            _name_of(call), read_limits(call.body["quota_class_set"])
        )
        return Answer({"quota_class_set": show_limits(limits, _resources(call))})


def _name_of(call: Call) -> str:
    name = call.path["id"]
    # It is part of the name of a lock, too.
    if "\0" in name or len(name) > 240:
        raise Invalid("Names of quota classes have at most 240 characters, and no NUL among them.")
    return name


def _resources(call: Call) -> tuple[str, ...]:
    return schemas.RESOURCES.at(call.version) or ()
