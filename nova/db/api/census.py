"""The mappings read from end to end, in short batches, and corrected by compare-and-swap: the audit's side of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.columns import now, unindexed
from groundwork.database import Transaction
from nova.db.api.models import build_requests, instance_mappings
from nova.db.journal import ALIVE

# Uuids in one IN (...): well below what every engine takes, and enough that the round trip does not count.
_AT_ONCE = 500

# Made while this module is loaded, by one thread: see groundwork.typed.
_AMOUNTS = msgspec.json.Decoder(dict[str, int])


@dataclass(frozen=True, slots=True)
class Counted:
    """A server's mapping: its cell (by row number) and what it counts for in the quota ledger.

    ``resources`` are the amounts by class as text, because a mapping is compared with all that was seen of it and two
    texts may say the same; None where the request spec tells them.
    """

    id: int
    instance_uuid: str
    cell_id: int | None
    project_id: str
    user_id: str
    vcpus: int
    memory_mb: int
    resources: str | None
    queued_for_delete: bool
    created_at: datetime
    updated_at: datetime | None

    @property
    def amounts(self) -> Mapping[str, int] | None:
        """``resources`` as numbers; what makes no sense counts for nothing."""
        if self.resources is None:
            return None
        try:
            return _AMOUNTS.decode(self.resources)
        except msgspec.MsgspecError:
            return {}


def _column(name: str) -> sa.ColumnElement[Any]:
    column: sa.ColumnElement[Any] = instance_mappings.c[name]
    return sa.type_coerce(column, sa.Text) if name == "resources" else column


_COLUMNS = [_column(name).label(name) for name in Counted.__dataclass_fields__]


def counting(
    tx: Transaction, *, after_id: int, limit: int, cell_id: int | None = None
) -> Sequence[Counted]:
    """The next mappings by number that count for the quota; of one cell or of all, those without a cell too."""
    table = instance_mappings
    query = (
        sa.select(*_COLUMNS)
        .where(table.c.id > after_id, table.c.queued_for_delete.is_(False))
        .order_by(table.c.id)
        .limit(limit)
    )
    if cell_id is not None:
        query = query.where(unindexed(table.c.cell_id) == cell_id)
    return [_counted(row) for row in tx.execute(query)]


def mappings_of(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, Counted]:
    """The mappings of these servers, those on their way out too."""
    return {
        row.instance_uuid: _counted(row)
        for some in _chunks(uuids)
        for row in tx.execute(
            sa.select(*_COLUMNS).where(instance_mappings.c.instance_uuid.in_(some))
        )
    }


def being_built(tx: Transaction, uuids: Sequence[str]) -> frozenset[str]:
    """Those of these servers that are build requests."""
    return frozenset(
        row.instance_uuid
        for some in _chunks(uuids)
        for row in tx.execute(
            sa.select(build_requests.c.instance_uuid).where(
                build_requests.c.instance_uuid.in_(some)
            )
        )
    )


@dataclass(frozen=True, slots=True)
class EndedBuild:
    """A build request whose operation gave up before it could leave the table."""

    instance_uuid: str
    state: str
    updated_at: datetime | None


def ended_builds(tx: Transaction) -> Sequence[EndedBuild]:
    """Build requests that nobody will ever work on again; there should be none."""
    own = build_requests.c
    found: Any = tx.execute(
        sa.select(own.instance_uuid, own.state, own.updated_at)
        .where(own.state.not_in(ALIVE))
        .order_by(own.id)
    )
    return [EndedBuild(*row) for row in found]


def correct(tx: Transaction, seen: Counted, values: Mapping[str, Any]) -> bool:
    """Change the mapping if it is still as it was seen, its time of change included; False otherwise."""
    return (
        tx.execute(
            sa.update(instance_mappings).where(*_same(seen)).values(**values, updated_at=now())
        ).rowcount
        == 1
    )


def add_missing(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Map a server that has no mapping; False when it has one by now."""
    uuid = values["instance_uuid"]
    known = tx.execute(
        sa.select(instance_mappings.c.id).where(instance_mappings.c.instance_uuid == uuid)
    ).first()
    if known is not None:
        return False
    tx.execute(
        sa.insert(instance_mappings).values(
            **values, queued_for_delete=False, created_at=now(), updated_at=now()
        )
    )
    return True


def is_as_seen(tx: Transaction, seen: Counted) -> bool:
    """Whether the mapping is still as it was seen; until the transaction ends nobody else changes it then."""
    query = sa.select(instance_mappings.c.id).where(*_same(seen)).with_for_update()
    return tx.execute(query).first() is not None


def _same(seen: Counted) -> list[sa.ColumnElement[bool]]:
    return [
        _column(name).is_(None) if value is None else _column(name) == value
        for name, value in asdict(seen).items()
    ]


def _counted(row: sa.Row[Any]) -> Counted:
    return Counted(**{**row._mapping, "queued_for_delete": bool(row.queued_for_delete)})


def _chunks(uuids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(uuids), _AT_ONCE):
        yield uuids[start : start + _AT_ONCE]
