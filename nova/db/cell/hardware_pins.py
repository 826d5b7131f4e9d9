"""What servers hold of nodes by number: CPUs of their own, memory of NUMA nodes, PCI devices.

Whoever changes it updates the node's row first. That makes claims on a node take turns, and tells the scheduler, which
reads nodes that have changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from groundwork import columns
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.cell.models import compute_nodes, hardware_pins
from nova.domain.hardware import Hardware, Pins, Use
from nova.domain.hardware_fit import Misfit, fit
from nova.domain.numa import NumaRequest, PciRequest
from nova.errors import HardwareTaken


@dataclass(frozen=True, slots=True)
class Holder:
    """A server, and the node on which it holds something."""

    server: str
    host: str
    node: str


def claim(
    tx: Transaction,
    holder: Holder,
    offered: Hardware,
    numa: NumaRequest | None,
    pci: Sequence[PciRequest],
    *,
    now: datetime | None = None,
) -> Pins:
    """Give the server what it asks for, of what the node offers and nobody holds; what it holds already, it keeps.

    1. Two servers come to the node at the same time, and one device is left. 2. The first updates the node's row and
    sees the device free. 3. The second waits at the same update until the first has committed, then sees it taken.

    :raises HardwareTaken: it does not fit.
    """
    now = now or columns.now()
    _touch(tx, holder.host, holder.node, now)
    own = hardware_pins.c
    held = tx.execute(
        sa.select(own.instance_uuid, own.pins).where(
            own.host == holder.host, own.node == holder.node
        )
    ).all()
    for row in held:
        if row.instance_uuid == holder.server:
            return _pins(row.pins)
    found = fit(offered, Use.by(offered, [_pins(row.pins) for row in held]), numa, pci)
    if isinstance(found, Misfit):
        raise HardwareTaken(f"Host {holder.host} cannot take the server: {found.text}")
    tx.execute(
        sa.insert(hardware_pins),
        {
            "created_at": now,
            "instance_uuid": holder.server,
            "host": holder.host,
            "node": holder.node,
            "pins": msgspec.to_builtins(found),
        },
    )
    return found


def release(tx: Transaction, server_uuid: str, *, now: datetime | None = None) -> None:
    """Take back all that the server holds, wherever; nothing happens when it holds nothing."""
    own = hardware_pins.c
    places = tx.execute(
        sa.select(own.host, own.node)
        .where(own.instance_uuid == server_uuid)
        # Always in this order, or two that let go of the same nodes could wait for each other.
        .order_by(own.host, own.node)
    ).all()
    if not places:
        return
    for row in places:
        _touch(tx, row.host, row.node, now or columns.now())
    tx.execute(sa.delete(hardware_pins).where(own.instance_uuid == server_uuid))


def of_server(tx: Transaction, server_uuid: str, host: str) -> Pins:
    """What the server holds of that host."""
    own = hardware_pins.c
    found = tx.execute(
        sa.select(own.pins).where(own.instance_uuid == server_uuid, own.host == host)
    ).first()
    return Pins() if found is None else _pins(found.pins)


def _touch(tx: Transaction, host: str, node: str, now: datetime) -> None:
    tx.execute(
        sa.update(compute_nodes)
        .where(compute_nodes.c.host == host, compute_nodes.c.hypervisor_hostname == node)
        .values(updated_at=now)
    )


def _pins(stored: object) -> Pins:
    found: Pins = convert(stored, Pins)
    return found
