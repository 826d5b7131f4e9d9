"""The preferences of soft server groups: near to the other members, or away from them."""

from __future__ import annotations

from nova.domain.server_group import GroupPolicy
from nova.scheduler.candidates import Candidate
from nova.scheduler.host_view import Ask
from nova.scheduler.weights.weigher import Weigher


class ServerGroupSoftAffinityWeigher(Weigher):
    """Prefer hosts with many members, for requests of a group with the policy soft-affinity."""

    name = "soft_affinity"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return _members(candidate, ask, GroupPolicy.SOFT_AFFINITY)


class ServerGroupSoftAntiAffinityWeigher(Weigher):
    """Prefer hosts with few members, for requests of a group with the policy soft-anti-affinity."""

    name = "soft_anti_affinity"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return -_members(candidate, ask, GroupPolicy.SOFT_ANTI_AFFINITY)


def _members(candidate: Candidate, ask: Ask, policy: GroupPolicy) -> int:
    group = ask.spec.group
    if group is None or group.policy is not policy:
        return 0
    return group.members_on(candidate.host.host)
