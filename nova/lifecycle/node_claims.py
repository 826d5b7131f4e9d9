"""What a server has to hold at the node where it is, found anew when what it held is lost.

The scheduler chooses among nodes; here the node is given, because the guest is there. What the node itself does not
give out (devices below it, disk that it shares with others) is somewhere around it, and where Placement knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from nova.clients.candidates import AllocationRequest, CandidateQuery, Candidates, RequestGroup
from nova.clients.placement_errors import NoRoom
from nova.clients.providers import Inventory, Versioned

# The group that takes nothing and stands for the tree of the node; no flavor would choose it for its own.
_NODE = "_NODE"


class Asks(Protocol):
    """What is needed of Placement; :class:`nova.clients.placement.Placement` has it."""

    def inventories(self, provider: str) -> Versioned[Mapping[str, Inventory]]: ...

    def candidates(self, query: CandidateQuery) -> Candidates: ...


def place_at_node(placement: Asks, query: CandidateQuery, node_uuid: str) -> AllocationRequest:
    """Where what is asked for belongs at this node; the same for whoever asks while nothing changes.

    Traits and aggregates that the query asks of the node do not matter: the server is there, whatever they are now.

    :raises Invalid: it asks for a class or trait that no provider has ever had.
    :raises NotFound: the node has no provider.
    :raises NoRoom: not everything can be had around the node now. What the node itself offers is not counted: whether
        there is room, a claim will tell.
    """
    offered = placement.inventories(node_uuid).value
    [first, *others] = query.groups
    is_plain = not others and not first.suffix
    if is_plain and all(_gives_out(offered.get(name)) for name in first.resources):
        return AllocationRequest({node_uuid: first.resources}, {})
    found = placement.candidates(_around(query, node_uuid)).requests
    if not found:
        raise NoRoom("There is no room at its node for what the flavor asks for.", node=node_uuid)
    chosen = min(found, key=_order)
    serving = {suffix: uuids for suffix, uuids in chosen.mappings.items() if suffix != _NODE}
    return AllocationRequest(chosen.allocations, serving)


def _gives_out(inventory: Inventory | None) -> bool:
    """A node that has come to share its disk keeps a closed inventory while servers hold some of it."""
    return inventory is not None and inventory.total > inventory.reserved


def _around(query: CandidateQuery, node_uuid: str) -> CandidateQuery:
    """The question for this node alone.

    Asking each group in the node's tree would keep out what shares with it. So a group that takes nothing is asked
    there: all groups are of one tree, and of what is shared with that. Where groups stand apart from each other it
    would keep the others off the node; there those that could be it are asked in its tree.
    """
    groups = tuple(_freed(group) for group in query.groups)
    if query.isolate:
        groups = tuple(
            replace(group, in_tree=node_uuid) if group.suffix else group for group in groups
        )
        return CandidateQuery(groups=groups, isolate=True)
    node = RequestGroup(_NODE, in_tree=node_uuid)
    return CandidateQuery(groups=(*groups, node), same_subtree=((_NODE,),))


def _freed(group: RequestGroup) -> RequestGroup:
    freed = replace(group, member_of=(), not_member_of=(), in_tree=None)
    return freed if group.suffix else replace(freed, required=(), any_of=(), forbidden=())


def _order(way: AllocationRequest) -> list[tuple[str, list[tuple[str, int]]]]:
    return sorted((uuid, sorted(on.items())) for uuid, on in way.allocations.items())
