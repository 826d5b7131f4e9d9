"""Deleted servers: archived into shadow tables, and purged from these."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from groundwork.database import Database
from groundwork.errors import Invalid, Unavailable
from nova.cells.registry import Cell
from nova.cmd.manage import moments
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.printing import print_table
from nova.cmd.manage.schemas import one_line
from nova.db.api import mapped_servers
from nova.db.cell import archive

# Servers per transaction. More: services wait longer for their rows; fewer: more commits.
_SERVERS_AT_ONCE = 100


def archive_deleted_rows(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: nothing was archived. 1: some rows. 2: bad max_rows. 3: no API database. 4: bad date."""
    if given.max_rows < 1:
        print("Must supply a positive value for max_rows.")
        return 2
    try:
        before = _date(given.before)
        cells = _databases(deployment, all_cells=given.all_cells, needs_api=True)
    except (_BadDate, _NoApiDatabase) as problem:
        print(problem)
        return 4 if isinstance(problem, _BadDate) else 3

    moved: Counter[str] = Counter()
    while True:
        batch = _archive_batch(deployment, cells, given.max_rows, before)
        moved += batch
        if not batch or not given.until_complete:
            break
        _show_progress(given)
        # Services use the databases meanwhile; the pause is the operator's wish.
        time.sleep(given.sleep)
    _tell_archived(moved, verbose=given.verbose, dots=given.until_complete)
    if given.purge:
        if given.verbose:
            print("Running purge of everything that is archived")
        _purge(cells, None, verbose=given.verbose)
    return 1 if moved else 0


class _BadDate(Invalid):
    """What --before says is no date."""


class _NoApiDatabase(Unavailable):
    """It is not configured, or cannot be used."""


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return moments.parse(text)
    except ValueError as exc:
        raise _BadDate(f"Invalid value for --before: {exc}") from exc


def _databases(
    deployment: Deployment, *, all_cells: bool, needs_api: bool
) -> Sequence[tuple[str, Database]]:
    """What is to be worked on, with what goes before the names of its tables. :raises _NoApiDatabase:"""
    cells: Sequence[Cell] = ()
    if needs_api or all_cells:
        try:
            cells = deployment.cells()
        except UNREADABLE as exc:
            raise _NoApiDatabase(f"The API database cannot be used: {one_line(exc)}") from exc
    if all_cells:
        return [(f"{cell.name or cell.uuid}.", deployment.database(cell)) for cell in cells]
    return [("", deployment.local_database())]


def _archive_batch(
    deployment: Deployment,
    cells: Sequence[tuple[str, Database]],
    max_rows: int,
    before: datetime | None,
) -> Counter[str]:
    moved: Counter[str] = Counter()
    left = max_rows
    for prefix, database in cells:
        for counts, of_api in _archive_cell(deployment, database, left, before, is_first=not moved):
            moved.update({f"{prefix}{name}": rows for name, rows in counts.items()})
            moved.update({f"API_DB.{name}": rows for name, rows in of_api.items()})
            left -= sum(counts.values())
        if left <= 0:
            break
    return +moved


def _archive_cell(
    deployment: Deployment,
    database: Database,
    left: int,
    before: datetime | None,
    *,
    is_first: bool,
) -> Iterator[tuple[Mapping[str, int], Mapping[str, int]]]:
    """Rows moved in the cell and removed in the API database, one transaction of each at a time.

    A server is archived whole or not at all. The first of a batch is archived even if it alone has more rows than
    are left, or it would never be.
    """
    while left > 0:
        with database.read() as tx:
            uuids = archive.deleted_servers(tx, before=before, at_most=_SERVERS_AT_ONCE)
            counts = archive.count_rows(tx, uuids) if uuids else {}
        chosen = _fitting(uuids, counts, left, whatever_size_first=is_first)
        if not chosen:
            return
        # The API database first: whoever is interrupted in between finds the servers in their cell again. The other
        # way round, mappings of servers that no cell remembers would stay for ever.
        of_api = deployment.api_database().run(partial(mapped_servers.forget, uuids=chosen))
        moved = database.run(partial(archive.move, uuids=chosen))
        left -= sum(counts[uuid] for uuid in chosen)
        is_first = False
        yield moved, of_api


def _fitting(
    uuids: Sequence[str], counts: Mapping[str, int], left: int, *, whatever_size_first: bool
) -> list[str]:
    chosen: list[str] = []
    for uuid in uuids:
        if counts[uuid] > left and (chosen or not whatever_size_first):
            break
        chosen.append(uuid)
        left -= counts[uuid]
    return chosen


def _show_progress(given: argparse.Namespace) -> None:
    if given.verbose:
        print(".", end="", flush=True)


def _tell_archived(moved: Mapping[str, int], *, verbose: bool, dots: bool) -> None:
    if not verbose:
        return
    if dots and moved:
        print("complete")
    if not moved:
        print("Nothing was archived.")
        return
    print_table(("Table", "Number of Rows Archived"), sorted(moved.items()))


def purge(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: rows were removed. 1: neither --all nor --before. 2: bad date. 3: nothing to do. 4: no API database."""
    if given.before is None and not given.all:
        print("Either --before or --all is required.")
        return 1
    try:
        before = _date(given.before)
        cells = _databases(deployment, all_cells=given.all_cells, needs_api=False)
    except (_BadDate, _NoApiDatabase) as problem:
        print(problem)
        return 2 if isinstance(problem, _BadDate) else 4
    return 0 if _purge(cells, before, verbose=given.verbose) else 3


def _purge(cells: Sequence[tuple[str, Database]], before: datetime | None, *, verbose: bool) -> int:
    """How many rows went."""
    removed: Counter[str] = Counter()
    for prefix, database in cells:
        while batch := database.run(
            lambda tx: archive.purge(tx, before=before, at_most=_SERVERS_AT_ONCE)
        ):
            removed.update({f"{prefix}{name}": rows for name, rows in batch.items()})
    if verbose:
        for name, rows in sorted((+removed).items()):
            print(f"Deleted {rows} rows from {name}")
    return sum(removed.values())
