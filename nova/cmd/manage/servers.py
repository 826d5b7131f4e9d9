"""Servers and their mappings: mapped afterwards, and verified."""

from __future__ import annotations

import argparse
from functools import partial

from oslo_db.exception import DBDuplicateEntry

from groundwork.database import Database
from nova.cells.registry import Cell
from nova.cmd.manage.deployment import Deployment
from nova.db.api import instance_mappings, mapped_servers
from nova.db.api.mapped_servers import Unmapped
from nova.db.cell import command_markers, server_scan, servers

BAD_INPUT = 127
# Servers per transaction: more would hold up the services that write the same tables.
_BATCH = 500
_MARKER = "map_instances"


def map_instances(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: stopped at --max-count, and more is left. 127: bad count.

    Safe to stop at any moment: the marker moves after the mappings are there, and a server that is mapped stays so.
    """
    if given.max_count is not None and given.max_count < 1:
        print("Must supply a positive value for max-count.")
        return BAD_INPUT
    cell = deployment.cell(given.cell_uuid)
    database = deployment.database(cell)
    if given.reset:
        database.run(lambda tx: command_markers.reset(tx, _MARKER))

    seen = mapped = 0
    while given.max_count is None or seen < given.max_count:
        at_most = _BATCH if given.max_count is None else min(_BATCH, given.max_count - seen)
        found, is_last, done = _map_batch(deployment, cell, database, at_most)
        seen, mapped = seen + found, mapped + done
        if is_last:
            print(f"All servers of cell {cell.uuid} are mapped: {mapped} mapped now.")
            return 0
    print(f"Looked at {seen} servers of cell {cell.uuid}, {mapped} mapped now; more are left.")
    return 1


def _map_batch(
    deployment: Deployment, cell: Cell, database: Database, at_most: int
) -> tuple[int, bool, int]:
    """How many servers were looked at, whether none is left, and how many were mapped."""
    with database.read() as tx:
        # One more tells whether there is more.
        rows = server_scan.all_after(tx, command_markers.position(tx, _MARKER), at_most=at_most + 1)
    batch = rows[:at_most]
    if not batch:
        return 0, True, 0
    unmapped = [
        Unmapped(row.uuid, row.project_id, row.user_id, row.vcpus, row.memory_mb, bool(row.deleted))
        for row in batch
    ]
    add = partial(mapped_servers.add_missing, cell_id=cell.id, servers=unmapped)
    try:
        done = deployment.api_database().run(add)
    except DBDuplicateEntry:
        done = deployment.api_database().run(add)
    database.run(lambda tx: command_markers.move(tx, _MARKER, batch[-1].id))
    return len(batch), len(rows) <= at_most, done


def verify_instance(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: mapped. 1: not mapped. 2: mapped to no cell yet. 3: deleted but mapped. 4: archived but mapped."""
    status, line = _verify(deployment, given.uuid)
    if not given.quiet:
        print(line)
    return status


def _verify(deployment: Deployment, uuid: str) -> tuple[int, str]:
    with deployment.api_database().read() as tx:
        mapping = instance_mappings.find(tx, uuid)
    if mapping is None:
        return 1, f"Instance {uuid} is not mapped to a cell."
    cell = next((cell for cell in deployment.cells() if cell.id == mapping.cell_id), None)
    if cell is None:
        return 2, f"Instance {uuid} has a mapping, but to no cell."
    with deployment.database(cell).read() as tx:
        server = servers.find(tx, uuid, with_deleted=True)
    if server is None:
        return 4, f"Instance {uuid} is archived but still mapped to cell: {_name(cell)}"
    if server.is_deleted:
        return 3, f"Instance {uuid} is deleted but still mapped to cell: {_name(cell)}"
    return 0, f"Instance {uuid} is in cell: {_name(cell)}"


def _name(cell: Cell) -> str:
    return f"{cell.name} ({cell.uuid})"
