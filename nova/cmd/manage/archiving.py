"""Deleted servers: archived into shadow tables, and purged from these."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from groundwork import starting
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
    """0: nothing was archived. 1: some rows. 2: bad max_rows. 3: no API database. 4: bad date.

    One of all cells that cannot be used does not keep the others from being archived; the status is then 255.
    """
    if given.max_rows < 1:
        print("Must supply a positive value for max_rows.")
        return 2
    try:
        before = _date(given.before)
        targets = _targets(deployment, all_cells=given.all_cells, needs_api=True)
    except (_BadDate, _NoApiDatabase) as problem:
        print(problem)
        return 4 if isinstance(problem, _BadDate) else 3

    moved: Counter[str] = Counter()
    while True:
        batch = _archive_batch(deployment, targets, given.max_rows, before)
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
        _purge(targets, None, verbose=given.verbose)
    if targets.has_lost:
        return starting.UNEXPECTED
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


@dataclass(frozen=True, slots=True)
class _Target:
    """The database of one cell, and what goes before the names of its tables."""

    prefix: str
    cell: Cell | None
    database: Database


class _Targets:
    """The databases to work on. One of several that cannot be used is told, and left out from then on."""

    def __init__(self) -> None:
        self.left: list[_Target] = []
        self.has_lost = False

    @contextmanager
    def sparing_others(self, cell: Cell | None) -> Iterator[None]:
        """Work on this cell; without one, on the only database that there is to work on."""
        try:
            yield
        except UNREADABLE as exc:
            if cell is None:
                raise
            print(
                f"ERROR: Cell {cell.name or ''} ({cell.uuid}) was left out: {one_line(exc)}",
                file=sys.stderr,
            )
            self.has_lost = True
            self.left = [target for target in self.left if target.cell is not cell]


def _targets(deployment: Deployment, *, all_cells: bool, needs_api: bool) -> _Targets:
    """What is to be worked on. :raises _NoApiDatabase:"""
    cells: Sequence[Cell] = ()
    if needs_api or all_cells:
        try:
            cells = deployment.cells()
        except UNREADABLE as exc:
            raise _NoApiDatabase(f"The API database cannot be used: {one_line(exc)}") from exc
    targets = _Targets()
    if not all_cells:
        targets.left.append(_Target("", None, deployment.local_database()))
        return targets
    for cell in cells:
        with targets.sparing_others(cell):
            prefix = f"{cell.name or cell.uuid}."
            targets.left.append(_Target(prefix, cell, deployment.database(cell)))
    return targets


def _archive_batch(
    deployment: Deployment,
    targets: _Targets,
    max_rows: int,
    before: datetime | None,
) -> Counter[str]:
    moved: Counter[str] = Counter()
    left = max_rows
    for target in list(targets.left):
        with targets.sparing_others(target.cell):
            for counts, of_api in _archive_cell(
                deployment, target.database, left, before, is_first=not moved
            ):
                moved.update({f"{target.prefix}{name}": rows for name, rows in counts.items()})
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
    """0: rows were removed. 1: neither --all nor --before. 2: bad date. 3: nothing to do. 4: no API database.

    One of all cells that cannot be used does not keep the others from being purged; the status is then 255.
    """
    if given.before is None and not given.all:
        print("Either --before or --all is required.")
        return 1
    try:
        before = _date(given.before)
        targets = _targets(deployment, all_cells=given.all_cells, needs_api=False)
    except (_BadDate, _NoApiDatabase) as problem:
        print(problem)
        return 2 if isinstance(problem, _BadDate) else 4
    removed = _purge(targets, before, verbose=given.verbose)
    if targets.has_lost:
        return starting.UNEXPECTED
    return 0 if removed else 3


def _purge(targets: _Targets, before: datetime | None, *, verbose: bool) -> int:
    """How many rows went."""
    removed: Counter[str] = Counter()
    some = partial(archive.purge, before=before, at_most=_SERVERS_AT_ONCE)
    for target in list(targets.left):
        with targets.sparing_others(target.cell):
            while batch := target.database.run(some):
                removed.update({f"{target.prefix}{name}": rows for name, rows in batch.items()})
    if verbose:
        for name, rows in sorted((+removed).items()):
            print(f"Deleted {rows} rows from {name}")
    return sum(removed.values())
