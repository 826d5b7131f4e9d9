"""Queries on flavors, their extra specs and the projects that private ones are shared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import UtcTime, now
from groundwork.database import Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from nova.db.api.models import flavor_extra_specs, flavor_projects, flavors
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
class Audience:
    """For whom flavors are read: a project sees public ones and those shared with it; None sees all."""

    project_id: str | None = None


EVERYBODY = Audience()


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
    specs = _extra_specs_of(tx, [row.id for row in rows]) if with_extra_specs else {}
    return tuple(_flavor(row, specs.get(row.id, {})) for row in rows)


def find_flavor(tx: Transaction, flavorid: str, *, audience: Audience = EVERYBODY) -> Flavor:
    """The flavor with its extra specs.

    :raises NotFound: there is none, or none that the audience may see.
    """
    statement = sa.select(flavors).where(flavors.c.flavorid == flavorid)
    if audience.project_id is not None:
        statement = statement.where(sa.or_(flavors.c.is_public, _shared_with(audience.project_id)))
    row = tx.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"Flavor {flavorid} could not be found.")
    return _flavor(row, _extra_specs_of(tx, [row.id]).get(row.id, {}))


def create_flavor(tx: Transaction, flavor: Flavor) -> Flavor:
    """Store a flavor with its extra specs; the result has its row id.

    :raises Conflict: its id or name is taken; the transaction is spoilt then.
    """
    created_at = now()
    try:
        made = tx.execute(
            sa.insert(flavors).values(
                created_at=created_at,
                flavorid=flavor.flavorid,
                name=flavor.name,
                memory_mb=flavor.memory_mb,
                vcpus=flavor.vcpus,
                root_gb=flavor.root_gb,
                ephemeral_gb=flavor.ephemeral_gb,
                swap=flavor.swap_mb,
                rxtx_factor=flavor.rxtx_factor,
                disabled=flavor.disabled,
                is_public=flavor.is_public,
                description=flavor.description,
            )
        )
    except db_exc.DBDuplicateEntry as exc:
        raise _taken(flavor, exc) from exc
    key = made.inserted_primary_key
    assert key is not None
    if flavor.extra_specs:
        _insert_extra_specs(tx, key[0], flavor.extra_specs)
    return replace(flavor, id=key[0], created_at=created_at)


def describe_flavor(tx: Transaction, flavorid: str, description: str | None) -> Flavor:
    """Change the description; nothing else of a flavor ever changes.

    :raises NotFound: there is no such flavor.
    """
    tx.execute(
        sa.update(flavors)
        .where(flavors.c.flavorid == flavorid)
        .values(description=description, updated_at=now())
    )
    return find_flavor(tx, flavorid)


def delete_flavor(tx: Transaction, flavorid: str) -> None:
    """Delete a flavor with its extra specs and shares. :raises NotFound: there is none."""
    if not tx.execute(sa.delete(flavors).where(flavors.c.flavorid == flavorid)).rowcount:
        raise NotFound(f"Flavor {flavorid} could not be found.")


def merge_extra_specs(tx: Transaction, flavor: Flavor, specs: Mapping[str, str]) -> None:
    """Add these extra specs, and give those that are there a new value.

    :raises Conflict: somebody adds the same key at this moment; the transaction is spoilt then.
    """
    table = flavor_extra_specs
    known = tx.execute(
        sa.select(table.c.key).where(table.c.flavor_id == flavor.id, table.c.key.in_(list(specs)))
    ).scalars()
    present = set(known)
    for key in sorted(present):
        tx.execute(
            sa.update(table)
            .where(table.c.flavor_id == flavor.id, table.c.key == key)
            .values(value=specs[key])
        )
    missing = {key: value for key, value in specs.items() if key not in present}
    if missing:
        _insert_extra_specs(tx, flavor.id, missing)


def delete_extra_spec(tx: Transaction, flavor: Flavor, key: str) -> None:
    """Delete one extra spec. :raises NotFound: the flavor has none of that key."""
    table = flavor_extra_specs
    gone = tx.execute(sa.delete(table).where(table.c.flavor_id == flavor.id, table.c.key == key))
    if not gone.rowcount:
        raise NotFound(f"Flavor {flavor.flavorid} has no extra spec {key}.")


def projects_of(tx: Transaction, flavor: Flavor) -> tuple[str, ...]:
    """The projects that the flavor is shared with, in the order in which they were added."""
    table = flavor_projects
    return tuple(
        tx.execute(
            sa.select(table.c.project_id).where(table.c.flavor_id == flavor.id).order_by(table.c.id)
        ).scalars()
    )


def share_flavor(tx: Transaction, flavor: Flavor, project_id: str) -> None:
    """Let a project use the flavor. :raises Conflict: it may already; the transaction is spoilt then."""
    try:
        tx.execute(sa.insert(flavor_projects).values(flavor_id=flavor.id, project_id=project_id))
    except db_exc.DBDuplicateEntry as exc:
        raise Conflict(
            f"Flavor access already exists for flavor {flavor.flavorid} and project {project_id}."
        ) from exc


def unshare_flavor(tx: Transaction, flavor: Flavor, project_id: str) -> None:
    """End what :func:`share_flavor` began. :raises NotFound: it was not shared with that project."""
    table = flavor_projects
    gone = tx.execute(
        sa.delete(table).where(table.c.flavor_id == flavor.id, table.c.project_id == project_id)
    )
    if not gone.rowcount:
        raise NotFound(
            f"Flavor access not found for flavor {flavor.flavorid} and project {project_id}."
        )


def _filters(ask: FlavorQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if ask.is_public is not None:
        visible = flavors.c.is_public == sa.literal(ask.is_public)
        if ask.is_public and ask.project_id is not None:
            visible = sa.or_(visible, _shared_with(ask.project_id))
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


def _shared_with(project_id: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        flavor_projects.c.flavor_id == flavors.c.id, flavor_projects.c.project_id == project_id
    )


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


def _extra_specs_of(tx: Transaction, ids: Iterable[int]) -> dict[int, dict[str, str]]:
    table = flavor_extra_specs
    wanted = list(ids)
    found: dict[int, dict[str, str]] = {}
    if wanted:
        for row in tx.execute(
            sa.select(table.c.flavor_id, table.c.key, table.c.value)
            .where(table.c.flavor_id.in_(wanted))
            .order_by(table.c.flavor_id, table.c.key)
        ):
            found.setdefault(row.flavor_id, {})[row.key] = row.value
    return found


def _insert_extra_specs(tx: Transaction, flavor_row: int, specs: Mapping[str, str]) -> None:
    try:
        tx.execute(
            sa.insert(flavor_extra_specs),
            [{"flavor_id": flavor_row, "key": key, "value": specs[key]} for key in specs],
        )
    except db_exc.DBDuplicateEntry as exc:
        raise Conflict("Somebody else is changing the same extra specs: try again.") from exc


def _taken(flavor: Flavor, exc: db_exc.DBDuplicateEntry) -> Conflict:
    # The databases name the column or its index; both hold the column's name.
    if any("flavorid" in column for column in exc.columns or ()):
        return Conflict(f"Flavor with ID {flavor.flavorid} already exists.")
    return Conflict(f"Flavor with name {flavor.name} already exists.")


def _flavor(row: sa.Row[Any], extra_specs: Mapping[str, str]) -> Flavor:
    return Flavor(
        flavorid=row.flavorid,
        name=row.name,
        vcpus=row.vcpus,
        memory_mb=row.memory_mb,
        root_gb=row.root_gb,
        ephemeral_gb=row.ephemeral_gb,
        swap_mb=row.swap,
        rxtx_factor=row.rxtx_factor,
        is_public=row.is_public,
        disabled=row.disabled,
        description=row.description,
        extra_specs=extra_specs,
        id=row.id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
