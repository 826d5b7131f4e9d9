"""Limits of this deployment's own: configured defaults, overridden by the default class, the project, the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundwork.database import Database, Transaction
from nova.db.api import instance_mappings, quotas
from nova.db.api.instance_mappings import Usage
from nova.quota.limits import RESOURCES, DefaultLimits, FileLimits
from nova.quota.tally import UNLIMITED, Demand, Tally

#: The only class whose limits count.
DEFAULT_CLASS = "default"


class StoredLimits:
    """The driver whose limits are options and rows of the API database."""

    def __init__(self, database: Database, defaults: DefaultLimits) -> None:
        self._database = database
        self._defaults = defaults.by_resource()

    def of_project(self, project_id: str) -> StoredProjectLimits:
        """The limits of a project; they are read in the transaction that looks at them."""
        return StoredProjectLimits(project_id, self._defaults)

    def of_class(self, class_name: str) -> Mapping[str, int]:
        """The configured defaults, overridden by what was set for the class."""
        with self._database.read() as tx:
            return {**self._defaults, **quotas.class_limits(tx, class_name)}

    def metadata_items(self, project_id: str, user_id: str) -> int:
        """Metadata keys that one server of the user in the project may have."""
        return self._of_user(project_id, user_id)["metadata_items"]

    def injected_files(self, project_id: str, user_id: str) -> FileLimits:
        """What one new server of the user in the project may bring along."""
        return FileLimits.of(self._of_user(project_id, user_id))

    def key_pairs(self, project_id: str, user_id: str) -> int:
        """Key pairs that a user may have, as the project says in which they ask for one more."""
        return self._of_user(project_id, user_id)["key_pairs"]

    def usage(self, tx: Transaction, project_id: str, user_id: str | None = None) -> Usage:
        """What the living servers of a project, or of a user in it, count for."""
        return instance_mappings.usage(tx, project_id, user_id)

    def _of_user(self, project_id: str, user_id: str) -> Mapping[str, int]:
        found = self.of_project(project_id)
        with self._database.read() as tx:
            return {**found.of_project(tx), **found.of_user(tx, user_id)}


@dataclass(frozen=True, slots=True)
class StoredProjectLimits:
    """One project's; nothing is known before the transaction but the configured defaults."""

    project_id: str
    defaults: Mapping[str, int]

    def of_project(self, tx: Transaction) -> Mapping[str, int]:
        """Every limit of the project."""
        return {
            **self.defaults,
            **quotas.class_limits(tx, DEFAULT_CLASS),
            **quotas.project_limits(tx, self.project_id),
        }

    def of_user(self, tx: Transaction, user_id: str) -> Mapping[str, int]:
        """The limits set for this user in the project; empty when there are none."""
        return quotas.project_limits(tx, self.project_id, user_id)

    def tallies(self, tx: Transaction, user_id: str, demand: Demand) -> Sequence[Sequence[Tally]]:
        """Servers, vCPUs and memory of the project, then of the user if they have limits of their own."""
        used = instance_mappings.usage(tx, self.project_id)
        holders = [server_tallies(self.of_project(tx), used, demand)]
        if own := self.of_user(tx, user_id):
            used = instance_mappings.usage(tx, self.project_id, user_id)
            holders.append(server_tallies(own, used, demand))
        return holders


def server_tallies(limits: Mapping[str, int], usage: Usage, demand: Demand) -> Sequence[Tally]:
    """The limits on servers, as far as there are some."""
    counted = {
        "instances": (usage.instances, demand.servers_each),
        "cores": (usage.cores, demand.vcpus_each),
        "ram": (usage.ram_mb, demand.memory_mb_each),
    }
    return [
        Tally(resource, limits[resource], used, each)
        for resource, (used, each) in counted.items()
        if resource in limits
    ]


class NoLimits:
    """The driver without limits: everything is unlimited, whatever is configured or was set."""

    def of_project(self, project_id: str) -> NoProjectLimits:
        """-1 for every resource."""
        return NoProjectLimits(project_id)

    def of_class(self, class_name: str) -> Mapping[str, int]:
        """-1 for every resource."""
        return dict.fromkeys(RESOURCES, UNLIMITED)

    def metadata_items(self, project_id: str, user_id: str) -> int:
        """-1."""
        return UNLIMITED

    def injected_files(self, project_id: str, user_id: str) -> FileLimits:
        """-1."""
        return FileLimits(UNLIMITED, UNLIMITED, UNLIMITED)

    def key_pairs(self, project_id: str, user_id: str) -> int:
        """-1."""
        return UNLIMITED

    def usage(self, tx: Transaction, project_id: str, user_id: str | None = None) -> Usage:
        """What the living servers of a project, or of a user in it, count for."""
        return instance_mappings.usage(tx, project_id, user_id)


@dataclass(frozen=True, slots=True)
class NoProjectLimits:
    """One project's: none."""

    project_id: str

    def of_project(self, tx: Transaction) -> Mapping[str, int]:
        """-1 for every resource."""
        return dict.fromkeys(RESOURCES, UNLIMITED)

    def of_user(self, tx: Transaction, user_id: str) -> Mapping[str, int]:
        """None: what was set for a user is not in force."""
        return {}

    def tallies(self, tx: Transaction, user_id: str, demand: Demand) -> Sequence[Sequence[Tally]]:
        """None."""
        return []
