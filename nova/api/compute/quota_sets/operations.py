"""``/os-quota-sets``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from groundwork.context import RequestContext
from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from nova.api.compute.projects import Project
from nova.api.compute.quota_sets import schemas
from nova.api.compute.quota_sets.resources import read_limits, show_limits
from nova.api.fields import as_boolean
from nova.quota.sets import QuotaSets

_RULE = "os_compute_api:os-quota-sets"
_PATH = "/os-quota-sets/{id}"

#: Whether the identity service knows a project; True as well when it does not let the caller know.
ProjectExists = Callable[[RequestContext, str], bool]


class QuotaSetOperations:
    """The limits of a project or, with ``user_id`` in the query, of one user in it."""

    def __init__(self, *, quota_sets: QuotaSets, project_exists: ProjectExists) -> None:
        self._quota_sets = quota_sets
        self._project_exists = project_exists

    def find_project(self, call: Call) -> Project:
        """The subject: whatever project the path names, whether it has limits of its own or not."""
        return Project(call.path["id"])

    @operation(
        "GET",
        _PATH,
        versions="2.1-",
        policy=f"{_RULE}:show",
        subject="find_project",
        query=schemas.USER_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 503),
    )
    def show(self, call: Call, project: Project) -> Answer:
        """Show the limits in force."""
        self._require_known(call, project)
        limits = self._quota_sets.of(project.project_id, _user_of(call))
        return _answer(call, show_limits(limits, _resources(call)), project)

    @operation(
        "GET",
        f"{_PATH}/detail",
        versions="2.1-",
        policy=f"{_RULE}:detail",
        subject="find_project",
        query=schemas.USER_QUERY,
        response=schemas.DETAILED,
        errors=(400, 403, 503),
    )
    def detail(self, call: Call, project: Project) -> Answer:
        """Show the limits in force along with what is used; nothing is ever reserved."""
        self._require_known(call, project)
        user_id = _user_of(call)
        limits = show_limits(self._quota_sets.of(project.project_id, user_id), _resources(call))
        used = self._quota_sets.in_use(project.project_id, user_id)
        shown = {
            name: {"in_use": used.get(name, 0), "limit": limit, "reserved": 0}
            for name, limit in limits.items()
        }
        return _answer(call, shown, project)

    @operation(
        "GET",
        f"{_PATH}/defaults",
        versions="2.1-",
        policy=f"{_RULE}:defaults",
        subject="find_project",
        query=schemas.PLAIN_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 503),
    )
    def defaults(self, call: Call, project: Project) -> Answer:
        """Show the limits of a project that has none of its own."""
        self._require_known(call, project)
        return _answer(call, show_limits(self._quota_sets.defaults(), _resources(call)), project)

    @operation(
        "PUT",
        _PATH,
        versions="2.1-",
        policy=f"{_RULE}:update",
        subject="find_project",
        query=schemas.USER_QUERY,
        body=schemas.UPDATE,
        response=schemas.UPDATED,
        errors=(400, 403, 503),
    )
    def update(self, call: Call, project: Project) -> Answer:
        """Set some limits of a project or user."""
        self._require_known(call, project)
        asked = call.body["quota_set"]
        limits = self._quota_sets.change(
            project.project_id,
            _user_of(call),
            read_limits(asked),
            even_below_use=as_boolean(asked.get("force", False)),
        )
        return _answer(call, show_limits(limits, _resources(call)))

    @operation(
        "DELETE",
        _PATH,
        versions="2.1-",
        policy=f"{_RULE}:delete",
        subject="find_project",
        query=schemas.USER_QUERY,
        success=202,
        errors=(400, 403),
    )
    def delete(self, call: Call, project: Project) -> Answer:
        """Set the limits of a project or user back to the defaults."""
        # The project itself may be gone by now, so nobody is asked about it.
        self._quota_sets.reset(_plain(project.project_id), _user_of(call))
        return Answer()

    def _require_known(self, call: Call, project: Project) -> None:
        if not self._project_exists(call.context, _plain(project.project_id)):
            raise Invalid(f"Project ID {project.project_id} is not a valid project.")


def _user_of(call: Call) -> str | None:
    text = call.query.get("user_id")
    return _plain(text) if text else None


def _plain(text: str) -> str:
    """:raises Invalid: databases refuse to look for it."""
    if "\0" in text or len(text) > 255:
        raise Invalid("Ids have at most 255 characters, and no NUL among them.")
    return text


def _resources(call: Call) -> tuple[str, ...]:
    return schemas.RESOURCES.at(call.version) or ()


def _answer(call: Call, shown: dict[str, Any], project: Project | None = None) -> Answer:
    named = {"id": project.project_id} if project is not None else {}
    return Answer({"quota_set": {**named, **shown}})
