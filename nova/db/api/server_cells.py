"""In which cell a server lives."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.api.models import instance_mappings


@dataclass(frozen=True, slots=True)
class ServerCell:
    """Where a server is; ``cell_id`` is None while it is a build request."""

    cell_id: int | None
    project_id: str


def find(tx: Transaction, server_uuid: str) -> ServerCell | None:
    """Where the server is, None when the API never knew it (or has forgotten it)."""
    row = tx.execute(
        sa.select(instance_mappings.c.cell_id, instance_mappings.c.project_id).where(
            instance_mappings.c.instance_uuid == server_uuid
        )
    ).first()
    return None if row is None else ServerCell(row.cell_id, row.project_id)
