"""Keystone's and Glance's databases: made once, looked at before each start.

Placement and Nova migrate their own when they start.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from quickstart_parts.failure import Failure, last_lines
from quickstart_parts.plan import Plan
from quickstart_parts.processes import describe_end, start, stop
from quickstart_parts.progress import Progress

# db_sync takes 2-3 s of one core; a busy machine may need many times that, a hanging one for ever.
MANAGE_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Database:
    """A neighbour's SQLite file and the commands that bring it about, as its manage program's words.

    ``fill`` runs only on a new one, after ``migrate``.
    """

    name: str
    path: Path
    manage: tuple[str, ...]
    migrate: tuple[str, ...]
    fill: tuple[str, ...] | None = None


def prepare_databases(
    plan: Plan, passwords: Mapping[str, str], progress: Progress, *, upgraded: bool
) -> None:
    """Promise databases with a schema: missing ones are made, ``upgraded`` ones migrated.

    A new database gets its name only when it is complete: an interrupted start leaves no half of one.

    :raises Failure: a database is there but has no schema, or a command failed.
    """
    _make_key_repositories(plan)
    work = []
    for database in _databases(plan):
        if not database.path.exists():
            work.append((f"made the database of {database.name}", _make(plan, database, passwords)))
        else:
            _check_schema(database)
            if upgraded:
                work.append((f"migrated that of {database.name}", _migrate(plan, database)))
    if work:
        _run_side_by_side([steps for _, steps in work], progress)
        progress.done(", ".join(what for what, _ in work))


def _databases(plan: Plan) -> tuple[Database, ...]:
    keystone, glance = plan.work_dir / "keystone", plan.work_dir / "glance"
    kinds = ("public", "internal", "admin")
    return (
        Database(
            "Keystone",
            keystone / "keystone.db",
            (plan.program("keystone-manage"), f"--config-file={keystone / 'keystone.conf'}"),
            ("db_sync",),
            (
                "bootstrap",
                "--bootstrap-region-id=RegionOne",
                *(f"--bootstrap-{kind}-url={plan.identity_url}" for kind in kinds),
            ),
        ),
        Database(
            "Glance",
            glance / "glance.db",
            (plan.program("glance-manage"), f"--config-file={glance / 'glance-api.conf'}"),
            ("db_sync",),
        ),
    )


def _check_schema(database: Database) -> None:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database.path}?mode=ro", uri=True)) as file:
            row = file.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        row = None
    if row is None:
        raise Failure(
            f"the database of {database.name} is not migrated ({database.path}); "
            f"remove it, or start afresh after --clean"
        )


def _make_key_repositories(plan: Plan) -> None:
    """Fernet keys as ``keystone-manage fernet_setup`` makes them, without its 2 s of imports.

    Keys are numbered files; 0 is the next one, the highest number signs.
    """
    for name in ("fernet-keys", "credential-keys"):
        repository = plan.work_dir / "keystone" / name
        if repository.is_dir():
            continue
        new = repository.with_suffix(".new")
        new.mkdir(mode=0o700, exist_ok=True)
        for number in ("0", "1"):
            key = new / number
            key.touch(mode=0o600)
            key.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
        new.rename(repository)


# A sequence of commands: each process is started when the one before it has ended well.
Steps = Iterator[subprocess.Popen[bytes]]


def _make(plan: Plan, database: Database, passwords: Mapping[str, str]) -> Steps:
    new = database.path.with_suffix(".new")
    new.unlink(missing_ok=True)
    # oslo.config lets the environment overrule the file; and a password on a command line is no secret.
    environment = {
        "OS_DATABASE__CONNECTION": f"sqlite:///{new}",
        "OS_BOOTSTRAP_PASSWORD": passwords["admin"],
    }
    yield from _manage(plan, database, database.migrate, environment)
    if database.fill:
        yield from _manage(plan, database, database.fill, environment)
    new.rename(database.path)


def _migrate(plan: Plan, database: Database) -> Steps:
    yield from _manage(plan, database, database.migrate, {})


def _manage(
    plan: Plan, database: Database, words: tuple[str, ...], environment: Mapping[str, str]
) -> Steps:
    log = plan.logs / f"{database.name.lower()}-manage.log"
    command = [*database.manage, *words]
    quiet = {"PYTHONWARNINGS": "ignore"}
    process = start(command, log=log, environment=os.environ | quiet | dict(environment))
    yield process
    if process.returncode:
        said = last_lines(log, 1) or ["it said nothing"]
        what = f"{Path(command[0]).name} {words[0]} {describe_end(process.returncode)}"
        raise Failure(f"{what}: {said[0]}", log=log)


def _run_side_by_side(sequences: list[Steps], progress: Progress) -> None:
    deadline = time.monotonic() + MANAGE_TIMEOUT_S
    running: dict[int, subprocess.Popen[bytes]] = {}
    try:
        for number, steps in enumerate(sequences):
            running[number] = next(steps)
        while running:
            for number, process in list(running.items()):
                if process.poll() is not None:
                    del running[number]
                    if following := next(sequences[number], None):
                        running[number] = following
            if time.monotonic() > deadline:
                raise Failure(f"the databases were not ready after {MANAGE_TIMEOUT_S:.0f} s")
            progress.working("preparing the databases of Keystone and Glance")
            time.sleep(0.05)
    finally:
        stop(list(running.values()))
