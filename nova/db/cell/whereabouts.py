"""Where servers really are, as far as others must keep away from them or near to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import instances


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """``host`` None: on no host (its build failed). ``is_moving``: something is being done that may end elsewhere."""

    host: str | None
    is_moving: bool


def whereabouts(tx: Transaction, uuids: Collection[str]) -> Mapping[str, Whereabouts]:
    """Where these servers are; those that are deleted, or that the cell never had, are left out."""
    table = instances
    found = tx.execute(
        sa.select(table.c.uuid, table.c.host, table.c.vm_state, table.c.task_state).where(
            table.c.uuid.in_(list(uuids)), table.c.deleted == 0
        )
    )
    return {
        row.uuid: Whereabouts(
            row.host, is_moving=row.vm_state == "building" or row.task_state is not None
        )
        for row in found
    }
