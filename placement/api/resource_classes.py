"""``/resource_classes``."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Answer, Call, operation
from groundwork.validation import Validator
from groundwork.versions import by_version
from placement.api import complaints, shapes
from placement.api.answers import location, path_to, shown, written
from placement.inventory.resource_classes import ResourceClasses
from placement.records import Named

_CUSTOM = Validator(shapes.CUSTOM_CLASS)
_POLICY = "placement:resource_classes:"
_NAME = shapes.body({"name": shapes.CUSTOM_CLASS})
_SHOWN = shapes.body({"name": shapes.TEXT, "links": shapes.LINKS})
_LISTED = shapes.body({"resource_classes": {"type": "array", "items": _SHOWN}})


class ResourceClassOperations:
    """The classes of resources."""

    def __init__(self, *, resource_classes: ResourceClasses) -> None:
        self._classes = resource_classes

    @operation(
        "GET",
        "/resource_classes",
        versions="1.2-",
        policy=f"{_POLICY}list",
        query=shapes.NO_QUERY,
        response=_LISTED,
        errors=(403, 406),
    )
    def list(self, call: Call) -> Answer:
        """List all classes."""
        found = self._classes.all()
        newest = max((one.updated_at for one in found), default=None)
        body = {"resource_classes": [_show(call, one) for one in found]}
        return shown(call, body, changed_at=newest)

    @operation(
        "POST",
        "/resource_classes",
        versions="1.2-",
        policy=f"{_POLICY}create",
        query=shapes.NO_QUERY,
        body=_NAME,
        success=201,
        errors=(400, 403, 409, 415),
    )
    def create(self, call: Call) -> Answer:
        """Make a class."""
        name = call.body["name"]
        self._classes.create(name)
        return Answer(headers=location(call, "resource_classes", name))

    @operation(
        "GET",
        "/resource_classes/{name}",
        versions="1.2-",
        policy=f"{_POLICY}show",
        query=shapes.NO_QUERY,
        response=_SHOWN,
        errors=(403, 404, 406),
    )
    def show(self, call: Call) -> Answer:
        """Show one class."""
        found = self._classes.show(call.path["name"])
        return shown(call, _show(call, found), changed_at=found.updated_at)

    @operation(
        "PUT",
        "/resource_classes/{name}",
        versions="1.2-1.6",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        body=by_version({"1.2": _NAME}),
        response=_SHOWN,
        errors=(400, 403, 404, 409, 415),
    )
    def rename(self, call: Call) -> Answer:
        """Give a class another name."""
        renamed = self._classes.rename(call.path["name"], call.body["name"])
        return written(call, _show(call, renamed), changed_at=renamed.updated_at)

    @operation(
        "PUT",
        "/resource_classes/{name}",
        versions="1.7-",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        success=201,
        errors=(400, 403),
    )
    def ensure(self, call: Call) -> Answer:
        """Make a class unless it is there (204)."""
        name = call.path["name"]
        # The name is in the path, and yet it is told like that of a body, which it was below 1.7.
        complaint = _CUSTOM.complaint(name)
        if complaint is not None:
            raise complaints.bad_body(complaint)
        made = self._classes.ensure(name)
        return Answer(status=201 if made else 204, headers=location(call, "resource_classes", name))

    @operation(
        "DELETE",
        "/resource_classes/{name}",
        versions="1.2-",
        policy=f"{_POLICY}delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(400, 403, 404, 409),
    )
    def delete(self, call: Call) -> Answer:
        """Remove a class that nobody offers."""
        self._classes.delete(call.path["name"])
        return Answer()


def _show(call: Call, found: Named) -> dict[str, Any]:
    path = path_to(call, "resource_classes", found.name)
    return {"name": found.name, "links": [{"rel": "self", "href": path}]}
