"""Which servers of a cell have a name, whatever its upper and lower case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import instances
from nova.db.cell.server_order import comparable

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def taken(tx: Transaction, names: Iterable[str], *, project_id: str | None) -> Sequence[str]:
    """Those of the names that living servers have, of a project or of all, as these write them.

    No case is told from another of the letters A to Z, nor of any others that the engine knows the cases of. No index
    serves the comparison: it looks at every living server of the project, or of the cell.
    """
    table = instances
    # The second for engines that know A to Z only, and leave other letters as they are.
    wanted = {form for name in names for form in (name.lower(), name.translate(_LOWER))}
    lowered = comparable(tx.dialect, sa.func.lower(table.c.display_name, type_=sa.String))
    query = sa.select(table.c.display_name).where(table.c.deleted == 0, lowered.in_(wanted))
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    return tx.execute(query).scalars().all()
