"""Faults: why a server is in ERROR."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import instance_faults, instances


@dataclass(frozen=True, slots=True)
class Fault:
    """The last thing that went wrong with a server."""

    code: int
    message: str
    details: str
    created_at: datetime
    host: str | None = None


def add(tx: Transaction, server_uuid: str, fault: Fault) -> None:
    """Record a fault; the newest one is what users see, so it is kept in the server's row as well."""
    # The wire has no limit; the column does, and the details hold the whole text.
    fault = replace(fault, message=fault.message[:255])
    tx.execute(
        sa.insert(instance_faults).values(
            instance_uuid=server_uuid,
            created_at=fault.created_at,
            code=fault.code,
            message=fault.message,
            details=fault.details,
            host=fault.host,
        )
    )
    tx.execute(sa.update(instances).where(instances.c.uuid == server_uuid).values(fault=fault))
