"""Which release the services of all cells have at least: new code waits for the last old one."""

from __future__ import annotations

from collections.abc import Iterable

from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Scatter
from nova.db.cell import services
from nova.db.cell.services import COMPUTE

#: Older than every release: nothing may be relied on.
UNKNOWN = 0


def minimum_service_version(
    scatter: Scatter, cells: Iterable[Cell], *, binary: str = COMPUTE
) -> int:
    """The smallest version (see ``nova.domain.service_versions``) among the services of this binary in these cells.

    Services that are down or disabled count: they come back as they were. A cell that does not answer may hold older
    ones, so its silence makes the answer :data:`UNKNOWN`; and so do cells none of which has such a service.
    """
    found = []
    for answer in scatter.ask(cells, lambda tx: services.minimum_version(tx, binary)).values():
        match answer:
            case Late() | Down():
                return UNKNOWN
            case int():
                found.append(answer)
    return min(found, default=UNKNOWN)
