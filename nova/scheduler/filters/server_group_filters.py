"""Does the policy of the request's server group let one more member onto the host.

The group comes with the request and says where its members are, those included that this request has placed so far.
What others decide at the same moment is settled afterwards, when the places are reserved.
"""

from __future__ import annotations

from typing import ClassVar

from nova.domain.server_group import GroupPolicy
from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_view import Ask, HostView


class _GroupFilter(Filter):
    """A filter for groups of one policy."""

    policy: ClassVar[GroupPolicy]
    # A forced host breaks the policy as any other one does.
    holds_for_forced_hosts: ClassVar[bool] = True

    def applies(self, ask: Ask) -> bool:
        return ask.spec.group is not None and ask.spec.group.policy is self.policy


class ServerGroupAntiAffinityFilter(_GroupFilter):
    """Hosts that have less than ``max_server_per_host`` (one, when there is no such rule) members of the group."""

    policy = GroupPolicy.ANTI_AFFINITY

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        group = ask.spec.group
        if group is None or not self.applies(ask) or not group.refuses(host.host):
            return None
        return self.because(f"has {group.members_on(host.host)} members of group {group.uuid}")


class ServerGroupAffinityFilter(_GroupFilter):
    """The host that the members of the group are on; any host while there is none."""

    policy = GroupPolicy.AFFINITY

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        group = ask.spec.group
        if group is None or not self.applies(ask) or not group.refuses(host.host):
            return None
        return self.because(f"the members of group {group.uuid} are on {sorted(group.hosts)}")
