"""How transactions that change one provider end: it is told of, and what was done is committed.

Nothing may be asked of the transaction after that: where it saves trips, the commit has gone with the last statement.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from oslo_db import exception as db_exc

from groundwork.database import Transaction
from placement.db.queries import blocks, changes, providers


def raise_generation(tx: Transaction, provider_id: int) -> None:
    """The provider has changed: its next generation begins.

    :raises oslo_db.exception.DBDeadlock: see :func:`_ended`.
    """
    if tx.takes_blocks:
        _ended(lambda: blocks.end_with_raise(tx, provider_id))
    else:
        providers.raise_generation(tx, [provider_id])
        changes.record(tx, [provider_id])


def place(tx: Transaction, provider_id: int, root_id: int, moment: datetime) -> None:
    """The provider is new, in the tree of this root.

    :raises oslo_db.exception.DBDeadlock: see :func:`_ended`.
    """
    if tx.takes_blocks:
        _ended(lambda: blocks.end_with_place(tx, provider_id, root_id, moment))
    else:
        providers.place(tx, provider_id, root_id, moment)
        changes.record(tx, [provider_id])


def _ended(end: Callable[[], None]) -> None:
    """Send the block.

    :raises oslo_db.exception.DBDeadlock: a reader of the feed took this writer for dead (see :func:`changes.record`).
    """
    try:
        end()
    except db_exc.DBDuplicateEntry as exc:
        raise db_exc.DBDeadlock(exc.inner_exception) from exc
