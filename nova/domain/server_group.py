"""A server group as the scheduler sees it: what it wants, and where its members are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class GroupPolicy(StrEnum):
    """How the members of a group stand to each other's hosts; the soft ones are preferences only."""

    AFFINITY = "affinity"
    ANTI_AFFINITY = "anti-affinity"
    SOFT_AFFINITY = "soft-affinity"
    SOFT_ANTI_AFFINITY = "soft-anti-affinity"

    @property
    def is_strict(self) -> bool:
        """Whether no server may ever break it."""
        return self in (GroupPolicy.AFFINITY, GroupPolicy.ANTI_AFFINITY)


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A group and the hosts of those members that are not being decided on.

    A member that may be on either of two hosts (it is being moved) counts on both.
    """

    uuid: str
    policy: GroupPolicy
    #: With anti-affinity: members that one host may have; None means one.
    max_server_per_host: int | None = None
    #: Host -> members on it.
    hosts: Mapping[str, int] = field(default_factory=dict)

    def members_on(self, host: str) -> int:
        """How many members the host has."""
        return self.hosts.get(host, 0)

    def with_member(self, host: str) -> ServerGroup:
        """The group after one more member was placed."""
        return replace(self, hosts={**self.hosts, host: self.members_on(host) + 1})

    def refuses(self, host: str) -> bool:
        """Whether one more member on this host would break the policy; soft policies never say so."""
        match self.policy:
            case GroupPolicy.ANTI_AFFINITY:
                return self.members_on(host) >= (self.max_server_per_host or 1)
            case GroupPolicy.AFFINITY:
                return bool(self.hosts) and host not in self.hosts
            case _:
                return False
