"""Services of a cell and the reports by which they prove to be alive.

cell0 holds the rows of the global services (schedulers, super-conductors), each cell those of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from oslo_utils import uuidutils
from sqlalchemy.dialects import mysql, postgresql, sqlite

from groundwork import columns
from groundwork.database import Transaction
from nova.db.cell.models import services

COMPUTE = "nova-compute"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service: a binary on a host. ``incarnation`` is the process that reports for it now."""

    id: int
    uuid: str
    host: str
    binary: str
    topic: str | None
    version: int
    incarnation: str | None
    last_seen_up: datetime | None
    report_count: int
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    created_at: datetime
    updated_at: datetime | None


_COLUMNS = [services.c[name] for name in ServiceRow.__dataclass_fields__]


def row_of(found: Any) -> ServiceRow:
    """The service in a result row that starts with the columns of :func:`selected`."""
    return ServiceRow(*found[: len(_COLUMNS)])


def selected() -> list[sa.ColumnElement[Any]]:
    """The columns that :func:`row_of` reads, for queries that join services to something else."""
    return list(_COLUMNS)


def register(
    tx: Transaction,
    host: str,
    binary: str,
    incarnation: str,
    *,
    version: int,
    topic: str | None = None,
    enabled: bool = True,
    disabled_reason: str | None = None,
    now: datetime | None = None,
) -> ServiceRow:
    """Make ``incarnation`` the process that reports for this service; the row is made at the first start.

    An earlier process loses the service: its next heartbeat tells it so. ``enabled`` and ``disabled_reason`` count at
    the first start only, later what operators set stays, ``forced_down`` too.
    """
    now = now or columns.now()
    _insert_if_absent(
        tx,
        {
            "uuid": uuidutils.generate_uuid(),
            "host": host,
            "binary": binary,
            "version": version,
            "created_at": now,
            "report_count": 0,
            "disabled": not enabled,
            "disabled_reason": None if enabled else disabled_reason,
            "forced_down": False,
        },
    )
    tx.execute(
        sa.update(services)
        .where(services.c.host == host, services.c.binary == binary)
        .values(
            incarnation=incarnation,
            version=version,
            topic=topic,
            last_seen_up=now,
            updated_at=now,
        )
    )
    found = find(tx, host, binary)
    assert found is not None, "the row was written in this transaction"
    return found


def _insert_if_absent(tx: Transaction, values: dict[str, Any]) -> None:
    """Two first starts may meet here; a refused insert would spoil the transaction on PostgreSQL."""
    statement: sa.Executable
    match tx.dialect:
        case "mysql":
            # Not INSERT IGNORE, which would turn every other error into a warning as well.
            statement = (
                mysql.insert(services)
                .values(values)
                .on_duplicate_key_update(binary=services.c.binary)
            )
        case "postgresql":
            statement = postgresql.insert(services).values(values).on_conflict_do_nothing()
        case _:
            statement = sqlite.insert(services).values(values).on_conflict_do_nothing()
    tx.execute(statement)


def heartbeat(
    tx: Transaction, host: str, binary: str, incarnation: str, *, now: datetime | None = None
) -> bool:
    """Report that ``incarnation`` lives; False when another one took over or the service was deleted.

    Whoever gets False owns nothing any more and has to stop working or register again.
    """
    now = now or columns.now()
    changed = tx.execute(
        sa.update(services)
        .where(
            services.c.host == host,
            services.c.binary == binary,
            services.c.incarnation == incarnation,
        )
        .values(last_seen_up=now, updated_at=now, report_count=services.c.report_count + 1)
    )
    return bool(changed.rowcount)


def find(tx: Transaction, host: str, binary: str) -> ServiceRow | None:
    """The service of this binary on this host."""
    return _one(tx, services.c.host == host, services.c.binary == binary)


def find_by_uuid(tx: Transaction, uuid: str) -> ServiceRow | None:
    """The service with this uuid."""
    return _one(tx, services.c.uuid == uuid)


def find_by_id(tx: Transaction, service_id: int) -> ServiceRow | None:
    """The service with this number; numbers are unique in one cell only."""
    return _one(tx, services.c.id == service_id)


def list_services(
    tx: Transaction, *, host: str | None = None, binary: str | None = None
) -> tuple[ServiceRow, ...]:
    """All services, or those of one host or binary, in the order in which they first started."""
    statement = sa.select(*_COLUMNS).order_by(services.c.id)
    if host is not None:
        statement = statement.where(services.c.host == host)
    if binary is not None:
        statement = statement.where(services.c.binary == binary)
    return tuple(row_of(found) for found in tx.execute(statement))


@dataclass(frozen=True, slots=True)
class Condition:
    """What decides how a compute service is."""

    disabled: bool
    forced_down: bool
    last_seen_up: datetime | None


def minimum_version(tx: Transaction, binary: str) -> int | None:
    """The version of the oldest service of this binary; None when there is none."""
    statement = sa.select(sa.func.min(services.c.version)).where(services.c.binary == binary)
    return tx.execute(statement).scalar_one()


def hosts_older_than(tx: Transaction, binary: str, version: int) -> tuple[str, ...]:
    """The hosts whose service of this binary is older, up or not: it comes back as it was."""
    statement = (
        sa.select(services.c.host)
        .where(services.c.binary == binary, services.c.version < version)
        .order_by(services.c.host)
    )
    return tuple(tx.execute(statement).scalars())


def enable(tx: Transaction, uuid: str, *, now: datetime | None = None) -> bool:
    """Let the service be chosen again and forget why it was not; False when there is no such service."""
    return _update(tx, uuid, now, disabled=False, disabled_reason=None)


def disable(
    tx: Transaction, uuid: str, *, reason: str | None = None, now: datetime | None = None
) -> bool:
    """Keep the service from being chosen for new servers; False when there is no such service."""
    return _update(tx, uuid, now, disabled=True, disabled_reason=reason)


def force_down(tx: Transaction, uuid: str, down: bool, *, now: datetime | None = None) -> bool:
    """Record that an operator knows the service to be dead (or no longer); False when there is no such service."""
    return _update(tx, uuid, now, forced_down=down)


def delete(tx: Transaction, uuid: str) -> bool:
    """Forget the service; False when it was gone already."""
    return bool(tx.execute(sa.delete(services).where(services.c.uuid == uuid)).rowcount)


def _one(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> ServiceRow | None:
    found = tx.execute(sa.select(*_COLUMNS).where(*conditions)).first()
    return None if found is None else row_of(found)


def _update(tx: Transaction, uuid: str, now: datetime | None, **values: Any) -> bool:
    changed = tx.execute(
        sa.update(services)
        .where(services.c.uuid == uuid)
        .values(updated_at=now or columns.now(), **values)
    )
    return bool(changed.rowcount)
