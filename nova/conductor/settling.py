"""What a server counts for is put right when its move has ended, above the cells, because cells never write there.

The API marks a mapping when it accepts a move; the mark goes when the server rests again:

- *Confirmed* (perhaps by its host, when the operator's window was over), *reverted* or *failed*: it counts for the
  flavor that it has, its request spec says so, and its place in a server group is the host where it is.
- *Waiting for an answer*: it counts for the larger of both flavors, and stays marked.

1. The API marks the mapping. 2. This looks, and sees a server at rest. 3. The API begins the move in the cell. Then a
larger flavor would be taken for nothing. So a server at rest counts as such only if its row has changed since the mark
was set, or the mark is old; and the first step of the move counts anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from groundwork.columns import now
from groundwork.database import Database, Transaction
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import moving_mappings
from nova.db.api.moving_mappings import Sizes, Unsettled
from nova.db.cell import server_migrations, servers
from nova.domain.migration import Migration
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle.states import VmState

LOG = logging.getLogger(__name__)

# Seconds between two looks. Longer: what a failed or reverted move gave back cannot be used for that time.
SETTLE_S = 2.0
# Mappings in one read. More: a transaction is long; fewer: more of them.
_PAGE = 200
# Seconds that an API process may need between its two databases. Shorter: the first step of a move has to correct what
# was settled too early; longer: a request that died between them is counted for that time.
_OLD_S = 60


@dataclass(frozen=True, slots=True)
class _Seen:
    server: Server
    move: Migration | None


class Settling:
    """One look at all marked mappings; any number of super-conductors may look at once."""

    def __init__(self, *, api_database: Database, registry: Registry, scatter: Scatter) -> None:
        self._database = api_database
        self._registry = registry
        self._scatter = scatter

    def settle(self) -> int:
        """Settle what rests; how many servers that were."""
        settled, after_id = 0, 0
        while True:
            with self._database.read() as tx:
                page = moving_mappings.unsettled(tx, after_id=after_id, limit=_PAGE)
            settled += self._settle(page)
            if len(page) < _PAGE:
                return settled
            after_id = page[-1].id

    def _settle(self, page: Sequence[Unsettled]) -> int:
        by_id = {cell.id: cell for cell in self._registry.all()}
        cells = {by_id[mark.cell_id] for mark in page if mark.cell_id in by_id}
        if not cells:
            return 0
        uuids = [mark.server_uuid for mark in page]
        found: dict[str, _Seen] = {}
        for answer in self._scatter.ask(cells, lambda tx: _look(tx, uuids)).values():
            # A cell that is silent now is asked again by the next look.
            if not isinstance(answer, Late | Down):
                found.update(answer)
        return sum(
            self._settle_one(mark, found[mark.server_uuid])
            for mark in page
            if mark.server_uuid in found
        )

    def _settle_one(self, mark: Unsettled, seen: _Seen) -> bool:
        server = seen.server
        if server.task_state is not None:
            return False
        changed_at = server.updated_at or server.created_at
        is_old = mark.unsettled_at < now() - timedelta(seconds=_OLD_S)
        if changed_at <= mark.unsettled_at and not is_old:
            return False
        spec = _spec_of(server, mark.spec)
        sizes = Sizes.of(spec)
        if server.vm_state == VmState.RESIZED:
            if seen.move is not None and seen.move.origin is not None:
                old = Sizes.of(replace(spec, flavor=seen.move.origin.flavor))
                sizes = sizes.larger(old)
            if sizes != mark.counted:
                self._database.run(lambda tx: moving_mappings.count(tx, server.uuid, sizes))
            return False
        kept = None if mark.spec is None else spec
        return self._database.run(
            lambda tx: moving_mappings.settle(tx, mark, sizes, kept, server.host)
        )


def _spec_of(server: Server, known: RequestSpec | None) -> RequestSpec:
    if known is not None:
        return replace(known, flavor=server.flavor)
    return RequestSpec(
        project_id=server.project_id,
        user_id=server.user_id,
        flavor=server.flavor,
        image_properties=server.image_properties,
        is_volume_backed=not server.image_ref,
    )


def _look(tx: Transaction, uuids: Iterable[str]) -> Mapping[str, _Seen]:
    """The living ones among these servers, with their moves that wait for an answer."""
    found = {}
    for uuid in uuids:
        server = servers.find(tx, uuid)
        if server is not None:
            found[uuid] = _Seen(server, server_migrations.awaiting_answer(tx, uuid))
    return found
