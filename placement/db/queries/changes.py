"""The change feed: which providers were touched, in the order in which the rows were written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from placement.db.models import provider_changes


def record(tx: Transaction, provider_ids: Iterable[int]) -> None:
    """Append each provider once; every transaction that changes what readers can see of a provider does this."""
    touched = sorted(set(provider_ids))
    if touched:
        rows = [{"resource_provider_id": provider_id} for provider_id in touched]
        tx.execute(sa.insert(provider_changes), rows)


def trim(tx: Transaction, *, older_than: timedelta) -> int:
    """Forget rows that every reader has seen long ago; the number forgotten.

    A reader that was away for longer has to load everything anew, which it does anyway when it starts.
    """
    before = now() - older_than
    gone = tx.execute(sa.delete(provider_changes).where(provider_changes.c.changed_at < before))
    return gone.rowcount
