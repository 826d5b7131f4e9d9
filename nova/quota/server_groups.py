"""Limits on server groups: how many a project (or a user in it) has, and how many servers a user has in one.

Counted in the transaction that inserts, under a lock, as the ledger does with servers: two requests cannot take the
same room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from groundwork.database import Database, Transaction
from groundwork.errors import OverQuota
from nova.db.api import quotas, server_groups
from nova.db.api.server_groups import Group
from nova.quota.limits import Limits, ProjectLimits
from nova.quota.tally import UNLIMITED, is_over

T = TypeVar("T")

GROUPS = "server_groups"
MEMBERS = "server_group_members"


def spend_group(
    database: Database,
    limits: Limits,
    project_id: str,
    user_id: str,
    insert: Callable[[Transaction], T],
) -> T:
    """The result of ``insert(tx)``, which makes one group, if the limits allow it.

    :raises OverQuota: the project or the user has as many as they may.
    """

    found = limits.of_project(project_id)

    def work(tx: Transaction) -> T | None:
        if not quotas.lock(tx, project_id):
            return None
        _admit_group(tx, found, user_id)
        return insert(tx)

    made = database.run(work)
    if made is None:
        quotas.make_lock(database, project_id)
        made = database.run(work)
    assert made is not None
    return made


def _admit_group(tx: Transaction, limits: ProjectLimits, user_id: str) -> None:
    project_id = limits.project_id
    asked = (
        (limits.of_project(tx), server_groups.count(tx, project_id)),
        (limits.of_user(tx, user_id), server_groups.count(tx, project_id, user_id)),
    )
    for limit, used in asked:
        if is_over(limit.get(GROUPS, UNLIMITED), used, 1):
            raise OverQuota("Quota exceeded, too many server groups.", over=[GROUPS])


def admit_members(
    tx: Transaction, limits: ProjectLimits, group: Group, user_id: str, count: int
) -> None:
    """Let ``count`` more servers of the user into the group; the caller holds the group's lock in this transaction.

    ``limits`` are those of the project that has the group.

    :raises OverQuota: the user then has more servers in it than the limit of the user, or of the project, is.
    """
    limit = {**limits.of_project(tx), **limits.of_user(tx, user_id)}.get(MEMBERS, UNLIMITED)
    if is_over(limit, server_groups.count_members(tx, group.id, user_id), count):
        raise OverQuota("Quota exceeded, too many servers in group", over=[MEMBERS])
