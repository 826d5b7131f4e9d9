"""Where the servers behind the journalled operations are kept: a cell's rows, or build requests above the cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db import journal
from nova.db.api.models import build_requests
from nova.db.cell import block_devices, compute_nodes, faults, servers
from nova.domain.block_device import BlockDevice
from nova.domain.server import Server
from nova.saga.operation import Failure


class Store(Protocol):
    """The part of a journal that differs between the levels."""

    tables: journal.JournalTables

    def load(self, tx: Transaction, row: sa.Row[Any]) -> Server | None:
        """The server that an operation row is about; None when it is gone."""

    def save(self, tx: Transaction, row: sa.Row[Any], values: Mapping[str, Any]) -> None:
        """Change columns of that server."""

    def reload(self, tx: Transaction, row: sa.Row[Any]) -> Server | None:
        """The same server after a save."""

    def record_fault(self, tx: Transaction, row: sa.Row[Any], failure: Failure) -> None:
        """Tell the user why the operation failed."""

    def host_failed(self, tx: Transaction, server: Server) -> None:
        """Count against the server's host that it gave up on a step that judges hosts."""

    def host_succeeded(self, tx: Transaction, server: Server) -> None:
        """Hold no earlier failure against the server's host any more."""


class CellStore:
    """Servers of one cell."""

    tables = journal.CELL

    def load(self, tx: Transaction, row: sa.Row[Any]) -> Server | None:
        return servers.find(tx, row.instance_uuid)

    reload = load

    def save(self, tx: Transaction, row: sa.Row[Any], values: Mapping[str, Any]) -> None:
        values = dict(values)
        if values.pop("deleted", False):
            servers.mark_deleted(tx, row.instance_uuid, now=now())
            return
        devices = values.pop("block_devices", None)
        if devices is not None:
            block_devices.save(tx, row.instance_uuid, convert(devices, tuple[BlockDevice, ...]))
        servers.update(tx, row.instance_uuid, servers.from_wire(values) | {"updated_at": now()})

    def record_fault(self, tx: Transaction, row: sa.Row[Any], failure: Failure) -> None:
        faults.add(
            tx,
            row.instance_uuid,
            faults.Fault(
                code=500,
                message=failure.text,
                details=failure.details,
                created_at=now(),
                host=row.place_host,
            ),
        )

    def host_failed(self, tx: Transaction, server: Server) -> None:
        if server.host is not None:
            compute_nodes.count_failed_build(tx, server.host, server.node or server.host)

    def host_succeeded(self, tx: Transaction, server: Server) -> None:
        if server.host is not None:
            compute_nodes.forget_failed_builds(tx, server.host, server.node or server.host)


class BuildStore:
    """Servers that have no cell yet: the JSON picture in their build request."""

    tables = journal.BUILDS

    def load(self, tx: Transaction, row: sa.Row[Any]) -> Server | None:
        return convert(row.server, Server)

    def save(self, tx: Transaction, row: sa.Row[Any], values: Mapping[str, Any]) -> None:
        # Read anew: this transaction may have saved before.
        stored = _stored(tx, row)
        tx.execute(
            sa.update(build_requests)
            .where(build_requests.c.id == row.id)
            .values(server={**stored, **msgspec.to_builtins(dict(values))}, updated_at=now())
        )

    def reload(self, tx: Transaction, row: sa.Row[Any]) -> Server | None:
        return convert(_stored(tx, row), Server)

    def record_fault(self, tx: Transaction, row: sa.Row[Any], failure: Failure) -> None:
        """Nothing: a build that fails here is buried in cell0, and the fault is written there."""

    def host_failed(self, tx: Transaction, server: Server) -> None:
        """Nothing: no step above the cells runs at a host."""

    def host_succeeded(self, tx: Transaction, server: Server) -> None:
        """Nothing: no step above the cells runs at a host."""


def _stored(tx: Transaction, row: sa.Row[Any]) -> dict[str, Any]:
    """The picture as it is now, whatever it was when the row was read."""
    found: dict[str, Any] = tx.execute(
        sa.select(build_requests.c.server).where(build_requests.c.id == row.id)
    ).scalar_one()
    return found
