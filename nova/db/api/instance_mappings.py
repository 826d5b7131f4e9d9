"""Which cell a server lives in, and what it counts for in the quota ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.prepared import Prepared
from groundwork.typed import convert
from nova.db.api.models import instance_mappings, request_specs
from nova.domain.request_spec import RequestSpec
from nova.domain.resources import amounts_by_class


@dataclass(frozen=True, slots=True)
class Mapping:
    """``cell_id`` None: the server is still a build request."""

    server_uuid: str
    cell_id: int | None
    project_id: str
    user_id: str
    is_on_its_way_out: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """What the living servers of a project (or of a user in it) add up to."""

    instances: int
    cores: int
    ram_mb: int


def find(tx: Transaction, server_uuid: str) -> Mapping | None:
    """The server's mapping, or None."""
    row = _FIND.execute(tx, {"server_uuid": server_uuid}).first()
    if row is None:
        return None
    return Mapping(
        row.instance_uuid, row.cell_id, row.project_id, row.user_id, bool(row.queued_for_delete)
    )


# Whoever asks for a server, or goes on after one in a list, asks this first.
_FIND = Prepared(
    sa.select(
        instance_mappings.c.instance_uuid,
        instance_mappings.c.cell_id,
        instance_mappings.c.project_id,
        instance_mappings.c.user_id,
        instance_mappings.c.queued_for_delete,
    ).where(instance_mappings.c.instance_uuid == sa.bindparam("server_uuid"))
)


def cell_ids_of(tx: Transaction, server_uuids: Iterable[str]) -> dict[str, int | None]:
    """The cells of these servers, None for those that are build requests; unknown ones are left out."""
    table = instance_mappings
    rows = tx.execute(
        sa.select(table.c.instance_uuid, table.c.cell_id).where(
            table.c.instance_uuid.in_(list(server_uuids))
        )
    )
    return {row.instance_uuid: row.cell_id for row in rows}


def queue_for_delete(tx: Transaction, server_uuids: Iterable[str]) -> None:
    """Stop counting these servers: their deletion has begun and is never taken back."""
    table = instance_mappings
    tx.execute(
        sa.update(table)
        .where(table.c.instance_uuid.in_(list(server_uuids)))
        .values(queued_for_delete=True, updated_at=now())
    )


def cells_of_project(tx: Transaction, project_id: str) -> Sequence[int]:
    """The cells in which the project has, or had, servers."""
    table = instance_mappings
    return (
        tx.execute(
            sa.select(table.c.cell_id)
            .where(table.c.project_id == project_id, table.c.cell_id.is_not(None))
            .distinct()
        )
        .scalars()
        .all()
    )


def usage(tx: Transaction, project_id: str, user_id: str | None = None) -> Usage:
    """One sum along ``instance_mappings_ledger_idx``; right also while a cell does not answer."""
    table = instance_mappings
    query = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(table.c.vcpus), 0),
        sa.func.coalesce(sa.func.sum(table.c.memory_mb), 0),
    ).where(table.c.project_id == project_id, table.c.queued_for_delete.is_(False))
    if user_id is not None:
        query = query.where(table.c.user_id == user_id)
    row: Any = tx.execute(query).one()
    return Usage(int(row[0]), int(row[1]), int(row[2]))


def class_usage(tx: Transaction, project_id: str) -> dict[str, int]:
    """What the living servers of a project take by resource class; right also while a cell does not answer."""
    totals = Counter[str]()
    for resources, servers in _kinds(tx, instance_mappings.c.project_id == project_id):
        for name, amount in resources.items():
            totals[name] += amount * servers
    return dict(totals)


def classes_in_use(tx: Transaction) -> frozenset[str]:
    """The resource classes of which living servers take something, whosever they are."""
    return frozenset(name for resources, _ in _kinds(tx, sa.true()) for name in resources)


def _kinds(
    tx: Transaction, condition: sa.ColumnElement[bool]
) -> Iterator[tuple[dict[str, int], int]]:
    """The amounts of living servers, and how many servers have these; the same amounts may come again."""
    table = instance_mappings
    # Servers are of few kinds, so each text is read once, however many have it.
    kinds = Counter(
        tx.execute(
            sa.select(sa.type_coerce(table.c.resources, sa.Text)).where(
                condition, table.c.queued_for_delete.is_(False)
            )
        ).scalars()
    )
    if kinds.pop(None, 0):
        for resources in _unwritten(tx, condition):
            yield resources, 1
    for text, servers in kinds.items():
        yield msgspec.json.decode(text), servers


def _unwritten(tx: Transaction, condition: sa.ColumnElement[bool]) -> Iterator[dict[str, int]]:
    """The amounts of servers whose mapping does not have them: by their spec, otherwise their vcpus and memory."""
    table = instance_mappings
    rows = tx.execute(
        sa.select(table.c.vcpus, table.c.memory_mb, request_specs.c.spec)
        .join_from(
            table,
            request_specs,
            request_specs.c.instance_uuid == table.c.instance_uuid,
            isouter=True,
        )
        .where(condition, table.c.queued_for_delete.is_(False), table.c.resources.is_(None))
    )
    for row in rows:
        if row.spec is None:
            yield {"VCPU": row.vcpus, "MEMORY_MB": row.memory_mb}
        else:
            yield amounts_by_class(convert(row.spec, RequestSpec))


@dataclass(frozen=True, slots=True)
class KnownServer:
    """What this database knows of a server whose cell cannot be asked."""

    uuid: str
    project_id: str
    user_id: str
    created_at: datetime
    spec: RequestSpec | None


def known_server(tx: Transaction, uuid: str) -> KnownServer | None:
    """One server with its request spec; None when there is none or it is being deleted."""
    table = instance_mappings
    row = tx.execute(
        _known()
        .add_columns(request_specs.c.spec)
        .join_from(
            table,
            request_specs,
            request_specs.c.instance_uuid == table.c.instance_uuid,
            isouter=True,
        )
        .where(table.c.instance_uuid == uuid, table.c.queued_for_delete.is_(False))
    ).first()
    if row is None:
        return None
    spec = None if row.spec is None else convert(row.spec, RequestSpec)
    return KnownServer(row.instance_uuid, row.project_id, row.user_id, row.created_at, spec)


def known_servers(
    tx: Transaction, cell_ids: Sequence[int], project_id: str | None, *, limit: int
) -> Sequence[KnownServer]:
    """The servers mapped to these cells, newest first, without their specs."""
    table = instance_mappings
    query = (
        _known()
        .where(table.c.cell_id.in_(list(cell_ids)), table.c.queued_for_delete.is_(False))
        .order_by(table.c.created_at.desc(), table.c.instance_uuid.desc())
        .limit(limit)
    )
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    return [
        KnownServer(row.instance_uuid, row.project_id, row.user_id, row.created_at, None)
        for row in tx.execute(query)
    ]


def _known() -> sa.Select[Any]:
    table = instance_mappings
    return sa.select(table.c.instance_uuid, table.c.project_id, table.c.user_id, table.c.created_at)
