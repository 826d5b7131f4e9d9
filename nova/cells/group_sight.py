"""Where the members of a server group are, as the API database and the members' cells tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import server_groups
from nova.db.api.server_groups import Group, Member
from nova.db.cell.whereabouts import Whereabouts, whereabouts
from nova.domain.server_group import GroupPolicy, ServerGroup


@dataclass(frozen=True, slots=True)
class Sight:
    """The group at one moment. ``hosts`` tells where each member may be; those that are not in it are gone."""

    group: Group
    members: Mapping[str, Member]
    hosts: Mapping[str, frozenset[str]]

    @property
    def gone(self) -> tuple[str, ...]:
        """Members of which only the membership is left."""
        return tuple(uuid for uuid in self.members if uuid not in self.hosts)

    def hosts_of(self, member: Member) -> frozenset[str]:
        """Where a member may be that was read again later."""
        before = self.members.get(member.server_uuid)
        seen = self.hosts.get(member.server_uuid, frozenset())
        if before is not None and before.host == member.host:
            return seen
        # It was decided on since: it may be there, and it may not have left yet from where it was.
        return seen | ({member.host} if member.host else frozenset())

    def counting(self, members: Sequence[Member]) -> ServerGroup:
        """The group with the places of these members."""
        counted = self.group.without_members()
        keeps_leaving = self.group.policy is GroupPolicy.ANTI_AFFINITY
        for member in members:
            if keeps_leaving or not member.is_on_its_way_out:
                for host in sorted(self.hosts_of(member)):
                    counted = counted.with_member(host)
        return counted

    def counting_all(self) -> ServerGroup:
        """The group with the places of all members that were seen."""
        return self.counting(tuple(self.members.values()))


def look(
    group_uuid: str,
    *,
    api_database: Database,
    registry: Registry,
    scatter: Scatter,
    without: Set[str] = frozenset(),
) -> Sight | None:
    """The group, but for these members (uuids); None when it was deleted."""
    with api_database.read() as tx:
        group = server_groups.find(tx, group_uuid)
        found = server_groups.members(tx, group.id) if group else ()
    if group is None:
        return None
    members = {m.server_uuid: m for m in found if m.server_uuid not in without}
    return Sight(group, members, _ask_cells(registry, scatter, members))


def _ask_cells(
    registry: Registry, scatter: Scatter, members: Mapping[str, Member]
) -> Mapping[str, frozenset[str]]:
    in_cells = {cell.id: cell for cell in registry.all()}
    wanted = [uuid for uuid, member in members.items() if member.cell_id in in_cells]
    involved = {in_cells[m.cell_id] for m in members.values() if m.cell_id in in_cells}  # type: ignore[index]
    answers = scatter.ask(involved, lambda tx: whereabouts(tx, wanted)) if wanted else {}
    told = {cell.id: answer for cell, answer in answers.items()}
    hosts: dict[str, frozenset[str]] = {}
    for uuid, member in members.items():
        reserved = frozenset({member.host} if member.host else ())
        match told.get(member.cell_id) if member.cell_id is not None else None:
            case None if not member.is_mapped:
                continue
            case None | Late() | Down():
                hosts[uuid] = reserved
            case answer if uuid in answer:
                hosts[uuid] = _between(reserved, answer[uuid])
    return hosts


def _between(reserved: frozenset[str], found: Whereabouts) -> frozenset[str]:
    if found.host is None:
        return frozenset()
    here = found.moves_between | {found.host}
    return here | reserved if found.is_moving else here
