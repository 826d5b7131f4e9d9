"""Build requests: servers that have no cell yet, with their mapping and their request spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.prepared import Prepared
from groundwork.typed import convert
from nova.db.api import server_groups
from nova.db.api.models import build_requests, instance_mappings, request_specs
from nova.domain.request_spec import RequestSpec
from nova.domain.resources import amounts_by_class
from nova.domain.server import Server


@dataclass(frozen=True, slots=True)
class Build:
    """A build request: the server as it will stand in its cell."""

    operation_id: int
    server: Server
    cancel_requested: bool


def insert(
    tx: Transaction,
    servers: Sequence[Server],
    *,
    spec: RequestSpec,
    journal: Mapping[str, Any],
) -> Sequence[int]:
    """Promise these servers: mapping, spec and build request of each, in three statements; the operations' ids.

    ``journal`` holds the journal columns that they share.
    """
    resources = amounts_by_class(spec)
    tx.execute(sa.insert(instance_mappings), [_mapping(server, resources) for server in servers])
    plain_spec = msgspec.to_builtins(spec)
    tx.execute(
        sa.insert(request_specs),
        [
            {"instance_uuid": server.uuid, "spec": plain_spec, "created_at": server.created_at}
            for server in servers
        ],
    )
    tx.execute(
        sa.insert(build_requests),
        [
            {
                "instance_uuid": server.uuid,
                "project_id": server.project_id,
                "user_id": server.user_id,
                "reservation_id": server.reservation_id,
                "server": msgspec.to_builtins(server),
                "created_at": server.created_at,
                **journal,
            }
            for server in servers
        ],
    )
    uuids = [server.uuid for server in servers]
    return (
        tx.execute(
            sa.select(build_requests.c.id)
            .where(build_requests.c.instance_uuid.in_(uuids))
            .order_by(build_requests.c.id)
        )
        .scalars()
        .all()
    )


def _mapping(server: Server, resources: Mapping[str, int]) -> dict[str, Any]:
    return {
        "instance_uuid": server.uuid,
        "project_id": server.project_id,
        "user_id": server.user_id,
        "vcpus": server.flavor.vcpus,
        "memory_mb": server.flavor.memory_mb,
        "queued_for_delete": False,
        "resources": resources,
        "created_at": server.created_at,
    }


def find(tx: Transaction, uuid: str) -> Build | None:
    """The build request of a server, cancelled ones too; None when it has a cell or does not exist."""
    row = tx.execute(
        sa.select(
            build_requests.c.id, build_requests.c.server, build_requests.c.cancel_requested
        ).where(build_requests.c.instance_uuid == uuid)
    ).first()
    return None if row is None else _build(row)


def visible(tx: Transaction, *, project_id: str | None = None) -> Sequence[Build]:
    """The build requests that users see (not cancelled), newest first; of one project or of all.

    Builds leave this table within seconds, so it is read whole.
    """
    found = (
        _VISIBLE.execute(tx, {})
        if project_id is None
        else _VISIBLE_OF_PROJECT.execute(tx, {"project_id": project_id})
    )
    return [_build(row) for row in found]


_LATEST_SEEN = (
    sa.select(build_requests.c.id, build_requests.c.server, build_requests.c.cancel_requested)
    .where(build_requests.c.cancel_requested.is_(False))
    .order_by(build_requests.c.created_at.desc(), build_requests.c.id.desc())
)
# Every list of servers asks this.
_VISIBLE = Prepared(_LATEST_SEEN)
_VISIBLE_OF_PROJECT = Prepared(
    _LATEST_SEEN.where(build_requests.c.project_id == sa.bindparam("project_id"))
)


def _build(row: sa.Row[Any]) -> Build:
    return Build(row.id, convert(row.server, Server), bool(row.cancel_requested))


def hand_over(tx: Transaction, uuid: str, cell_id: int) -> bool:
    """Point the mapping to the cell and drop the build request; False when the user had cancelled the build."""
    tx.execute(
        sa.update(instance_mappings)
        .where(instance_mappings.c.instance_uuid == uuid)
        .values(cell_id=cell_id, updated_at=now())
    )
    wanted = tx.execute(
        sa.delete(build_requests).where(
            build_requests.c.instance_uuid == uuid, build_requests.c.cancel_requested.is_(False)
        )
    ).rowcount
    if wanted:
        return True
    cancelled = tx.execute(
        sa.delete(build_requests).where(build_requests.c.instance_uuid == uuid)
    ).rowcount
    # Neither: an earlier run of this step came this far.
    return not cancelled


def forget(tx: Transaction, uuid: str) -> None:
    """Remove every trace of a server that never reached a cell."""
    for table in (build_requests, instance_mappings, request_specs):
        tx.execute(sa.delete(table).where(table.c.instance_uuid == uuid))
    server_groups.leave(tx, [uuid])
