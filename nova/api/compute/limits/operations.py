"""``/limits``."""

from __future__ import annotations

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from nova.api.compute.limits import schemas
from nova.quota.sets import QuotaSets
from nova.quota.tally import UNLIMITED

_OTHER = "os_compute_api:limits:other_project"


class LimitOperations:
    """What a project may have and what it has. There are no rate limits."""

    def __init__(self, *, quota_sets: QuotaSets) -> None:
        self._quota_sets = quota_sets

    @operation(
        "GET",
        "/limits",
        versions="2.1-",
        policy="os_compute_api:limits",
        soft_policies=(_OTHER,),
        query=schemas.QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 503),
    )
    def show(self, call: Call) -> Answer:
        """Show the limits of the own project, or of the one that the query names, and what is used of them."""
        own = call.context.project_id or ""
        project_id = call.query.get("tenant_id") or own
        if "\0" in project_id:
            raise Invalid("Invalid project id: it holds a NUL character")
        if project_id != own:
            call.authorize(_OTHER, {"project_id": project_id, "user_id": None})
        limits = self._quota_sets.of(project_id)
        used = self._quota_sets.in_use(project_id)
        most = schemas.MOST.at(call.version) or {}
        counted = schemas.USED.at(call.version) or {}
        absolute = {
            **{name: limits[of] if of else UNLIMITED for name, of in most.items()},
            **{name: used[of] if of else 0 for name, of in counted.items()},
        }
        return Answer({"limits": {"rate": [], "absolute": absolute}})
