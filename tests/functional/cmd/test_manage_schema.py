"""``nova-manage``: itself, ``api_db`` and ``db``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
import sqlalchemy as sa

import nova
from groundwork import migrations
from nova.db.api import schema as api_schema
from nova.db.cell import schema as cell_schema

# The console script's own line.
PROGRAM = [sys.executable, "-c", "from nova.cmd.manage import main; main()"]
API_HEAD = migrations.head(api_schema.FOLDER)
CELL_HEAD = migrations.head(cell_schema.FOLDER)


def test_version_in_both_spellings(bare: Any) -> None:
    assert bare("version").out == f"{nova.__version__}\n"
    assert bare("--version").out == f"{nova.__version__}\n"


def test_completion_knows_categories_and_their_commands(bare: Any) -> None:
    categories = "api_db audit cell_v2 db limits placement version bash-completion"
    assert bare("bash-completion").line == categories
    assert bare("bash-completion", "db").line.startswith("sync version ")


@pytest.mark.parametrize("words", [(), ("nonsense",), ("cell_v2",), ("cell_v2", "nonsense")])
def test_a_mistake_on_the_command_line_exits_2_with_usage(bare: Any, words: tuple[str]) -> None:
    ran = bare(*words)
    assert ran.status == 2
    assert ran.err.startswith("usage: nova-manage")


@pytest.mark.parametrize(
    "words",
    [
        ("cell_v2", "verify_instance"),
        ("cell_v2", "delete_cell", "--force"),
        ("cell_v2", "update_cell", "--cell_uuid"),
        ("cell_v2", "list_hosts", "--nonsense"),
        ("db", "archive_deleted_rows", "--sleep", "-1"),
        ("db", "purge", "--before"),
        ("placement", "sync_aggregates", "nonsense"),
    ],
)
def test_a_mistake_in_arguments_is_no_result_of_the_command(
    bare: Any, words: tuple[str, ...]
) -> None:
    """2 would tell of a server without a cell, of hosts in the cell, of bad rows, of a bad date, and so on."""
    ran = bare(*words)
    assert ran.status == 255
    assert ran.err.startswith(f"usage: nova-manage {words[0]} {words[1]}")


@pytest.mark.parametrize("number", ["many", "1.5", "", "0", "-1"])
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("db", "archive_deleted_rows", "--max_rows"), 2),
        (("db", "online_data_migrations", "--max-count"), 127),
        (("cell_v2", "map_instances", "--cell_uuid", "any", "--max-count"), 127),
        (("placement", "heal_allocations", "--max-count"), 127),
    ],
)
def test_a_bad_count_has_the_status_of_its_command(
    bare: Any, words: tuple[str, ...], status: int, number: str
) -> None:
    ran = bare(*words, number)
    assert ran.status == status
    assert ran.line.startswith("Must supply a positive")


def test_help_names_every_command_with_a_sentence(bare: Any) -> None:
    assert "cells and their hosts" in bare("--help").out
    listed = bare("cell_v2", "--help").out
    assert "map hosts that are in no cell yet" in listed


def test_the_console_script_answers_version_without_reading_configuration() -> None:
    answer = subprocess.run(
        [*PROGRAM, "--config-file", "/nonexistent", "version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert answer.stdout == f"{nova.__version__}\n"


def test_a_missing_configuration_file_is_told_in_one_line(bare: Any) -> None:
    bare.config.unlink()
    ran = bare("api_db", "sync")
    assert ran.status == 255
    assert ran.err == f"nova-manage: configuration file not found: {bare.config}\n"


def test_debug_shows_where_an_unexpected_failure_came_from(bare: Any) -> None:
    bare.config.unlink()
    assert "Traceback" in bare("--debug", "api_db", "sync").err


def test_a_command_that_is_interrupted_ends_without_a_traceback(bare: Any) -> None:
    """Whoever stops 'archive_deleted_rows --until-complete' in its pause does nothing unusual."""
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "map_cell0")
    bare.succeed("db", "sync")
    bare.add_unmapped("cell1", 1, deleted=1)
    words = ("db", "archive_deleted_rows", "--until-complete", "--verbose", "--sleep", "600")
    with subprocess.Popen(
        [*PROGRAM, "--config-file", str(bare.config), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as running:
        assert running.stdout is not None
        assert running.stdout.read(1) == ".", "the first batch is done"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "")


def test_log_lines_go_to_the_log_file(bare: Any) -> None:
    log = bare.folder / "manage.log"
    ran = bare("--debug", "--log-file", str(log), "cell_v2", "list_cells")
    assert ran.status == 255
    assert "nova-manage failed" in log.read_text()


def test_api_db_sync_brings_an_empty_database_to_the_newest_revision(bare: Any) -> None:
    assert bare.succeed("api_db", "version").line == "None"
    assert bare.succeed("api_db", "sync").out == ""
    assert bare.succeed("api_db", "version").line == API_HEAD
    bare.succeed("api_db", "sync")


def test_api_db_sync_stops_at_a_given_revision(bare: Any) -> None:
    bare.succeed("api_db", "sync", "0001")
    assert bare.succeed("api_db", "version").line == "0001"


@pytest.mark.parametrize("category", ["api_db", "db"])
def test_sync_to_an_unknown_revision_exits_1(manage: Any, category: str) -> None:
    ran = manage(category, "sync", "9999")
    assert ran.status == 1
    assert "9999" in ran.err


def test_api_db_sync_without_a_configured_database_exits_1(bare: Any) -> None:
    bare.config.write_text("")
    ran = bare("api_db", "sync")
    assert ran.status == 1
    assert "set [api_database]/connection" in ran.err


def test_db_sync_brings_the_cell_and_cell0_up_to_date(bare: Any) -> None:
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "map_cell0")
    bare.succeed("db", "sync")
    assert cell_schema.version(bare.database("cell1")) == CELL_HEAD
    assert tables(f"{bare.url('cell1')}_cell0") == tables(bare.url("cell1"))
    assert bare.succeed("db", "version").line == CELL_HEAD


def test_db_sync_without_cell0_exits_1_and_still_does_the_cell(bare: Any) -> None:
    ran = bare("db", "sync")
    assert ran.status == 1
    assert "Could not access cell0" in ran.err
    assert bare.succeed("db", "version").line == CELL_HEAD


def test_db_sync_of_the_local_cell_needs_neither_cell0_nor_an_api_database(bare: Any) -> None:
    bare.config.write_text(f"[database]\nconnection = {bare.url('cell1')}\n")
    bare.succeed("db", "sync", "--local_cell")
    assert bare.succeed("db", "version").line == CELL_HEAD


def tables(url: str) -> set[str]:
    engine = sa.create_engine(url)
    found = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return found
