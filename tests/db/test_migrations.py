"""The schemas that revisions build are the ones that models describe, on every engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import nova.db.api.models
import nova.db.api.schema
import nova.db.cell.models
import nova.db.cell.schema
import placement.db
import placement.db.models
from groundwork import migrations
from groundwork.database import Database
from groundwork.errors import Unavailable

MODELS = {
    "api": (nova.db.api.models.METADATA, nova.db.api.schema.FOLDER),
    "cell": (nova.db.cell.models.METADATA, nova.db.cell.schema.FOLDER),
    "placement": (
        placement.db.models.metadata,
        Path(placement.db.__file__).parent / "migrations",
    ),
}
# Kept for the migrations themselves; no model describes it.
ALEMBIC = "alembic_version"

MakeDatabase = Callable[..., Database]


@pytest.mark.parametrize("schema", MODELS)
def test_models_equal_the_migrated_schema(make_database: MakeDatabase, schema: str) -> None:
    metadata, _ = MODELS[schema]
    with make_database(schema).engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("schema", MODELS)
def test_foreign_keys_and_indexes_equal_those_of_the_models(
    make_database: MakeDatabase, schema: str
) -> None:
    """alembic's comparison is silent on some of these, so both are built and read back."""
    metadata, _ = MODELS[schema]
    described = make_database()
    metadata.create_all(described.engine)
    assert read_back(make_database(schema)) == read_back(described)


def read_back(database: Database) -> dict[str, Any]:
    """What the database itself says of its tables, without the order that differs between runs."""
    inspector = sa.inspect(database.engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(
                (key["constrained_columns"], key["referred_table"], str(key["options"]))
                for key in inspector.get_foreign_keys(table)
            ),
            "unique": sorted(
                tuple(key["column_names"]) for key in inspector.get_unique_constraints(table)
            ),
            "indexes": sorted(
                (index["name"], tuple(index["column_names"]), bool(index["unique"]))
                for index in inspector.get_indexes(table)
            ),
        }
        for table in inspector.get_table_names()
        if table != ALEMBIC
    }


@pytest.mark.parametrize("schema", MODELS)
def test_a_second_run_changes_nothing_and_keeps_rows(
    make_database: MakeDatabase, schema: str
) -> None:
    metadata, folder = MODELS[schema]
    database = make_database(schema)
    before = read_back(database)
    marker = sa.Table("kept_by_a_second_run", sa.MetaData(), sa.Column("id", sa.Integer))
    marker.create(database.engine)
    with database.write() as tx:
        tx.execute(sa.insert(marker), {"id": 1})
    migrations.upgrade(database, folder)
    assert migrations.current(database) == migrations.head(folder)
    with database.read() as tx:
        assert tx.execute(sa.select(marker)).all() == [(1,)]
    marker.drop(database.engine)
    assert read_back(database) == before
    assert set(before) == set(metadata.tables)


@pytest.mark.parametrize("schema", MODELS)
def test_names_of_files_are_the_revisions_that_alembic_finds_in_their_order(schema: str) -> None:
    _, folder = MODELS[schema]
    config = Config()
    config.set_main_option("script_location", str(folder))
    scripts = ScriptDirectory.from_config(config)
    assert migrations.known(folder) == {each.revision for each in scripts.walk_revisions()}
    assert migrations.head(folder) == scripts.get_current_head()


CURRENT = """
import pathlib, sys
from groundwork import migrations
from groundwork.database import Database
database, folder = Database(sys.argv[1]), pathlib.Path(sys.argv[2])
migrations.upgrade(database, folder)
migrations.require_current(database, folder, name="this", cure="none")
sys.exit("alembic" in sys.modules)
"""


@pytest.mark.parametrize("schema", MODELS)
def test_a_current_database_costs_no_import_of_alembic(
    make_database: MakeDatabase, schema: str
) -> None:
    command = [sys.executable, "-c", CURRENT, make_database(schema).url, str(MODELS[schema][1])]
    assert subprocess.run(command, timeout=120).returncode == 0


MIGRATE = """
import pathlib, sys
from groundwork import migrations
from groundwork.database import Database
migrations.upgrade(Database(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""


@pytest.mark.parametrize("schema", MODELS)
def test_processes_that_start_together_take_turns(make_database: MakeDatabase, schema: str) -> None:
    metadata, folder = MODELS[schema]
    database = make_database()
    command = [sys.executable, "-c", MIGRATE, database.url, str(folder)]
    rivals = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    failures = [rival.communicate(timeout=120)[1] for rival in rivals]
    assert [rival.returncode for rival in rivals] == [0, 0, 0], failures
    assert set(read_back(database)) == set(metadata.tables)
    assert migrations.current(database) == migrations.head(folder)


@pytest.mark.parametrize("schema", MODELS)
def test_an_empty_database_is_refused_with_the_cure(
    make_database: MakeDatabase, schema: str
) -> None:
    _, folder = MODELS[schema]
    with pytest.raises(Unavailable, match="run 'the cure'"):
        migrations.require_current(make_database(), folder, name=schema, cure="the cure")
    migrations.require_current(make_database(schema), folder, name=schema, cure="the cure")
