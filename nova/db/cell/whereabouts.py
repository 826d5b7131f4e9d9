"""Where servers really are, as far as others must keep away from them or near to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import instances
from nova.db.cell.server_migrations import hosts_in_progress


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """``host`` None: on no host (its build failed). ``is_moving``: something is being done that may end elsewhere."""

    host: str | None
    is_moving: bool
    #: Both hosts of a move that has not ended: it may be taken back.
    moves_between: frozenset[str] = field(default_factory=frozenset)


def whereabouts(tx: Transaction, uuids: Collection[str]) -> Mapping[str, Whereabouts]:
    """Where these servers are; those that are deleted, or that the cell never had, are left out."""
    table = instances
    found = tx.execute(
        sa.select(table.c.uuid, table.c.host, table.c.vm_state, table.c.task_state).where(
            table.c.uuid.in_(list(uuids)), table.c.deleted == 0
        )
    )
    between = hosts_in_progress(tx, uuids)
    return {
        row.uuid: Whereabouts(
            row.host,
            is_moving=row.vm_state == "building" or row.task_state is not None,
            moves_between=between.get(row.uuid, frozenset()),
        )
        for row in found
    }
