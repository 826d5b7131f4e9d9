"""Migrations as tests put them into cells."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from nova.db.cell import server_migrations
from nova.domain.migration import Migration, MigrationStatus, MigrationType
from nova.domain.server import Server
from tests.api.deployment import NOW, PROJECT, Deployment


def make_migration(server: Server | None = None, **fields: Any) -> Migration:
    """A running live migration of the server, with only the given fields of interest."""
    return Migration(
        **{
            "uuid": str(uuid.uuid4()),
            "server_uuid": server.uuid if server else str(uuid.uuid4()),
            "project_id": server.project_id if server else PROJECT,
            "user_id": server.user_id if server else "fake",
            "migration_type": MigrationType.LIVE_MIGRATION,
            "status": MigrationStatus.RUNNING,
            "created_at": NOW,
            "source_compute": "compute1",
            "source_node": "node1",
            "dest_compute": "compute2",
            "dest_node": "node2",
            "dest_host": "192.0.2.2",
            "old_flavor_id": 1,
            "new_flavor_id": 2,
            **fields,
        }
    )


def add_migration(
    cloud: Deployment, cell: str, server: Server | None = None, *, minute: int = 0, **fields: Any
) -> Migration:
    """A migration that began ``minute`` minutes after NOW."""
    made = make_migration(server, **{"created_at": NOW + timedelta(minutes=minute), **fields})
    return cloud.databases[cell].run(lambda tx: server_migrations.insert_if_absent(tx, made))
