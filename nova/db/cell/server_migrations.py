"""Migrations of a cell: rows in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork import columns
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.cell.models import migrations
from nova.domain.migration import (
    IN_PROGRESS,
    Migration,
    MigrationStatus,
    MigrationType,
    Origin,
    Progress,
)

#: Where a migration stands in lists, newest first: ``(created_at, id, uuid)``. The uuid tells apart what two cells
#: number alike at the same moment.
Position = tuple[datetime, int, str]

_PROGRESS = tuple(field.name for field in fields(Progress))


@dataclass(frozen=True, slots=True)
class MigrationQuery:
    """Which migrations to list; None does not count. Both bounds of the time of the last change are inclusive."""

    limit: int | None = None
    after: Position | None = None
    server_uuid: str | None = None
    #: Source or destination.
    host: str | None = None
    source_compute: str | None = None
    status: str | None = None
    migration_type: str | None = None
    is_hidden: bool | None = None
    user_id: str | None = None
    project_id: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None


def position(migration: Migration) -> Position:
    """Where it stands in lists."""
    return migration.created_at, migration.id, migration.uuid


def insert_if_absent(tx: Transaction, migration: Migration) -> Migration:
    """Store a new migration; as it is stored now, which for a step that runs twice is what the first run stored."""
    known = find(tx, migration.uuid)
    if known is not None:
        return known
    tx.execute(
        sa.insert(migrations).values(
            uuid=migration.uuid,
            instance_uuid=migration.server_uuid,
            project_id=migration.project_id,
            user_id=migration.user_id,
            migration_type=migration.migration_type.value,
            status=migration.status.value,
            created_at=migration.created_at,
            updated_at=migration.updated_at,
            source_compute=migration.source_compute,
            source_node=migration.source_node,
            dest_compute=migration.dest_compute,
            dest_node=migration.dest_node,
            dest_host=migration.dest_host,
            old_instance_type_id=migration.old_flavor_id,
            new_instance_type_id=migration.new_flavor_id,
            hidden=migration.is_hidden,
            origin=None if migration.origin is None else msgspec.to_builtins(migration.origin),
            **_progress_values(migration.progress),
        )
    )
    stored = find(tx, migration.uuid)
    assert stored is not None, "the row was written in this transaction"
    return stored


def swap_status(
    tx: Transaction,
    uuid: str,
    status: MigrationStatus,
    *,
    expect: Collection[MigrationStatus],
    now: datetime | None = None,
) -> bool:
    """Go on to another status if the migration still has one of ``expect``; False otherwise."""
    return _update(
        tx,
        [
            migrations.c.uuid == uuid,
            migrations.c.status.in_([expected.value for expected in expect]),
        ],
        {"status": status.value},
        now,
    )


def set_destination(
    tx: Transaction,
    uuid: str,
    *,
    compute: str,
    node: str,
    address: str | None,
    now: datetime | None = None,
) -> bool:
    """Record where the server goes; False when the migration is gone."""
    values = {"dest_compute": compute, "dest_node": node, "dest_host": address}
    return _update(tx, [migrations.c.uuid == uuid], values, now)


def record_progress(
    tx: Transaction, uuid: str, progress: Progress, *, now: datetime | None = None
) -> bool:
    """Record how far the hypervisor got; False when the migration is gone or has ended."""
    return _update(
        tx, [migrations.c.uuid == uuid, _is_in_progress()], _progress_values(progress), now
    )


def find(tx: Transaction, uuid: str) -> Migration | None:
    """The migration with this uuid."""
    return _one(tx, migrations.c.uuid == uuid)


def is_in_progress(tx: Transaction, uuid: str) -> bool:
    """Whether there is this migration and it has not ended; one that has ended, or is none, should hold nothing."""
    found = find(tx, uuid)
    return found is not None and found.status in IN_PROGRESS


def find_of_server(tx: Transaction, server_uuid: str, migration_id: int) -> Migration | None:
    """The migration with this number, if it is one of the server's; numbers are unique in one cell only."""
    return _one(tx, migrations.c.id == migration_id, migrations.c.instance_uuid == server_uuid)


def live_in_progress(tx: Transaction, server_uuid: str) -> tuple[Migration, ...]:
    """The live migrations of a server that have not ended, newest first."""
    return _all(
        tx,
        _newest_first().where(
            migrations.c.instance_uuid == server_uuid,
            migrations.c.migration_type == MigrationType.LIVE_MIGRATION.value,
            _is_in_progress(),
        ),
    )


def in_progress(tx: Transaction, server_uuid: str) -> tuple[Migration, ...]:
    """The moves of a server that have not ended, newest first."""
    return _all(
        tx,
        _newest_first().where(migrations.c.instance_uuid == server_uuid, _is_in_progress()),
    )


def awaiting_answer(tx: Transaction, server_uuid: str) -> Migration | None:
    """The move of a server that waits to be confirmed or reverted."""
    found = in_progress(tx, server_uuid)
    return next((move for move in found if move.status is MigrationStatus.FINISHED), None)


def unanswered_since(tx: Transaction, host: str, moment: datetime) -> tuple[Migration, ...]:
    """Moves to this host that have waited for an answer since before the moment, oldest first."""
    own = migrations.c
    return _all(
        tx,
        sa.select(migrations)
        .where(
            own.dest_compute == host,
            own.status == MigrationStatus.FINISHED.value,
            own.updated_at <= moment,
        )
        .order_by(own.id),
    )


def count_in_progress(tx: Transaction, host: str) -> int:
    """How many moves to or from this host have not ended."""
    return int(
        tx.execute(
            sa.select(sa.func.count())
            .select_from(migrations)
            .where(_touches(host), _is_in_progress())
        ).scalar_one()
    )


def hosts_in_progress(tx: Transaction, server_uuids: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The hosts between which each of these servers moves now; servers that do not move are left out."""
    own = migrations.c
    found: dict[str, set[str]] = {}
    for row in tx.execute(
        sa.select(own.instance_uuid, own.source_compute, own.dest_compute).where(
            own.instance_uuid.in_(list(server_uuids)), _is_in_progress()
        )
    ):
        hosts = found.setdefault(row.instance_uuid, set())
        hosts.update(host for host in (row.source_compute, row.dest_compute) if host)
    return {uuid: frozenset(hosts) for uuid, hosts in found.items()}


def page(tx: Transaction, query: MigrationQuery) -> tuple[Migration, ...]:
    """This cell's migrations of the page, newest first; at most ``query.limit``."""
    statement = _newest_first().where(*_conditions(query))
    if query.limit is not None:
        statement = statement.limit(query.limit)
    return _all(tx, statement)


def _conditions(query: MigrationQuery) -> list[sa.ColumnElement[bool]]:
    own = migrations.c
    wanted = {
        own.instance_uuid: query.server_uuid,
        own.source_compute: query.source_compute,
        own.status: query.status,
        own.migration_type: query.migration_type,
        own.user_id: query.user_id,
        own.project_id: query.project_id,
    }
    found = [column == value for column, value in wanted.items() if value is not None]
    if query.host is not None:
        found.append(_touches(query.host))
    if query.is_hidden is not None:
        found.append(own.hidden.is_(query.is_hidden))
    # A migration that has not changed since it began was last changed then.
    changed_at = sa.func.coalesce(own.updated_at, own.created_at, type_=own.created_at.type)
    if query.changes_since is not None:
        found.append(changed_at >= query.changes_since)
    if query.changes_before is not None:
        found.append(changed_at <= query.changes_before)
    if query.after is not None:
        found += _after(*query.after)
    return found


def _after(created_at: datetime, number: int, uuid: str) -> list[sa.ColumnElement[bool]]:
    own = migrations.c
    return [
        # Said first in a form along which migrations_created_idx is read from the right place.
        own.created_at <= created_at,
        sa.or_(
            own.created_at < created_at,
            own.id < number,
            sa.and_(own.id == number, own.uuid < uuid),
        ),
    ]


def _touches(host: str) -> sa.ColumnElement[bool]:
    return sa.or_(migrations.c.source_compute == host, migrations.c.dest_compute == host)


def _is_in_progress() -> sa.ColumnElement[bool]:
    return migrations.c.status.in_(sorted(status.value for status in IN_PROGRESS))


def _newest_first() -> sa.Select[Any]:
    return sa.select(migrations).order_by(migrations.c.created_at.desc(), migrations.c.id.desc())


def _one(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> Migration | None:
    row = tx.execute(sa.select(migrations).where(*conditions)).first()
    return None if row is None else _migration(row)


def _all(tx: Transaction, statement: sa.Select[Any]) -> tuple[Migration, ...]:
    return tuple(_migration(row) for row in tx.execute(statement))


def _update(
    tx: Transaction,
    conditions: Sequence[sa.ColumnElement[bool]],
    values: Mapping[str, Any],
    now: datetime | None,
) -> bool:
    changed = tx.execute(
        sa.update(migrations)
        .where(*conditions)
        .values(**{"updated_at": now or columns.now(), **values})
    )
    return bool(changed.rowcount)


def _progress_values(progress: Progress) -> dict[str, int | None]:
    return {name: getattr(progress, name) for name in _PROGRESS}


def _migration(row: sa.Row[Any]) -> Migration:
    return Migration(
        id=row.id,
        uuid=row.uuid,
        server_uuid=row.instance_uuid,
        project_id=row.project_id,
        user_id=row.user_id,
        migration_type=MigrationType(row.migration_type),
        status=MigrationStatus(row.status),
        created_at=row.created_at,
        updated_at=row.updated_at,
        source_compute=row.source_compute,
        source_node=row.source_node,
        dest_compute=row.dest_compute,
        dest_node=row.dest_node,
        dest_host=row.dest_host,
        old_flavor_id=row.old_instance_type_id,
        new_flavor_id=row.new_instance_type_id,
        is_hidden=bool(row.hidden),
        origin=None if row.origin is None else convert(row.origin, Origin),
        progress=Progress(*(getattr(row, name) for name in _PROGRESS)),
    )
