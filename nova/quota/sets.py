"""What operators see and change of limits: those of a project, of a user in it, and of the default class.

Changes of a project's limits and admissions to it take turns on the same lock row, so a limit is never set below what
a request is taking at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid
from nova.db.api import key_pairs, quotas, server_groups
from nova.quota.limits import Limits, ProjectLimits
from nova.quota.stored import DEFAULT_CLASS
from nova.quota.tally import UNLIMITED

T = TypeVar("T")


class QuotaSets:
    """Limits by resource; -1 means unlimited."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def of(self, project_id: str, user_id: str | None = None) -> Mapping[str, int]:
        """The limits in force for a project, or for one user in it."""
        limits = self._limits.of_project(project_id)
        with self._database.read() as tx:
            return _in_force(tx, limits, user_id)

    def defaults(self) -> Mapping[str, int]:
        """The limits of a project that has none of its own."""
        return self.of_class(DEFAULT_CLASS)

    def of_class(self, class_name: str) -> Mapping[str, int]:
        """Every limit of a quota class."""
        return self._limits.of_class(class_name)

    def in_use(self, project_id: str, user_id: str | None = None) -> Mapping[str, int]:
        """What is counted now, for the project or for one user in it; resources that are not counted are left out."""
        with self._database.read() as tx:
            return self._in_use(tx, project_id, user_id)

    def change(
        self,
        project_id: str,
        user_id: str | None,
        limits: Mapping[str, int],
        *,
        even_below_use: bool = False,
    ) -> Mapping[str, int]:
        """Set these limits; all that are in force then, which are others where the driver takes them from elsewhere.

        :raises Invalid: a limit is below what is used, or that of a user above the project's; ``even_below_use`` lets
            both pass.
        """

        found = self._limits.of_project(project_id)

        def work(tx: Transaction) -> Mapping[str, int]:
            if not even_below_use:
                self._require_settable(tx, found, user_id, limits)
            quotas.set_project_limits(tx, project_id, limits, user_id or "")
            return _in_force(tx, found, user_id)

        return self._in_turn(project_id, work)

    def change_class(self, class_name: str, limits: Mapping[str, int]) -> Mapping[str, int]:
        """Set these limits of a class; all that it has then."""

        def work(tx: Transaction) -> bool:
            quotas.set_class_limits(tx, class_name, limits)
            return True

        self._in_turn(f"class:{class_name}", work)
        return self.of_class(class_name)

    def reset(self, project_id: str, user_id: str | None = None) -> None:
        """Back to the defaults: the project with all of its users, or one user only."""

        def work(tx: Transaction) -> bool:
            quotas.drop_project_limits(tx, project_id, user_id)
            return True

        self._in_turn(project_id, work)

    def _require_settable(
        self,
        tx: Transaction,
        found: ProjectLimits,
        user_id: str | None,
        limits: Mapping[str, int],
    ) -> None:
        used = self._in_use(tx, found.project_id, user_id)
        highest = found.of_project(tx) if user_id else {}
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

    def _in_use(self, tx: Transaction, project_id: str, user_id: str | None) -> Mapping[str, int]:
        usage = self._limits.usage(tx, project_id, user_id)
        return {
            "instances": usage.instances,
            "cores": usage.cores,
            "ram": usage.ram_mb,
            "server_groups": server_groups.count(tx, project_id, user_id),
            # They belong to users, not to projects.
            "key_pairs": key_pairs.count_key_pairs(tx, user_id) if user_id else 0,
        }

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


def _in_force(tx: Transaction, limits: ProjectLimits, user_id: str | None) -> Mapping[str, int]:
    own = limits.of_user(tx, user_id) if user_id else {}
    return {**limits.of_project(tx), **own}
