"""Data migrations: rows that a release leaves to be rewritten while the services run."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nova.cmd.manage.deployment import Deployment
from nova.cmd.manage.printing import print_table

LOG = logging.getLogger(__name__)

BAD_INPUT = 127
# Rows per run of a migration when no count is given: small, so that services are not held up.
_BATCH = 50

#: Rewrites at most so many rows, in transactions of its own; tells how many needed it at that moment and how many it
#: did. Safe to run again, and beside running services of this release and the one before.
DataMigration = Callable[[Deployment, int], tuple[int, int]]

#: What this release leaves to be done, by the name that operators see. Removed when no supported upgrade needs it.
MIGRATIONS: Mapping[str, DataMigration] = {}


@dataclass(slots=True)
class _Tally:
    """Rows by migration, over all batches."""

    found: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    #: Whether a migration of the last batch failed, and how many rows that batch did.
    last_failed: bool = False
    last_done: int = 0


def online_data_migrations(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: nothing is left. 1: some rows done with --max-count. 2: failures, and nothing moved. 127: bad count."""
    return run(MIGRATIONS, deployment, max_count=given.max_count)


def run(
    migrations: Mapping[str, DataMigration], deployment: Deployment, *, max_count: int | None
) -> int:
    """Do what is left: all of it in batches, or at most ``max_count`` rows; exit status as above."""
    if max_count is not None and max_count < 1:
        print("Must supply a positive value for max_count.")
        return BAD_INPUT
    if max_count is None:
        print(f"Running batches of {_BATCH} until complete")
    tally = _Tally()
    while True:
        _run_batch(migrations, deployment, max_count or _BATCH, tally)
        if max_count is not None or not tally.last_done:
            break
    print_table(
        ("Migration", "Total Needed", "Completed"),
        [(name, tally.found[name], tally.done[name]) for name in sorted(migrations)],
    )
    if tally.last_failed and not tally.last_done:
        return 2
    return 1 if tally.last_done else 0


def _run_batch(
    migrations: Mapping[str, DataMigration], deployment: Deployment, at_most: int, tally: _Tally
) -> None:
    """Each migration once, together at most so many rows; one that fails does not keep the others from running."""
    tally.last_failed, tally.last_done = False, 0
    for name, migrate in migrations.items():
        left = at_most - tally.last_done
        if left <= 0:
            break
        try:
            found, done = migrate(deployment, left)
        except Exception as exc:
            LOG.exception("data migration %s failed", name)
            print(f"Error attempting to run {name}: {exc}")
            tally.last_failed = True
            continue
        if found:
            print(f"{found} rows matched query {name}, {done} migrated")
        # Rows found by an earlier batch and done there are not found again.
        tally.found[name] = max(tally.found[name], tally.done[name] + found)
        tally.done[name] += done
        tally.last_done += done
