"""What every driver of ``[quota]`` answers, in two moments: before a transaction begins, and inside it.

A driver may have to ask another service for limits. That takes as long as it takes and may fail, so it is never done
while a transaction is open and others wait for its lock: whoever checks something gets the project's limits first, then
begins, locks and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from groundwork.database import Transaction
from nova.db.api.instance_mappings import Usage
from nova.quota.tally import Demand, Tally


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


#: The resources that the Compute API knows, by the names it has for them.
RESOURCES = tuple(DefaultLimits.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What may be injected into one server; -1 means unlimited."""

    files: int
    content_bytes: int
    path_bytes: int

    @classmethod
    def of(cls, limits: Mapping[str, int]) -> FileLimits:
        """Of limits by the names of :data:`RESOURCES`."""
        return cls(
            limits["injected_files"],
            limits["injected_file_content_bytes"],
            limits["injected_file_path_bytes"],
        )


class ProjectLimits(Protocol):
    """The limits of one project, as far as they are known without a transaction; what is missing is read in it."""

    @property
    def project_id(self) -> str:
        """Whose they are."""
        ...

    def of_project(self, tx: Transaction) -> Mapping[str, int]:
        """Every limit of the project, by the names of :data:`RESOURCES`."""
        ...

    def of_user(self, tx: Transaction, user_id: str) -> Mapping[str, int]:
        """The limits set for this user in the project; empty when there are none."""
        ...

    def tallies(self, tx: Transaction, user_id: str, demand: Demand) -> Sequence[Sequence[Tally]]:
        """What servers are limited by: the project's limits, then those of the user if there are any."""
        ...


class Limits(Protocol):
    """Answers what the limit of a resource is. To be asked while no transaction is open, unless a call takes one.

    Every other call may raise ``Unavailable``, where limits come from another service.
    """

    def of_project(self, project_id: str, /) -> ProjectLimits:
        """The limits of a project, to be looked at in a transaction."""
        ...

    def of_class(self, class_name: str, /) -> Mapping[str, int]:
        """Every limit of a quota class; only that of ``default`` counts for anybody."""
        ...

    def metadata_items(self, project_id: str, user_id: str, /) -> int:
        """Metadata keys that one server of the user in the project may have."""
        ...

    def injected_files(self, project_id: str, user_id: str, /) -> FileLimits:
        """What one new server of the user in the project may bring along."""
        ...

    def key_pairs(self, project_id: str, user_id: str, /) -> int:
        """Key pairs that a user may have, as the project says in which they ask for one more."""
        ...

    def usage(self, tx: Transaction, project_id: str, user_id: str | None = None) -> Usage:
        """What the living servers of a project, or of a user in it, count for."""
        ...
