"""The check that no two requests can pass with the same room.

1. Request A and request B both want the last server of a project.
2. Each updates the project's lock row first; the database lets one through and makes the other wait.
3. A counts, inserts its mappings and commits. Only then does B count, sees A's, and is refused.

Nothing is reserved, so nothing has to be given back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from groundwork.database import Database, Transaction
from groundwork.errors import OverQuota
from nova.db.api import instance_mappings, quotas
from nova.db.api.instance_mappings import Usage
from nova.quota.limits import UNLIMITED, Limits, is_over

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request would add. It is refused when not even ``min_count`` servers fit."""

    min_count: int
    max_count: int
    vcpus_each: int
    memory_mb_each: int


class Ledger:
    """Checks demands and lets the caller insert in the same transaction."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    @property
    def limits(self) -> Limits:
        """The limits that it checks against."""
        return self._limits

    def spend(
        self,
        project_id: str,
        user_id: str,
        demand: Demand,
        insert: Callable[[Transaction, int], T],
    ) -> T:
        """The result of ``insert(tx, count)``, with as many servers as the limits allow, at most ``max_count``.

        :raises OverQuota: fewer than ``min_count`` fit; the text is the one that clients know.
        """

        def work(tx: Transaction) -> T | None:
            if not quotas.lock(tx, project_id):
                return None
            return insert(tx, self._allowed(tx, project_id, user_id, demand))

        result = self._database.run(work)
        if result is None:
            quotas.make_lock(self._database, project_id)
            result = self._database.run(work)
        assert result is not None
        return result

    def _allowed(self, tx: Transaction, project_id: str, user_id: str, demand: Demand) -> int:
        limits = dict(self._limits.of_project(tx, project_id))
        usages = [(limits, instance_mappings.usage(tx, project_id))]
        own = self._limits.of_user(tx, project_id, user_id)
        if own:
            usages.append((dict(own), instance_mappings.usage(tx, project_id, user_id)))
        for limit, usage in usages:
            if _exceeded(limit, usage, demand, demand.min_count):
                raise _refusal(limit, usage, demand)
        return min([demand.max_count, *_rooms(usages, demand)])


def _rooms(usages: Sequence[tuple[dict[str, int], Usage]], demand: Demand) -> Iterator[int]:
    """How many servers each limit still lets in."""
    for limits, usage in usages:
        used = _used(usage)
        for resource, each in _asked(demand, 1).items():
            if each and limits.get(resource, UNLIMITED) != UNLIMITED:
                yield (limits[resource] - used[resource]) // each


def _asked(demand: Demand, count: int) -> dict[str, int]:
    return {
        "instances": count,
        "cores": count * demand.vcpus_each,
        "ram": count * demand.memory_mb_each,
    }


def _used(usage: Usage) -> dict[str, int]:
    return {"instances": usage.instances, "cores": usage.cores, "ram": usage.ram_mb}


def _exceeded(limits: dict[str, int], usage: Usage, demand: Demand, count: int) -> list[str]:
    used = _used(usage)
    return [
        resource
        for resource, asked in _asked(demand, count).items()
        if asked and is_over(limits.get(resource, UNLIMITED), used[resource], asked)
    ]


def _refusal(limits: dict[str, int], usage: Usage, demand: Demand) -> OverQuota:
    over = sorted(_exceeded(limits, usage, demand, demand.min_count))
    asked, used = _asked(demand, demand.min_count), _used(usage)
    return OverQuota(
        f"Quota exceeded for {', '.join(over)}: "
        f"Requested {', '.join(str(asked[name]) for name in over)}, "
        f"but already used {', '.join(str(used[name]) for name in over)} "
        f"of {', '.join(str(limits[name]) for name in over)} {', '.join(over)}",
        over=over,
    )
