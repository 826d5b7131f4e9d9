"""What servers of a cell occupied over a time, deleted ones included as long as there is a record of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.cell.models import instances
from nova.domain.flavor import Flavor


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Servers that were there at some time between ``start`` and ``end``; of all projects when ``project_id`` is None.

    ``after`` is the launch time and the uuid of the server after which the page begins.
    """

    start: datetime
    end: datetime
    project_id: str | None = None
    limit: int | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class ServerUsage:
    """One server, its sizes, and from when to when it was there; ``ended_at`` is None while it is."""

    uuid: str
    project_id: str
    name: str
    flavor_name: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    launched_at: datetime
    ended_at: datetime | None
    vm_state: str


def page(tx: Transaction, query: UsageQuery) -> tuple[ServerUsage, ...]:
    """This cell's servers of the page, by launch time and uuid; at most ``query.limit``.

    A server that never ran was never launched, and used nothing.
    """
    own = instances.c
    statement = (
        sa.select(
            own.uuid,
            own.project_id,
            own.display_name,
            own.flavor,
            own.vcpus,
            own.memory_mb,
            own.root_gb,
            own.ephemeral_gb,
            own.launched_at,
            own.terminated_at,
            own.vm_state,
        )
        .where(
            own.launched_at < query.end,
            sa.or_(own.terminated_at.is_(None), own.terminated_at > query.start),
        )
        .order_by(own.launched_at, own.uuid)
    )
    if query.project_id is not None:
        statement = statement.where(own.project_id == query.project_id)
    if query.after is not None:
        launched_at, uuid = query.after
        statement = statement.where(
            own.launched_at >= launched_at, sa.or_(own.launched_at > launched_at, own.uuid > uuid)
        )
    if query.limit is not None:
        statement = statement.limit(query.limit)
    return tuple(_usage(row) for row in tx.execute(statement))


def _usage(row: sa.Row[Any]) -> ServerUsage:
    return ServerUsage(
        uuid=row.uuid,
        project_id=row.project_id,
        name=row.display_name or "",
        flavor_name=convert(row.flavor, Flavor).name,
        vcpus=row.vcpus,
        memory_mb=row.memory_mb,
        disk_gb=row.root_gb + row.ephemeral_gb,
        launched_at=row.launched_at,
        ended_at=row.terminated_at,
        vm_state=row.vm_state,
    )
