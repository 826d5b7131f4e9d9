"""The check that no two requests can pass with the same room.

1. Request A and request B both want the last server of a project.
2. Each updates the project's lock row first; the database lets one through and makes the other wait.
3. A counts, inserts its mappings and commits. Only then does B count, sees A's, and is refused.

Nothing is reserved, so nothing has to be given back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from groundwork.database import Database, Transaction
from nova.db.api import quotas
from nova.quota.limits import ProjectLimits
from nova.quota.tally import Demand, admit

T = TypeVar("T")


def spend(
    database: Database,
    limits: ProjectLimits,
    user_id: str,
    demand: Demand,
    insert: Callable[[Transaction, int], T],
) -> T:
    """The result of ``insert(tx, count)``, with as many servers as the limits allow, at most ``max_count``.

    :raises OverQuota: fewer than ``min_count`` fit; the text is the one that clients know.
    """

    def work(tx: Transaction) -> T | None:
        if not quotas.lock(tx, limits.project_id):
            return None
        return insert(tx, admit(demand, limits.tallies(tx, user_id, demand)))

    result = database.run(work)
    if result is None:
        quotas.make_lock(database, limits.project_id)
        result = database.run(work)
    assert result is not None
    return result
