"""Databases that are there before the quick start begins."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import subprocess
from pathlib import Path

import pytest
from quickstart_parts.databases import prepare_databases
from quickstart_parts.failure import Failure
from quickstart_parts.plan import Plan, parse_plan
from quickstart_parts.progress import Progress


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    plan = parse_plan([], project_root=tmp_path)
    for name in ("keystone", "glance", "logs"):
        (plan.work_dir / name).mkdir(parents=True)
    return plan


def _migrated(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('29e87d24a316')")
        database.commit()


def test_migrated_databases_are_left_alone(plan: Plan) -> None:
    for name in ("keystone", "glance"):
        _migrated(plan.work_dir / name / f"{name}.db")
    said = io.StringIO()
    prepare_databases(plan, {"admin": "x"}, Progress(said), upgraded=False)
    assert said.getvalue() == ""


def test_unmigrated_database_is_told_before_anything_starts(plan: Plan) -> None:
    _migrated(plan.work_dir / "keystone/keystone.db")
    (plan.work_dir / "glance/glance.db").touch()
    with pytest.raises(Failure, match=r"the database of Glance is not migrated \(.*glance\.db\)"):
        prepare_databases(plan, {"admin": "x"}, Progress(io.StringIO()), upgraded=False)


def test_failing_command_leaves_no_half_made_database(plan: Plan) -> None:
    commands = plan.venv / "bin"
    commands.mkdir(parents=True)
    for name in ("keystone-manage", "glance-manage"):
        script = commands / name
        script.write_text(
            '#!/bin/sh\ntouch "${OS_DATABASE__CONNECTION#sqlite:///}"\necho no >&2\nexit 3\n'
        )
        script.chmod(0o755)
    with pytest.raises(Failure, match="(keystone|glance)-manage db_sync ended with status 3: no"):
        prepare_databases(plan, {"admin": "x"}, Progress(io.StringIO()), upgraded=False)
    assert not (plan.work_dir / "keystone/keystone.db").exists()
    assert not (plan.work_dir / "glance/glance.db").exists()


def test_key_repositories_hold_keys_that_fernet_takes(plan: Plan) -> None:
    for name in ("keystone", "glance"):
        _migrated(plan.work_dir / name / f"{name}.db")
    prepare_databases(plan, {"admin": "x"}, Progress(io.StringIO()), upgraded=False)
    repository = plan.work_dir / "keystone/fernet-keys"
    assert sorted(path.name for path in repository.iterdir()) == ["0", "1"]
    assert all(len(path.read_bytes()) == 44 for path in repository.iterdir())
    assert (
        subprocess.run(["stat", "-c", "%a", repository], capture_output=True, check=True).stdout
        == b"700\n"
    )
