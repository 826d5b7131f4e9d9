"""Changing the tags of a server.

No operation of the journal: nothing but rows of the server's cell changes, in one transaction. Transactions on one
server take turns, so no two of them take the same last place, and none changes tags of a server that is being made.
"""

from __future__ import annotations

from collections.abc import Iterable

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from nova.db.cell import server_tags
from nova.errors import ServerNotFound
from nova.lifecycle.states import VmState

#: As Compute API 2.26.
MOST_TAGS = 50

_PERMITTING = frozenset({VmState.ACTIVE, VmState.PAUSED, VmState.SUSPENDED, VmState.STOPPED})


def replace(cell: Database, uuid: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Give a server these tags and no others; as they are then, sorted.

    :raises ServerNotFound: it was deleted a moment ago.
    :raises Conflict: its state does not permit it.
    """
    wanted = set(tags)

    def work(tx: Transaction) -> None:
        present = _hold(tx, uuid)
        server_tags.remove(tx, uuid, present - wanted)
        server_tags.add(tx, uuid, wanted - present)

    cell.run(work)
    return tuple(sorted(wanted))


def add(cell: Database, uuid: str, tag: str) -> bool:
    """Give a server one more tag; False when it has it already.

    :raises ServerNotFound: it was deleted a moment ago.
    :raises Conflict: its state does not permit it.
    :raises Invalid: it has as many as it may have.
    """

    def work(tx: Transaction) -> bool:
        present = _hold(tx, uuid)
        if tag in present:
            return False
        if len(present) >= MOST_TAGS:
            raise Invalid(f"The number of tags exceeded the per-server limit {MOST_TAGS}")
        server_tags.add(tx, uuid, [tag])
        return True

    return cell.run(work)


def remove(cell: Database, uuid: str, tag: str) -> None:
    """Take one tag away.

    :raises ServerNotFound: the server was deleted a moment ago.
    :raises Conflict: its state does not permit it.
    :raises NotFound: it has no such tag.
    """

    def work(tx: Transaction) -> None:
        if tag not in _hold(tx, uuid):
            raise without_tag(uuid, tag)
        server_tags.remove(tx, uuid, [tag])

    cell.run(work)


def require_changeable(uuid: str, vm_state: str) -> None:
    """:raises Conflict: the tags of a server in this state stay as they are."""
    if vm_state not in _PERMITTING:
        raise Conflict(f"Cannot 'update tags' instance {uuid} while it is in vm_state {vm_state}")


def without_tag(uuid: str, tag: str) -> NotFound:
    """What is told about a tag that a server does not have."""
    return NotFound(f"Server {uuid} has no tag '{tag}'", server=uuid)


def _hold(tx: Transaction, uuid: str) -> set[str]:
    """The server's tags, which nobody else changes until the transaction ends."""
    vm_state = server_tags.hold(tx, uuid)
    if vm_state is None:
        raise ServerNotFound(f"Instance {uuid} could not be found.", server=uuid)
    require_changeable(uuid, vm_state)
    return set(server_tags.of_server(tx, uuid))
