"""Pages of flavors: filtered, sorted, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from groundwork.columns import UtcTime
from groundwork.database import Transaction
from groundwork.errors import Invalid
from nova.db.api.flavors import extra_specs_of, flavor_of, shared_with
from nova.db.api.models import flavors
from nova.domain.flavor import Flavor

#: What lists may be sorted by, by the name that the API uses.
SORT_KEYS = (
    "created_at",
    "description",
    "disabled",
    "ephemeral_gb",
    "flavorid",
    "id",
    "is_public",
    "memory_mb",
    "name",
    "root_gb",
    "rxtx_factor",
    "swap",
    "updated_at",
    "vcpu_weight",
    "vcpus",
)

# What stands for NULL in the order, after the NULLs themselves were told apart.
_NULL_STANDS_FOR: Mapping[str, sa.ColumnElement[Any]] = {
    "description": sa.literal("", sa.Text),
    "updated_at": sa.literal(datetime(1970, 1, 1, tzinfo=UTC), UtcTime),
    "vcpu_weight": sa.literal(0, sa.Integer),
}

# Filters above this exclude every flavor; larger numbers would not fit the databases' integers.
_ABOVE_ALL = 2**31


@dataclass(frozen=True, slots=True)
class FlavorQuery:
    """Which flavors, in which order, from where on.

    ``is_public``: True for public ones (and those shared with ``project_id``), False for private ones, None for all.
    """

    limit: int
    is_public: bool | None = True
    project_id: str | None = None
    disabled: bool | None = None
    min_memory_mb: int = 0
    min_root_gb: int = 0
    names: tuple[str, ...] = ()
    sort: tuple[tuple[str, str], ...] = (("flavorid", "asc"),)
    marker: str | None = None


def page_flavors(
    tx: Transaction, ask: FlavorQuery, *, with_extra_specs: bool = True
) -> tuple[Flavor, ...]:
    """One sorted page, in one statement and one more for the extra specs.

    :raises Invalid: the marker is no flavor.
    """
    marker = flavors.alias("marker")
    statement = sa.select(flavors).where(*_filters(ask)).limit(ask.limit)
    if ask.marker is not None:
        # JOIN flavors AS marker ON marker.flavorid = :marker, which its unique index finds.
        statement = statement.join(marker, marker.c.flavorid == ask.marker).where(
            _after(ask.sort, marker)
        )
    for expression, _, descending in _order(ask.sort, marker):
        statement = statement.order_by(expression.desc() if descending else expression.asc())
    rows = tx.execute(statement).all()
    if not rows and ask.marker is not None and not _exists(tx, ask.marker):
        raise Invalid(f"Marker {ask.marker} could not be found.")
    specs = extra_specs_of(tx, [row.id for row in rows]) if with_extra_specs else {}
    return tuple(flavor_of(row, specs.get(row.id, {})) for row in rows)


def _filters(ask: FlavorQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if ask.is_public is not None:
        visible = flavors.c.is_public == sa.literal(ask.is_public)
        if ask.is_public and ask.project_id is not None:
            visible = sa.or_(visible, shared_with(ask.project_id))
        found.append(visible)
    if ask.disabled is not None:
        found.append(flavors.c.disabled == sa.literal(ask.disabled))
    if ask.min_memory_mb > 0:
        found.append(flavors.c.memory_mb >= min(ask.min_memory_mb, _ABOVE_ALL))
    if ask.min_root_gb > 0:
        found.append(flavors.c.root_gb >= min(ask.min_root_gb, _ABOVE_ALL))
    if ask.names:
        found.append(flavors.c.name.in_(ask.names))
    return found


_Ordered = tuple[sa.ColumnElement[Any], sa.ColumnElement[Any], bool]


def _order(sort: tuple[tuple[str, str], ...], marker: sa.FromClause) -> list[_Ordered]:
    """``(of the row, of the marker, descending)`` that compare without NULLs and end in something unique."""
    found: list[_Ordered] = []
    for key, direction in (*sort, ("id", sort[0][1] if sort else "asc")):
        row, at, descending = flavors.c[key], marker.c[key], direction == "desc"
        if key in _NULL_STANDS_FOR:
            found.append((_is_null(row), _is_null(at), descending))
            stand_in = _NULL_STANDS_FOR[key]
            found.append(
                (sa.func.coalesce(row, stand_in), sa.func.coalesce(at, stand_in), descending)
            )
        else:
            found.append((row, at, descending))
    return found


def _is_null(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.case((column.is_(None), 0), else_=1)


def _after(sort: tuple[tuple[str, str], ...], marker: sa.FromClause) -> sa.ColumnElement[bool]:
    """``a > :a OR (a = :a AND b > :b) OR ...``: the rows that stand after the marker's."""
    order = _order(sort, marker)
    alternatives = []
    for at, (row, limit, descending) in enumerate(order):
        equal = [before == its for before, its, _ in order[:at]]
        alternatives.append(sa.and_(*equal, row < limit if descending else row > limit))
    return sa.or_(*alternatives)


def _exists(tx: Transaction, flavorid: str) -> bool:
    found = tx.execute(sa.select(flavors.c.id).where(flavors.c.flavorid == flavorid)).first()
    return found is not None
