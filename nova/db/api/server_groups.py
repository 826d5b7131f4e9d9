"""Server groups, who belongs to them, and where each member was placed.

A member that is on its way out is no member any more for users and quotas; for the places of others it counts until
its cell has let it go.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from nova.db.api.models import instance_mappings, server_group_members, server_groups
from nova.domain.server_group import GroupPolicy, ServerGroup


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it was created; nothing of it ever changes but ``generation``."""

    id: int
    uuid: str
    project_id: str
    user_id: str
    name: str
    policy: GroupPolicy
    max_server_per_host: int | None
    generation: int

    def without_members(self) -> ServerGroup:
        """What request specs say of it before anybody looks where its members are."""
        return ServerGroup(self.uuid, self.policy, self.max_server_per_host)


@dataclass(frozen=True, slots=True)
class Member:
    """A member and the host that was reserved for it, None when none is.

    ``cell_id`` None: it has no cell yet. ``is_mapped`` False: the server was purged.
    """

    server_uuid: str
    host: str | None
    cell_id: int | None
    is_on_its_way_out: bool
    is_mapped: bool


def create(
    tx: Transaction,
    *,
    project_id: str,
    user_id: str,
    name: str,
    policy: GroupPolicy,
    max_server_per_host: int | None,
) -> Group:
    """A new group without members."""
    group_uuid = str(uuid.uuid4())
    made = tx.execute(
        sa.insert(server_groups).values(
            created_at=now(),
            uuid=group_uuid,
            project_id=project_id,
            user_id=user_id,
            name=name,
            policy=policy,
            max_server_per_host=max_server_per_host,
            generation=0,
        )
    )
    key = made.inserted_primary_key
    assert key is not None
    return Group(key[0], group_uuid, project_id, user_id, name, policy, max_server_per_host, 0)


def find(tx: Transaction, group_uuid: str) -> Group | None:
    """The group, or None."""
    table = server_groups
    row = tx.execute(sa.select(table).where(table.c.uuid == group_uuid)).first()
    return None if row is None else _group(row)


def page(
    tx: Transaction, *, project_id: str | None, limit: int, offset: int = 0
) -> tuple[Group, ...]:
    """Groups of a project (None: of all) in the order in which they were created."""
    table = server_groups
    query = sa.select(table).order_by(table.c.id).limit(limit).offset(offset)
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    return tuple(_group(row) for row in tx.execute(query))


def delete(tx: Transaction, group_uuid: str) -> bool:
    """Delete the group; its servers live on without it. False when there is none."""
    table = server_groups
    return tx.execute(sa.delete(table).where(table.c.uuid == group_uuid)).rowcount == 1


def count(tx: Transaction, project_id: str, user_id: str | None = None) -> int:
    """How many groups a project (or a user in it) has."""
    table = server_groups
    query = sa.select(sa.func.count()).where(table.c.project_id == project_id)
    if user_id is not None:
        query = query.where(table.c.user_id == user_id)
    return int(tx.execute(query).scalar_one())


def lock(tx: Transaction, group_uuid: str) -> Group | None:
    """Hold the group until this transaction ends, and give its next generation; None when there is none.

    The row is updated, not only read: an UPDATE takes the row's lock on every database.
    """
    table = server_groups
    tx.execute(
        sa.update(table)
        .where(table.c.uuid == group_uuid)
        .values(generation=table.c.generation + 1, updated_at=now())
    )
    return find(tx, group_uuid)


def members_of(tx: Transaction, group_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
    """The servers of some groups as users see them, oldest membership first, by the group's row."""
    table = server_group_members
    found: dict[int, list[str]] = {group_id: [] for group_id in group_ids}
    if found:
        for row in tx.execute(
            sa.select(table.c.group_id, table.c.server_uuid)
            .join_from(table, instance_mappings, _mapping_of_member())
            .where(
                table.c.group_id.in_(list(group_ids)),
                instance_mappings.c.queued_for_delete.is_(False),
            )
            .order_by(table.c.id)
        ):
            found[row.group_id].append(row.server_uuid)
    return found


def count_members(tx: Transaction, group_id: int, user_id: str) -> int:
    """How many servers of a user are in the group."""
    table = server_group_members
    return int(
        tx.execute(
            sa.select(sa.func.count())
            .select_from(table.join(instance_mappings, _mapping_of_member()))
            .where(
                table.c.group_id == group_id,
                instance_mappings.c.user_id == user_id,
                instance_mappings.c.queued_for_delete.is_(False),
            )
        ).scalar_one()
    )


def join(tx: Transaction, group_id: int, server_uuids: Iterable[str]) -> None:
    """Make these servers members, without a place yet; a server is in one group at most."""
    joined_at = now()
    tx.execute(
        sa.insert(server_group_members),
        [
            {"created_at": joined_at, "group_id": group_id, "server_uuid": server_uuid}
            for server_uuid in server_uuids
        ],
    )


def members(tx: Transaction, group_id: int) -> tuple[Member, ...]:
    """Every member, those on their way out and those that are gone too."""
    table = server_group_members
    found: Any = tx.execute(
        sa.select(
            table.c.server_uuid,
            table.c.host,
            instance_mappings.c.cell_id,
            instance_mappings.c.queued_for_delete,
        )
        .join_from(table, instance_mappings, _mapping_of_member(), isouter=True)
        .where(table.c.group_id == group_id)
        .order_by(table.c.id)
    )
    return tuple(
        Member(
            server_uuid=row.server_uuid,
            host=row.host,
            cell_id=row.cell_id,
            is_on_its_way_out=bool(row.queued_for_delete),
            is_mapped=row.queued_for_delete is not None,
        )
        for row in found
    )


def place(tx: Transaction, server_uuid: str, host: str | None) -> None:
    """Reserve the host for a member, or (None) give its place up; nothing happens to who is in no group.

    Whoever reserves holds the group's lock.
    """
    table = server_group_members
    tx.execute(sa.update(table).where(table.c.server_uuid == server_uuid).values(host=host))


def leave(tx: Transaction, server_uuids: Collection[str]) -> None:
    """Forget these memberships."""
    table = server_group_members
    if server_uuids:
        tx.execute(sa.delete(table).where(table.c.server_uuid.in_(list(server_uuids))))


def _mapping_of_member() -> sa.ColumnElement[bool]:
    return instance_mappings.c.instance_uuid == server_group_members.c.server_uuid


def _group(row: sa.Row[Any]) -> Group:
    return Group(
        id=row.id,
        uuid=row.uuid,
        project_id=row.project_id,
        user_id=row.user_id,
        name=row.name,
        policy=GroupPolicy(row.policy),
        max_server_per_host=row.max_server_per_host,
        generation=row.generation,
    )
