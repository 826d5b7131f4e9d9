"""Queries on flavors, their extra specs and the projects that private ones are shared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.errors import Conflict, NotFound
from nova.db.api.models import flavor_extra_specs, flavor_projects, flavors
from nova.domain.flavor import Flavor


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom flavors are read: a project sees public ones and those shared with it; None sees all."""

    project_id: str | None = None


EVERYBODY = Audience()


def find_flavor(tx: Transaction, flavorid: str, *, audience: Audience = EVERYBODY) -> Flavor:
    """The flavor with its extra specs.

    :raises NotFound: there is none, or none that the audience may see.
    """
    statement = sa.select(flavors).where(flavors.c.flavorid == flavorid)
    if audience.project_id is not None:
        statement = statement.where(sa.or_(flavors.c.is_public, shared_with(audience.project_id)))
    row = tx.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"Flavor {flavorid} could not be found.")
    return flavor_of(row, extra_specs_of(tx, [row.id]).get(row.id, {}))


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


def shared_with(project_id: str) -> sa.ColumnElement[bool]:
    """A condition on ``flavors``: the row is shared with this project."""
    return sa.exists().where(
        flavor_projects.c.flavor_id == flavors.c.id, flavor_projects.c.project_id == project_id
    )


def extra_specs_of(tx: Transaction, ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """The extra specs of some flavors by row id, by key; flavors without any are left out."""
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


def flavor_of(row: sa.Row[Any], extra_specs: Mapping[str, str]) -> Flavor:
    """The value of a row of ``flavors``."""
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
