"""Answers of the host table that are given again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from nova.scheduler.host_view import HostView

# Answers that are kept as they are. More: memory, of a pointer for each host of each answer; fewer than there are
# flavors for which Placement names different hosts: each answer is put together anew.
_MOST = 64


@dataclass(frozen=True, slots=True)
class Known:
    """Hosts by node uuid, and for each node that is no host the reason why.

    A host may be replaced later, when something is promised on it; its node is then added to ``changed``, a list that
    only grows. Whoever has made something of all hosts brings that up to date by looking at the new ones alone.
    """

    hosts: dict[str, HostView]
    missing: Mapping[str, str]
    changed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was told of some nodes, in which state of the table, and the cells (ids) that they are in."""

    state: object
    owners: tuple[int, ...]
    known: Known


class KeptAnswers:
    """The same is asked for again and again until something is read anew. Guarded by the host table's lock.

    Sets are what answers are kept for: they know their hash.
    """

    def __init__(self) -> None:
        self._kept: dict[frozenset[str], Kept] = {}

    def get(self, node_uuids: Collection[str], state: object) -> Kept | None:
        """What was told of these nodes in this state."""
        found = self._kept.get(node_uuids) if isinstance(node_uuids, frozenset) else None
        return found if found is not None and found.state == state else None

    def keep(
        self, node_uuids: Collection[str], state: object, owner_of: Mapping[str, int], known: Known
    ) -> None:
        """Keep an answer.

        Nodes that no cell has are looked for again from time to time, so no answer with such nodes is kept.
        """
        if not isinstance(node_uuids, frozenset) or not owner_of.keys() >= node_uuids:
            return
        if len(self._kept) >= _MOST:
            self._kept.clear()
        owners = {owner_of[uuid] for uuid in node_uuids}
        self._kept[node_uuids] = Kept(state, tuple(owners), known)

    def change(self, host: HostView) -> None:
        """Give this view of a host from now on: something is known that no reading told."""
        for kept in self._kept.values():
            known = kept.known
            if host.node_uuid in known.hosts:
                # In this order: who sees the node among those that changed finds the new view.
                known.hosts[host.node_uuid] = host
                known.changed.append(host.node_uuid)
