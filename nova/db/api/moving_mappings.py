"""What servers count for while they move: as much as the larger of both flavors, until it is known how the move ended.

Cells never write here, so a mapping is marked (``unsettled_at``) when a move is accepted, and whoever works above the
cells looks at the marked ones until they rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.api import server_groups
from nova.db.api.models import instance_mappings, request_specs
from nova.domain.request_spec import RequestSpec
from nova.domain.resources import amounts_by_class


@dataclass(frozen=True, slots=True)
class Sizes:
    """What one server counts for; memory in MiB, ``resources`` by resource class."""

    vcpus: int
    memory_mb: int
    resources: Mapping[str, int]

    @classmethod
    def of(cls, spec: RequestSpec) -> Sizes:
        """What a server of that request counts for."""
        return cls(spec.flavor.vcpus, spec.flavor.memory_mb, amounts_by_class(spec))

    def larger(self, other: Sizes) -> Sizes:
        """As much as either of both, of everything."""
        return Sizes(
            max(self.vcpus, other.vcpus),
            max(self.memory_mb, other.memory_mb),
            {
                name: max(self.resources.get(name, 0), other.resources.get(name, 0))
                for name in (*self.resources, *other.resources)
            },
        )


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A marked mapping."""

    id: int
    server_uuid: str
    cell_id: int
    unsettled_at: datetime
    counted: Sizes | None
    spec: RequestSpec | None


def mark(tx: Transaction, server_uuid: str, sizes: Sizes) -> bool:
    """Count the server for at least so much from now on, and look at it again later; may run twice.

    False when nothing is known of the server (any more).
    """
    table = instance_mappings
    row = tx.execute(
        sa.select(table.c.vcpus, table.c.memory_mb, table.c.resources).where(
            table.c.instance_uuid == server_uuid
        )
    ).first()
    if row is None:
        return False
    counted = sizes.larger(Sizes(row.vcpus, row.memory_mb, row.resources or {}))
    moment = now()
    tx.execute(
        sa.update(table)
        .where(table.c.instance_uuid == server_uuid)
        .values(**_columns(counted), unsettled_at=moment, updated_at=moment)
    )
    return True


def count(tx: Transaction, server_uuid: str, sizes: Sizes) -> None:
    """Count a marked server for exactly so much; it stays marked."""
    table = instance_mappings
    tx.execute(
        sa.update(table)
        .where(table.c.instance_uuid == server_uuid, table.c.unsettled_at.is_not(None))
        .values(**_columns(sizes), updated_at=now())
    )


def settle(
    tx: Transaction, seen: Unsettled, sizes: Sizes, spec: RequestSpec | None, host: str | None
) -> bool:
    """The move has ended: take the mark away and keep what the server is now; False when it was marked anew."""
    table = instance_mappings
    settled = tx.execute(
        sa.update(table)
        .where(table.c.id == seen.id, table.c.unsettled_at == seen.unsettled_at)
        .values(**_columns(sizes), unsettled_at=None, updated_at=now())
    ).rowcount
    if not settled:
        return False
    if spec is not None and spec != seen.spec:
        tx.execute(
            sa.update(request_specs)
            .where(request_specs.c.instance_uuid == seen.server_uuid)
            .values(spec=msgspec.to_builtins(spec), updated_at=now())
        )
    if spec is not None and spec.group is not None and server_groups.lock(tx, spec.group.uuid):
        server_groups.place(tx, seen.server_uuid, host)
    return True


def unsettled(tx: Transaction, *, after_id: int, limit: int) -> Sequence[Unsettled]:
    """The next marked mappings that are in a cell, by number."""
    table = instance_mappings
    rows = tx.execute(
        sa.select(table, request_specs.c.spec)
        .join_from(
            table,
            request_specs,
            request_specs.c.instance_uuid == table.c.instance_uuid,
            isouter=True,
        )
        .where(
            table.c.unsettled_at.is_not(None),
            table.c.queued_for_delete.is_(False),
            table.c.cell_id.is_not(None),
            table.c.id > after_id,
        )
        .order_by(table.c.id)
        .limit(limit)
    )
    return [
        Unsettled(
            row.id,
            row.instance_uuid,
            row.cell_id,
            row.unsettled_at,
            None if row.resources is None else Sizes(row.vcpus, row.memory_mb, dict(row.resources)),
            None if row.spec is None else convert(row.spec, RequestSpec),
        )
        for row in rows
    ]


def _columns(sizes: Sizes) -> dict[str, object]:
    return {
        "vcpus": sizes.vcpus,
        "memory_mb": sizes.memory_mb,
        "resources": dict(sizes.resources),
    }
