"""All servers of a cell in portions, by number: for commands that go through a cell once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from groundwork.columns import unindexed
from groundwork.database import Transaction
from nova.db.cell.models import compute_nodes, instances
from nova.db.cell.servers import COLUMNS, to_server
from nova.domain.server import Server


def all_after(tx: Transaction, number: int, *, at_most: int) -> Sequence[sa.Row[Any]]:
    """Id, uuid, owner, sizes and ``deleted`` of the next servers, deleted ones too."""
    own = instances.c
    return tx.execute(
        sa.select(
            own.id, own.uuid, own.project_id, own.user_id, own.vcpus, own.memory_mb, own.deleted
        )
        .where(own.id > number)
        .order_by(own.id)
        .limit(at_most)
    ).all()


def living_after(tx: Transaction, number: int, *, at_most: int) -> Sequence[Server]:
    """The next servers that are not deleted, without their tags."""
    own = instances.c
    rows = tx.execute(
        sa.select(*COLUMNS)
        .where(own.id > number, unindexed(own.deleted) == 0)
        .order_by(own.id)
        .limit(at_most)
    )
    return [to_server(row) for row in rows]


def without_image_property(tx: Transaction, name: str, *, hypervisor_type: str) -> Sequence[str]:
    """The uuids of living servers, on nodes of this type, whose image has no property of that name."""
    own = instances.c
    rows = tx.execute(
        sa.select(own.uuid, own.image_properties)
        .join_from(
            instances,
            compute_nodes,
            sa.and_(
                compute_nodes.c.host == own.host, compute_nodes.c.hypervisor_hostname == own.node
            ),
        )
        .where(own.deleted == 0, compute_nodes.c.hypervisor_type == hypervisor_type)
        .order_by(own.id)
    )
    return [row.uuid for row in rows if name not in (row.image_properties or {})]
