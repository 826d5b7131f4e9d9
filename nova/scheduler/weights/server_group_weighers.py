"""The preferences of soft server groups: near to the other members, or away from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nova.domain.server_group import GroupPolicy
from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.host_view import Ask, HostView
from nova.scheduler.lineup import Lineup
from nova.scheduler.weights.weigher import Weigher


class ServerGroupSoftAffinityWeigher(Weigher):
    """Prefer hosts with many members, for requests of a group with the policy soft-affinity."""

    name = "soft_affinity"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return _members(candidate.host, ask, GroupPolicy.SOFT_AFFINITY)

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return _members_on_each(candidates, ask, GroupPolicy.SOFT_AFFINITY)


class ServerGroupSoftAntiAffinityWeigher(Weigher):
    """Prefer hosts with few members, for requests of a group with the policy soft-anti-affinity."""

    name = "soft_anti_affinity"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return -_members(candidate.host, ask, GroupPolicy.SOFT_ANTI_AFFINITY)

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return -_members_on_each(candidates, ask, GroupPolicy.SOFT_ANTI_AFFINITY)


def _members(host: HostView, ask: Ask, policy: GroupPolicy) -> int:
    group = ask.spec.group
    if group is None or group.policy is not policy:
        return 0
    return group.members_on(host.host)


def _members_on_each(candidates: Lineup, ask: Ask, policy: GroupPolicy) -> Numbers:
    if ask.spec.group is None:
        return np.zeros(len(candidates))
    return np.array([_members(host, ask, policy) for host in candidates.hosts], dtype=np.float64)
