"""Tags of servers, in the cell where the server is.

They are kept twice: each in a row of its own, by which lists filter, and all of them in the server's row, of which
lists show them.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import instances, tags


def hold(tx: Transaction, uuid: str) -> str | None:
    """Make changes of one server's tags take turns until this transaction ends; its vm_state, None when it is gone.

    The row is updated, not only read: an UPDATE takes the row's lock on every database.
    """
    is_alive = sa.and_(instances.c.uuid == uuid, instances.c.deleted == 0)
    tx.execute(sa.update(instances).where(is_alive).values(vm_state=instances.c.vm_state))
    return tx.execute(sa.select(instances.c.vm_state).where(is_alive)).scalar()


def of_server(tx: Transaction, uuid: str) -> tuple[str, ...]:
    """Its tags, sorted by code point."""
    found = tx.execute(sa.select(tags.c.tag).where(tags.c.resource_id == uuid)).scalars()
    return tuple(sorted(found))


def add(tx: Transaction, uuid: str, new: Iterable[str]) -> None:
    """Tag a server that has none of these yet, and that is held."""
    rows = [{"resource_id": uuid, "tag": tag} for tag in new]
    if rows:
        tx.execute(sa.insert(tags), rows)
        _show(tx, uuid)


def remove(tx: Transaction, uuid: str, old: Iterable[str]) -> int:
    """Take these tags away from a server that is held; how many of them there were."""
    unwanted = list(old)
    if not unwanted:
        return 0
    removed = tx.execute(
        sa.delete(tags).where(tags.c.resource_id == uuid, tags.c.tag.in_(unwanted))
    ).rowcount
    _show(tx, uuid)
    return removed


def _show(tx: Transaction, uuid: str) -> None:
    """Have lists show the tags that the server has now."""
    shown = list(of_server(tx, uuid)) or None
    tx.execute(sa.update(instances).where(instances.c.uuid == uuid).values(tags=shown))
