"""Moving a provider, with everything below it, from one place to another.

Two moves at once could close a loop: A goes under B while B goes under A, and each looks fine alone.
1. Each locks its provider and the new parent, whose trees can then not change any more under it.
2. Each locks every provider of both trees.
3. The second to come waits there, or is the victim of a deadlock and starts anew, and sees the first one's move.
"""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.database import Transaction
from groundwork.errors import Invalid
from placement.db.queries import providers
from placement.db.queries.providers import Held, Place


def move(
    tx: Transaction, held: Held, parent_uuid: str | None, *, may_leave_parent: bool
) -> set[int]:
    """Hang the provider under another one (None: let it be a root); the ids of all whose place changed.

    :raises Invalid: no such parent, a loop, or a parent is left that may not be left.
    """
    parent = _hold_parent(tx, held, parent_uuid)
    new_parent_id = parent.id if parent else None
    places = providers.lock_trees(tx, {held.id} | ({parent.id} if parent else set()))
    own = places[held.id]
    if own.parent_id == new_parent_id:
        return set()
    if own.parent_id is not None and not may_leave_parent:
        verb = "un-parenting" if new_parent_id is None else "re-parenting"
        raise _refused(held, f"{verb} a provider is not currently allowed.")
    moved = _below(places, held.id)
    if new_parent_id in moved:
        raise _refused(held, "creating loop in the provider tree is not allowed.")
    providers.set_parent(tx, held.id, new_parent_id)
    root_id = places[new_parent_id].root_id if new_parent_id is not None else held.id
    providers.set_root(tx, moved, root_id)
    return moved


def _refused(held: Held, why: str) -> Invalid:
    return Invalid(f"Unable to save resource provider {held.uuid}: {why}")


def _hold_parent(tx: Transaction, held: Held, parent_uuid: str | None) -> Held | None:
    if parent_uuid is None:
        return None
    found = providers.lock(tx, [parent_uuid]).get(parent_uuid)
    if found is None:
        raise _refused(held, f"parent provider UUID does not exist: {parent_uuid}.")
    return found


def _below(places: Mapping[int, Place], top_id: int) -> set[int]:
    """The provider and everything under it."""
    children: dict[int | None, list[int]] = {}
    for place in places.values():
        children.setdefault(place.parent_id, []).append(place.id)
    found: set[int] = set()
    waiting = [top_id]
    while waiting:
        found.add(waiting[-1])
        waiting.extend(children.get(waiting.pop(), ()))
    return found
