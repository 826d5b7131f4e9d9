"""Compute nodes of a cell: what hypervisors are, and how much of them its servers use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa
from oslo_utils import uuidutils

from groundwork import columns
from groundwork.database import Transaction
from nova.db.cell import services as service_queries
from nova.db.cell.models import compute_nodes, instances, services
from nova.db.cell.services import COMPUTE, ServiceRow
from nova.domain.hardware import Hardware


class Facts(Protocol):
    """What a hypervisor driver tells about a node; sizes in MiB and GiB."""

    @property
    def hypervisor_type(self) -> str: ...

    @property
    def hypervisor_version(self) -> int: ...

    @property
    def hypervisor_hostname(self) -> str: ...

    @property
    def host_ip(self) -> str: ...

    @property
    def cpu_info(self) -> Mapping[str, object]: ...

    @property
    def vcpus(self) -> int: ...

    @property
    def memory_mb(self) -> int: ...

    @property
    def local_gb(self) -> int: ...

    @property
    def uptime(self) -> str | None: ...

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def hardware(self) -> Hardware | None: ...


@dataclass(frozen=True, slots=True)
class ComputeNodeRow:
    """One node. ``uuid`` is also that of its resource provider."""

    id: int
    uuid: str
    host: str
    hypervisor_hostname: str
    hypervisor_type: str
    hypervisor_version: int
    host_ip: str | None
    cpu_info: Mapping[str, Any] | None
    vcpus: int
    memory_mb: int
    local_gb: int
    uptime: str | None
    mapped: bool
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServedNode:
    """A node and the compute service that drives it."""

    node: ComputeNodeRow
    service: ServiceRow


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """What the servers of a node take of it; ``busy`` counts those with a task under way."""

    vcpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0
    servers: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class NodeServer:
    """A server as the list of its node shows it; ``name`` is that on the hypervisor."""

    id: int
    uuid: str
    host: str
    node: str | None


_COLUMNS = [compute_nodes.c[name] for name in ComputeNodeRow.__dataclass_fields__]


def report(
    tx: Transaction,
    host: str,
    facts: Facts,
    *,
    uuid: str | None = None,
    now: datetime | None = None,
) -> ComputeNodeRow:
    """Record what a node is; its row is made at the first report and then keeps its uuid.

    :param uuid: for nodes that have an identity of their own and may move between hosts (bare metal); such a node
        counts as not mapped to a cell after a move. Without it the node is the one of that name on this host.
    """
    now = now or columns.now()
    same = (
        (compute_nodes.c.uuid == uuid)
        if uuid
        else sa.and_(
            compute_nodes.c.host == host,
            compute_nodes.c.hypervisor_hostname == facts.hypervisor_hostname,
        )
    )
    values = _values(host, facts)
    # A statement of its own: MariaDB would compare with the host that the same UPDATE has just set.
    tx.execute(
        sa.update(compute_nodes).where(same, compute_nodes.c.host != host).values(mapped=False)
    )
    changed = tx.execute(sa.update(compute_nodes).where(same).values(**values, updated_at=now))
    if not changed.rowcount:
        tx.execute(
            sa.insert(compute_nodes),
            {
                **values,
                "uuid": uuid or uuidutils.generate_uuid(),
                "created_at": now,
                "updated_at": now,
                "mapped": False,
            },
        )
    return _node(tx.execute(sa.select(*_COLUMNS).where(same)).one())


def _values(host: str, facts: Facts) -> dict[str, Any]:
    return {
        "host": host,
        "hypervisor_hostname": facts.hypervisor_hostname,
        "hypervisor_type": facts.hypervisor_type,
        "hypervisor_version": facts.hypervisor_version,
        "host_ip": facts.host_ip,
        "cpu_info": dict(facts.cpu_info),
        "vcpus": facts.vcpus,
        "memory_mb": facts.memory_mb,
        "local_gb": facts.local_gb,
        "uptime": facts.uptime,
        "metrics": dict(facts.metrics) or None,
        "hardware": None if facts.hardware is None else msgspec.to_builtins(facts.hardware),
    }


def count_failed_build(
    tx: Transaction, host: str, node: str, *, now: datetime | None = None
) -> None:
    """Count a build that the node gave up on; the scheduler sees it like a report of the node."""
    failed = sa.func.coalesce(compute_nodes.c.failed_builds, 0) + 1
    tx.execute(
        sa.update(compute_nodes)
        .where(*_is(host, node))
        .values(failed_builds=failed, updated_at=now or columns.now())
    )


def forget_failed_builds(
    tx: Transaction, host: str, node: str | None = None, *, now: datetime | None = None
) -> None:
    """Count from 0 again, on all nodes of the host when none is named.

    The usual case, in which none has failed, changes nothing.
    """
    which = [compute_nodes.c.host == host] if node is None else _is(host, node)
    tx.execute(
        sa.update(compute_nodes)
        .where(*which, compute_nodes.c.failed_builds > 0)
        .values(failed_builds=0, updated_at=now or columns.now())
    )


def _is(host: str, node: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (compute_nodes.c.host == host, compute_nodes.c.hypervisor_hostname == node)


def list_on_host(tx: Transaction, host: str) -> tuple[ComputeNodeRow, ...]:
    """The nodes that this host drives, by number."""
    return _rows(tx, compute_nodes.c.host == host)


def list_unmapped(tx: Transaction) -> tuple[ComputeNodeRow, ...]:
    """The nodes whose host no discovery has seen yet, by number."""
    return _rows(tx, compute_nodes.c.mapped == sa.false())


def mark_mapped(tx: Transaction, uuids: Collection[str]) -> None:
    """Record that the hosts of these nodes are mapped to this cell."""
    tx.execute(sa.update(compute_nodes).where(compute_nodes.c.uuid.in_(uuids)).values(mapped=True))


def delete(tx: Transaction, uuid: str) -> bool:
    """Forget a node; False when it was gone already."""
    return bool(tx.execute(sa.delete(compute_nodes).where(compute_nodes.c.uuid == uuid)).rowcount)


def delete_on_host(tx: Transaction, host: str) -> int:
    """Forget every node of the host; how many there were."""
    return tx.execute(sa.delete(compute_nodes).where(compute_nodes.c.host == host)).rowcount


def find_served(
    tx: Transaction, *, uuid: str | None = None, node_id: int | None = None
) -> ServedNode | None:
    """The node with this uuid, or with this number (unique in one cell only), if a compute service drives it."""
    statement = _select_served()
    if uuid is not None:
        statement = statement.where(compute_nodes.c.uuid == uuid)
    if node_id is not None:
        statement = statement.where(compute_nodes.c.id == node_id)
    found = tx.execute(statement).first()
    return None if found is None else _served(found)


def page_served(
    tx: Transaction,
    *,
    from_id: int = 0,
    limit: int | None = None,
    name_contains: str | None = None,
    not_on: Collection[str] = (),
) -> tuple[ServedNode, ...]:
    """Nodes that a compute service drives, by number from ``from_id`` on (inclusive), but for those on some hosts.

    Left out are nodes of deleted services, until their host reports or is cleaned up.
    """
    statement = _select_served().where(compute_nodes.c.id >= from_id).order_by(compute_nodes.c.id)
    if name_contains is not None:
        statement = statement.where(
            compute_nodes.c.hypervisor_hostname.icontains(name_contains, autoescape=True)
        )
    if not_on:
        statement = statement.where(compute_nodes.c.host.not_in(not_on))
    if limit is not None:
        statement = statement.limit(limit)
    return tuple(_served(found) for found in tx.execute(statement))


def usage_of_nodes(
    tx: Transaction, hosts: Collection[str] | None = None
) -> Mapping[tuple[str, str], NodeUsage]:
    """What servers use on each (host, node), in all or on some hosts; nodes without servers are left out.

    Root disks of servers that boot from a volume take nothing of the node.
    """
    # SELECT host, node, SUM(...) FROM instances WHERE deleted = 0 AND host IN (...) GROUP BY host, node
    # reads along instances_host_deleted_idx.
    own = instances.c
    root_gb = sa.case((sa.func.coalesce(own.image_ref, "") == "", 0), else_=own.root_gb)
    statement = (
        sa.select(
            own.host,
            own.node,
            sa.func.sum(own.vcpus),
            sa.func.sum(own.memory_mb),
            sa.func.sum(root_gb + own.ephemeral_gb),
            sa.func.count(),
            sa.func.count(own.task_state),
        )
        .where(own.deleted == 0, own.host.is_not(None))
        .group_by(own.host, own.node)
    )
    if hosts is not None:
        statement = statement.where(own.host.in_(hosts))
    found: list[Any] = list(tx.execute(statement))
    return {
        (host, node): NodeUsage(*(int(amount) for amount in amounts))
        for host, node, *amounts in found
        if node is not None
    }


def servers_on_hosts(tx: Transaction, hosts: Collection[str]) -> tuple[NodeServer, ...]:
    """The servers on some hosts, oldest first."""
    own = instances.c
    found = tx.execute(
        sa.select(own.id, own.uuid, own.host, own.node)
        .where(own.deleted == 0, own.host.in_(hosts))
        .order_by(own.id)
    )
    return tuple(NodeServer(row.id, row.uuid, row.host, row.node) for row in found)


def count_servers(tx: Transaction, host: str) -> int:
    """How many servers the host has."""
    return int(
        tx.execute(
            sa.select(sa.func.count())
            .select_from(instances)
            .where(instances.c.host == host, instances.c.deleted == 0)
        ).scalar_one()
    )


def _rows(tx: Transaction, condition: sa.ColumnElement[bool]) -> tuple[ComputeNodeRow, ...]:
    statement = sa.select(*_COLUMNS).where(condition).order_by(compute_nodes.c.id)
    return tuple(_node(found) for found in tx.execute(statement))


def _node(found: Any) -> ComputeNodeRow:
    return ComputeNodeRow(*found)


def _select_served() -> sa.Select[Any]:
    return sa.select(*service_queries.selected(), *_COLUMNS).join_from(
        compute_nodes,
        services,
        sa.and_(services.c.host == compute_nodes.c.host, services.c.binary == COMPUTE),
    )


def _served(found: Any) -> ServedNode:
    return ServedNode(node=_node(found[-len(_COLUMNS) :]), service=service_queries.row_of(found))
