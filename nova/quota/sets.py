"""What operators see and change of limits: those of a project, of a user in it, and of the default class.

Changes of a project's limits and admissions to it take turns on the same lock row, so a limit is never set below what
a request is taking at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid
from nova.db.api import instance_mappings, key_pairs, quotas, server_groups
from nova.quota.limits import UNLIMITED, Limits

T = TypeVar("T")

#: The only class whose limits count.
DEFAULT_CLASS = "default"


class QuotaSets:
    """Limits by resource; -1 means unlimited."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def of(self, project_id: str, user_id: str | None = None) -> Mapping[str, int]:
        """The limits in force for a project, or for one user in it."""
        with self._database.read() as tx:
            return self._of(tx, project_id, user_id)

    def defaults(self) -> Mapping[str, int]:
        """The limits of a project that has none of its own."""
        return self.of_class(DEFAULT_CLASS)

    def of_class(self, class_name: str) -> Mapping[str, int]:
        """The configured defaults, overridden by what was set for the class."""
        with self._database.read() as tx:
            return self._limits.of_class(tx, class_name)

    def in_use(self, project_id: str, user_id: str | None = None) -> Mapping[str, int]:
        """What is counted now, for the project or for one user in it; resources that are not counted are left out."""
        with self._database.read() as tx:
            return _in_use(tx, project_id, user_id)

    def change(
        self,
        project_id: str,
        user_id: str | None,
        limits: Mapping[str, int],
        *,
        even_below_use: bool = False,
    ) -> Mapping[str, int]:
        """Set these limits; all that are in force then.

        :raises Invalid: a limit is below what is used, or that of a user above the project's; ``even_below_use`` lets
            both pass.
        """

        def work(tx: Transaction) -> Mapping[str, int]:
            if not even_below_use:
                self._require_settable(tx, project_id, user_id, limits)
            quotas.set_project_limits(tx, project_id, limits, user_id or "")
            return self._of(tx, project_id, user_id)

        return self._in_turn(project_id, work)

    def change_class(self, class_name: str, limits: Mapping[str, int]) -> Mapping[str, int]:
        """Set these limits of a class; all that it has then."""

        def work(tx: Transaction) -> Mapping[str, int]:
            quotas.set_class_limits(tx, class_name, limits)
            return self._limits.of_class(tx, class_name)

        return self._in_turn(f"class:{class_name}", work)

    def reset(self, project_id: str, user_id: str | None = None) -> None:
        """Back to the defaults: the project with all of its users, or one user only."""

        def work(tx: Transaction) -> bool:
            quotas.drop_project_limits(tx, project_id, user_id)
            return True

        self._in_turn(project_id, work)

    def _of(self, tx: Transaction, project_id: str, user_id: str | None) -> Mapping[str, int]:
        own = self._limits.of_user(tx, project_id, user_id) if user_id else {}
        return {**self._limits.of_project(tx, project_id), **own}

    def _require_settable(
        self, tx: Transaction, project_id: str, user_id: str | None, limits: Mapping[str, int]
    ) -> None:
        used = _in_use(tx, project_id, user_id)
        highest = self._limits.of_project(tx, project_id) if user_id else {}
        for resource, limit in sorted(limits.items()):
            if limit != UNLIMITED and limit < used.get(resource, 0):
                raise Invalid(
                    f"Quota limit {limit} for {resource} must be greater than or equal to already used and reserved "
                    f"{used[resource]}."
                )
            most = highest.get(resource, UNLIMITED)
            if most != UNLIMITED and (limit == UNLIMITED or limit > most):
                raise Invalid(
                    f"Quota limit {limit} for {resource} must be less than or equal to {most}, which is the project's."
                )

    def _in_turn(self, holder: str, work: Callable[[Transaction], T]) -> T:
        """``work`` in a transaction that holds the lock row of the holder first."""

        def locked(tx: Transaction) -> T | None:
            return work(tx) if quotas.lock(tx, holder) else None

        done = self._database.run(locked)
        if done is None:
            quotas.make_lock(self._database, holder)
            done = self._database.run(locked)
        assert done is not None
        return done


def _in_use(tx: Transaction, project_id: str, user_id: str | None) -> Mapping[str, int]:
    usage = instance_mappings.usage(tx, project_id, user_id)
    return {
        "instances": usage.instances,
        "cores": usage.cores,
        "ram": usage.ram_mb,
        "server_groups": server_groups.count(tx, project_id, user_id),
        # They belong to users, not to projects.
        "key_pairs": key_pairs.count_key_pairs(tx, user_id) if user_id else 0,
    }
