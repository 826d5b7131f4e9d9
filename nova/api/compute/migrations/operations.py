"""``/os-migrations``."""

from __future__ import annotations

from typing import Any

from oslo_utils import strutils

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from groundwork.versions import Version
from nova.api.compute.migrations import schemas
from nova.api.compute.migrations.views import MigrationView, ShownMigration
from nova.api.links import Links
from nova.api.paging import Paging
from nova.api.times import changes_of
from nova.cells.migrations import Migrations
from nova.db.cell.server_migrations import MigrationQuery

_PAGED = Version(2, 59)
_CHANGES_BEFORE = Version(2, 66)
_OWNERS = Version(2, 80)

_INDEX = "os_compute_api:os-migrations:index"
_ALL_PROJECTS = f"{_INDEX}:all_projects"
_HOST = f"{_INDEX}:host"


class MigrationOperations:
    """Moves of servers in all cells."""

    def __init__(self, *, migrations: Migrations, paging: Paging, links: Links) -> None:
        self._migrations = migrations
        self._paging = paging
        self._links = links
        self._view = MigrationView()

    @operation(
        "GET",
        "/os-migrations",
        versions="2.1-",
        policy=_INDEX,
        soft_policies=(_ALL_PROJECTS, _HOST),
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403, 503),
    )
    def list(self, call: Call) -> Answer:
        """List migrations, newest first."""
        query, marker = self._read(call)
        found = self._migrations.page(query, marker=marker)
        shows_hosts = call.can(_HOST)
        body: dict[str, Any] = {
            "migrations": [
                self._view.show(
                    call.version,
                    ShownMigration(
                        migration,
                        shows_hosts,
                        self._links.of(
                            call.origin,
                            "servers",
                            migration.server_uuid,
                            "migrations",
                            str(migration.id),
                        )
                        if migration.is_live_in_progress
                        else (),
                    ),
                )
                for migration in found
            ]
        }
        if query.limit is not None and 0 < query.limit <= len(found):
            body["migrations_links"] = self._links.following(call, marker=found[-1].uuid)
        return Answer(body)

    def _read(self, call: Call) -> tuple[MigrationQuery, str | None]:
        """What the query asks for, and the marker.

        Up to 2.58 there is no paging, so all is listed: what was cut off could not be asked for.
        """
        given = call.query
        for key in given:
            if "\0" in given[key]:
                raise Invalid(f"Invalid filter {key}: it holds a NUL character")
        project_id = given.get("project_id") if call.version >= _OWNERS else None
        if project_id != call.context.project_id:
            call.authorize(_ALL_PROJECTS)
        if "host" in given or "source_compute" in given:
            # Or hosts that are not shown could be guessed one by one.
            call.authorize(_HOST)
        is_paged = call.version >= _PAGED
        page = self._paging.page(given) if is_paged else None
        since, before = changes_of(given) if is_paged else (None, None)
        query = MigrationQuery(
            limit=page.limit if page else None,
            server_uuid=given.get("instance_uuid"),
            host=given.get("host"),
            source_compute=given.get("source_compute"),
            status=given.get("status"),
            migration_type=given.get("migration_type"),
            is_hidden=_hidden(given.get("hidden")),
            user_id=given.get("user_id") if call.version >= _OWNERS else None,
            project_id=project_id,
            changes_since=since,
            changes_before=before if call.version >= _CHANGES_BEFORE else None,
        )
        return query, page.marker if page else None


def _hidden(text: str | None) -> bool | None:
    if text is None:
        return None
    try:
        return bool(strutils.bool_from_string(text, strict=True))
    except ValueError as exc:
        raise Invalid(f"Invalid filter hidden: {exc}") from exc
