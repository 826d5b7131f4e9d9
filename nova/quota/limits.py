"""Limits in force: configured defaults, overridden by the default class, the project, the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.database import Database, Transaction
from nova.db.api import quotas

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class DefaultLimits:
    """The operator's configured defaults; -1 means unlimited. Sizes in MiB and bytes as their names say."""

    instances: int = 10
    cores: int = 20
    ram: int = 51200
    metadata_items: int = 128
    injected_files: int = 5
    injected_file_content_bytes: int = 10240
    injected_file_path_bytes: int = 255
    key_pairs: int = 100
    server_groups: int = 10
    server_group_members: int = 10

    def by_resource(self) -> dict[str, int]:
        """The defaults by resource name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Limits:
    """Answers what the limit of a resource is."""

    def __init__(self, database: Database, defaults: DefaultLimits) -> None:
        self._database = database
        self._defaults = defaults.by_resource()

    def of_class(self, tx: Transaction, class_name: str) -> Mapping[str, int]:
        """Every limit of a quota class; only that of ``default`` counts for anybody."""
        return {**self._defaults, **quotas.class_limits(tx, class_name)}

    def of_project(self, tx: Transaction, project_id: str) -> Mapping[str, int]:
        """Every limit of a project, inside the caller's transaction."""
        return {**self.of_class(tx, "default"), **quotas.project_limits(tx, project_id)}

    def of_user(self, tx: Transaction, project_id: str, user_id: str) -> Mapping[str, int]:
        """The limits set for this user in this project; empty when there are none."""
        return quotas.project_limits(tx, project_id, user_id)

    def metadata_items(self, project_id: str) -> int:
        """Metadata keys that one server may have."""
        return self._one(project_id, "metadata_items")

    def injected_files(self, project_id: str) -> tuple[int, int, int]:
        """Files a create may inject; bytes of each content, and of each path."""
        with self._database.read() as tx:
            found = self.of_project(tx, project_id)
        return (
            found["injected_files"],
            found["injected_file_content_bytes"],
            found["injected_file_path_bytes"],
        )

    def key_pairs(self, project_id: str, user_id: str) -> int:
        """Key pairs that a user may have, as the project says in which they ask for one more."""
        with self._database.read() as tx:
            limits = {
                **self.of_project(tx, project_id),
                **self.of_user(tx, project_id, user_id),
            }
        return limits["key_pairs"]

    def _one(self, project_id: str, resource: str) -> int:
        with self._database.read() as tx:
            return self.of_project(tx, project_id)[resource]


class NoLimits(Limits):
    """Everything is unlimited, whatever is configured or was set."""

    def of_class(self, tx: Transaction, class_name: str) -> Mapping[str, int]:
        """-1 for every resource."""
        return dict.fromkeys(self._defaults, UNLIMITED)

    def of_project(self, tx: Transaction, project_id: str) -> Mapping[str, int]:
        """-1 for every resource."""
        return self.of_class(tx, "default")

    def of_user(self, tx: Transaction, project_id: str, user_id: str) -> Mapping[str, int]:
        """None: what was set for a user is not in force."""
        return {}


def is_over(limit: int, used: int, asked: int) -> bool:
    """Whether ``asked`` more would exceed the limit."""
    return limit != UNLIMITED and used + asked > limit
