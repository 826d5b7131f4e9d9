"""Migrations on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.api.compute.services.views import time_text
from nova.api.links import Link
from nova.domain.migration import Migration


@dataclass(frozen=True, slots=True)
class ShownMigration:
    """A migration, whether the caller may see its hosts, and the links of one that can be watched."""

    migration: Migration
    shows_hosts: bool
    links: Sequence[Link] = ()


def places(migration: Migration, *, shows_hosts: bool) -> dict[str, Any]:
    """What every form of a migration has; its hosts are null for those who may not see them."""
    found: dict[str, Any] = {
        "id": migration.id,
        "status": migration.status.value,
        "created_at": time_text(migration.created_at),
        "updated_at": time_text(migration.updated_at),
    }
    for name in ("source_compute", "source_node", "dest_compute", "dest_node", "dest_host"):
        found[name] = getattr(migration, name) if shows_hosts else None
    return found


class MigrationView(View[ShownMigration]):
    """A migration in the list of all."""

    def start(self, shown: ShownMigration) -> dict[str, Any]:
        """As of 2.1."""
        migration = shown.migration
        return {
            **places(migration, shows_hosts=shown.shows_hosts),
            "instance_uuid": migration.server_uuid,
            "old_instance_type_id": migration.old_flavor_id,
            "new_instance_type_id": migration.new_flavor_id,
        }

    @changed_in("2.23")
    def _type_and_links(self, body: dict[str, Any], shown: ShownMigration) -> None:
        body["migration_type"] = shown.migration.migration_type.value
        if shown.links:
            body["links"] = list(shown.links)

    @changed_in("2.59")
    def _uuid(self, body: dict[str, Any], shown: ShownMigration) -> None:
        body["uuid"] = shown.migration.uuid

    @changed_in("2.80")
    def _owner(self, body: dict[str, Any], shown: ShownMigration) -> None:
        body["user_id"] = shown.migration.user_id
        body["project_id"] = shown.migration.project_id
