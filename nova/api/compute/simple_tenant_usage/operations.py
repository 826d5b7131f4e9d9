"""``/os-simple-tenant-usage``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from groundwork.versions import Version
from nova.api.compute.projects import Project
from nova.api.compute.simple_tenant_usage import schemas
from nova.api.compute.simple_tenant_usage.views import Period, usage_of_project
from nova.api.links import Links
from nova.api.paging import Page, Paging
from nova.cells.usage import Usages
from nova.db.cell.usage import ServerUsage, UsageQuery

_PAGED = Version(2, 40)
_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")


class SimpleTenantUsage:
    """What projects used over a time, in all cells. Pages count servers, so a project may go on in the next one."""

    def __init__(
        self,
        *,
        usages: Usages,
        paging: Paging,
        links: Links,
        clock: Callable[[], datetime],
    ) -> None:
        """:param clock: the present, aware."""
        self._usages = usages
        self._paging = paging
        self._links = links
        self._clock = clock

    @operation(
        "GET",
        "/os-simple-tenant-usage",
        versions="2.1-",
        policy="os_compute_api:os-simple-tenant-usage:list",
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403, 503),
    )
    def list(self, call: Call) -> Answer:
        """List what all projects used."""
        period = self._period(call)
        found, page = self._page(call, period, project_id=None)
        by_project: dict[str, list[ServerUsage]] = {}
        for server in found:
            by_project.setdefault(server.project_id, []).append(server)
        with_servers = call.query.get("detailed") == "1"
        return self._answer(
            call,
            "tenant_usages",
            [
                usage_of_project(project_id, servers, period, with_servers=with_servers)
                for project_id, servers in by_project.items()
            ],
            found,
            page,
        )

    def find_project(self, call: Call) -> Project:
        """The subject: whatever project the path names, whether it has used anything or not."""
        return Project(call.path["id"])

    @operation(
        "GET",
        "/os-simple-tenant-usage/{id}",
        versions="2.1-",
        policy="os_compute_api:os-simple-tenant-usage:show",
        subject="find_project",
        query=schemas.SHOW_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 503),
    )
    def show(self, call: Call, project: Project) -> Answer:
        """Show what a project used, and which of its servers."""
        project_id = project.project_id
        if "\0" in project_id:
            raise Invalid("Invalid project id: it holds a NUL character")
        period = self._period(call)
        found, page = self._page(call, period, project_id=project_id)
        shown = usage_of_project(project_id, found, period, with_servers=True) if found else {}
        return self._answer(call, "tenant_usage", shown, found, page)

    def _page(
        self, call: Call, period: Period, *, project_id: str | None
    ) -> tuple[Sequence[ServerUsage], Page]:
        """The servers of the page that is asked for; before 2.40 of the first and largest."""
        is_paged = call.version >= _PAGED
        page = self._paging.page(call.query) if is_paged else self._paging.largest()
        query = UsageQuery(
            start=period.start, end=period.end, project_id=project_id, limit=page.limit
        )
        return self._usages.page(query, marker=page.marker), page

    def _answer(
        self, call: Call, name: str, shown: Any, found: Sequence[ServerUsage], page: Page
    ) -> Answer:
        body: dict[str, Any] = {name: shown}
        if call.version >= _PAGED and page.is_full(len(found)):
            body[f"{name}_links"] = self._links.following(call, marker=found[-1].uuid)
        return Answer(body)

    def _period(self, call: Call) -> Period:
        """:raises Invalid: no times, or the start is not before the end.

        With neither given both are the present: nothing was used in no time, but servers that run are listed.
        """
        now = self._clock()
        start = _time(call.query.get("start"), now)
        end = _time(call.query.get("end"), now)
        is_given = "start" in call.query or "end" in call.query
        if start > end or (is_given and start == end):
            raise Invalid("Invalid start time. The start time cannot occur after the end time.")
        return Period(start, end, now)


def _time(text: str | None, now: datetime) -> datetime:
    if not text:
        return now
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Invalid(f"Datetime is in invalid format: {text[:100]}")
