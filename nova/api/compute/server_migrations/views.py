"""Live migrations in progress on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.api.compute.migrations.views import places
from nova.domain.migration import Migration


@dataclass(frozen=True, slots=True)
class ShownProgress:
    """A live migration, and whether the caller may see its hosts."""

    migration: Migration
    shows_hosts: bool


class ServerMigrationView(View[ShownProgress]):
    """A live migration with its progress; there since 2.23."""

    def start(self, shown: ShownProgress) -> dict[str, Any]:
        """As of 2.23."""
        migration = shown.migration
        progress = migration.progress
        return {
            **places(migration, shows_hosts=shown.shows_hosts),
            "server_uuid": migration.server_uuid,
            "memory_total_bytes": progress.memory_total,
            "memory_processed_bytes": progress.memory_processed,
            "memory_remaining_bytes": progress.memory_remaining,
            "disk_total_bytes": progress.disk_total,
            "disk_processed_bytes": progress.disk_processed,
            "disk_remaining_bytes": progress.disk_remaining,
        }

    @changed_in("2.59")
    def _uuid(self, body: dict[str, Any], shown: ShownProgress) -> None:
        body["uuid"] = shown.migration.uuid

    @changed_in("2.80")
    def _owner(self, body: dict[str, Any], shown: ShownProgress) -> None:
        body["user_id"] = shown.migration.user_id
        body["project_id"] = shown.migration.project_id
