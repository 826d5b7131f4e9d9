"""Limits of the identity service: registered ones for everybody, and those of a project instead.

Names are those that operators register: ``servers``, ``server_groups`` and so on, ``class:VCPU`` for the amounts of a
resource class. Usage is counted here, as with every driver; the identity service knows limits only. Users have none of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from groundwork.database import Transaction
from nova.db.api import instance_mappings
from nova.db.api.instance_mappings import Usage
from nova.quota.limits import FileLimits
from nova.quota.tally import UNLIMITED, Demand, Tally

SERVERS = "servers"
_CLASS = "class:"

#: What the identity service calls the resources that the Compute API knows.
NAMES: Mapping[str, str] = {
    "instances": SERVERS,
    "cores": "class:VCPU",
    "ram": "class:MEMORY_MB",
    "metadata_items": "server_metadata_items",
    "injected_files": "server_injected_files",
    "injected_file_content_bytes": "server_injected_file_content_bytes",
    "injected_file_path_bytes": "server_injected_file_path_bytes",
    "key_pairs": "server_key_pairs",
    "server_groups": "server_groups",
    "server_group_members": "server_group_members",
}


def name_of_class(resource_class: str) -> str:
    """What the identity service calls amounts of a resource class."""
    return f"{_CLASS}{resource_class}"


class Strategy(StrEnum):
    """What the list of resources means."""

    REQUIRE = "require"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a resource without a registered limit means, and whether PCPU counts for VCPU too."""

    strategy: Strategy = Strategy.REQUIRE
    resources: Set[str] = frozenset({SERVERS})
    counts_pcpu_as_vcpu: bool = False

    def unregistered(self, name: str) -> int:
        """The limit of a resource that has no registered one: 0 for those that have to have one."""
        has_to = (name in self.resources) == (self.strategy is Strategy.REQUIRE)
        return 0 if has_to else UNLIMITED

    def counted(self, amounts: Mapping[str, int]) -> Mapping[str, int]:
        """Amounts by class as they count for limits."""
        if not self.counts_pcpu_as_vcpu or "PCPU" not in amounts:
            return amounts
        return {**amounts, "VCPU": amounts.get("VCPU", 0) + amounts["PCPU"]}


class LimitSource(Protocol):
    """The identity service, as far as limits go. Both raise ``Unavailable`` when it does not answer."""

    def registered(self) -> Mapping[str, int]:
        """The limits of whoever has no other, by the service's names."""
        ...

    def of_project(self, project_id: str) -> Mapping[str, int]:
        """The limits in force for a project that have a registered one, by the service's names."""
        ...


class UnifiedLimits:
    """The driver whose limits are those of the identity service."""

    def __init__(self, source: LimitSource, rules: Rules) -> None:
        self._source = source
        self._rules = rules

    def of_project(self, project_id: str) -> UnifiedProjectLimits:
        """The limits of a project as they are now; a transaction that takes longer does not see them change."""
        return UnifiedProjectLimits(project_id, self._source.of_project(project_id), self._rules)

    def of_class(self, class_name: str) -> Mapping[str, int]:
        """The registered limits, whatever the class."""
        return _by_resource(self._source.registered(), self._rules)

    def metadata_items(self, project_id: str, user_id: str) -> int:
        """Metadata keys that one server may have, whoever in the project has it."""
        return self.of_project(project_id).limit(NAMES["metadata_items"])

    def injected_files(self, project_id: str, user_id: str) -> FileLimits:
        """What one new server may bring along, whoever in the project has it."""
        found = self.of_project(project_id)
        return FileLimits.of({name: found.limit(NAMES[name]) for name in NAMES})

    def key_pairs(self, project_id: str, user_id: str) -> int:
        """Key pairs that a user may have, as the project says in which they ask for one more."""
        return self.of_project(project_id).limit(NAMES["key_pairs"])

    def usage(self, tx: Transaction, project_id: str, user_id: str | None = None) -> Usage:
        """What the living servers of a project count for: vCPUs and memory are those of the classes VCPU and MEMORY_MB.

        Users have no limits here, so nobody compares what is told of one: it is that of their flavors.
        """
        counted = instance_mappings.usage(tx, project_id, user_id)
        if user_id is not None:
            return counted
        used = self._rules.counted(instance_mappings.class_usage(tx, project_id))
        return replace(counted, cores=used.get("VCPU", 0), ram_mb=used.get("MEMORY_MB", 0))


@dataclass(frozen=True, slots=True)
class UnifiedProjectLimits:
    """One project's; all known before the transaction. ``found`` are by the identity service's names."""

    project_id: str
    found: Mapping[str, int]
    rules: Rules

    def limit(self, name: str) -> int:
        """The limit of a resource, by its name in the identity service."""
        limit = self.found.get(name)
        return self.rules.unregistered(name) if limit is None else limit

    def of_project(self, tx: Transaction) -> Mapping[str, int]:
        """Every limit of the project that the Compute API knows."""
        return _by_resource(self.found, self.rules)

    def of_user(self, tx: Transaction, user_id: str) -> Mapping[str, int]:
        """None: the identity service has no limits of users."""
        return {}

    def tallies(self, tx: Transaction, user_id: str, demand: Demand) -> Sequence[Sequence[Tally]]:
        """Servers, and each resource class that the servers take something of."""
        each = self.rules.counted(demand.resources_each)
        limits = {name: self.limit(name_of_class(name)) for name in each}
        limits = {name: limit for name, limit in limits.items() if limit != UNLIMITED}
        used: Mapping[str, int] = {}
        if limits:
            used = self.rules.counted(instance_mappings.class_usage(tx, self.project_id))
        servers = instance_mappings.usage(tx, self.project_id).instances
        return [
            [
                Tally(SERVERS, self.limit(SERVERS), servers, demand.servers_each),
                *(
                    Tally(name_of_class(name), limit, used.get(name, 0), each[name])
                    for name, limit in limits.items()
                ),
            ]
        ]


def _by_resource(found: Mapping[str, int], rules: Rules) -> dict[str, int]:
    return {resource: found.get(name, rules.unregistered(name)) for resource, name in NAMES.items()}
