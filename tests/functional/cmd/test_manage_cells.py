"""``nova-manage cell_v2``: cells made, changed, removed and listed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from nova.db.api.models import cell_mappings

CELL0 = "00000000-0000-0000-0000-000000000000"
NOWHERE = "11111111-1111-1111-1111-111111111111"


def test_map_cell0_twice_makes_one_row(bare: Any) -> None:
    """nova-manage cell_v2 map_cell0 (default name <main>_cell0, or given connection)

    Run twice: exit 0 and one row
    """
    bare.succeed("api_db", "sync")
    assert bare.succeed("cell_v2", "map_cell0").out == ""
    assert bare.succeed("cell_v2", "map_cell0").line == "Cell0 is already setup"
    rows = listed(bare)
    assert rows == [("cell0", CELL0, "none:///", f"{bare.url('cell1')}_cell0", "False")]


def test_map_cell0_appends_to_the_name_and_keeps_parameters(bare: Any) -> None:
    bare.config.write_text(
        f"[api_database]\nconnection = {bare.url('api')}\n"
        "[database]\nconnection = mysql+pymysql://nova:secret@db/nova?charset=utf8mb4\n"
    )
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "map_cell0")
    connection = listed(bare, "--verbose")[0][3]
    assert connection == "mysql+pymysql://nova:secret@db/nova_cell0?charset=utf8mb4"


def test_map_cell0_takes_a_given_database(bare: Any) -> None:
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "map_cell0", "--database_connection", bare.url("zero"))
    assert listed(bare)[0][3] == bare.url("zero")


@pytest.mark.parametrize(
    "url", ["rubbish", " ", "nosuchengine://h/x", "mysql+pymysql://u:pw@h:port/x"]
)
def test_map_cell0_refuses_what_leads_to_no_database(bare: Any, url: str) -> None:
    """Failed builds would have nowhere to go, and every command that looks into all cells would end there."""
    bare.succeed("api_db", "sync")
    ran = bare("cell_v2", "map_cell0", "--database_connection", url)
    assert (ran.status, ran.out) == (255, "")
    assert "database" in ran.err or "URL" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert listed(bare) == []


def test_map_cell0_refuses_the_database_of_another_cell(bare: Any) -> None:
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "create_cell", "--name", "cell1")
    for url in (bare.url("cell1"), "{scheme}:///{path}"):
        ran = bare("cell_v2", "map_cell0", "--database_connection", url)
        assert ran.status == 255
        assert "already" in ran.err
    assert [row[0] for row in listed(bare)] == ["cell1"]


def test_create_cell_takes_its_urls_from_the_configuration(manage: Any) -> None:
    assert manage.succeed("cell_v2", "create_cell").out == ""
    name, _, transport, connection, disabled = listed(manage, "--verbose")[0]
    assert (name, disabled) == ("None", "False")
    assert transport == "rabbit://nova:secret@127.0.0.1:5672/cell1"
    assert connection == manage.url("cell1")


def test_create_cell_prints_the_uuid_only_when_verbose(manage: Any) -> None:
    uuid = manage.make_cell("cell7")
    assert listed(manage)[1][:2] == ("cell7", uuid)


@pytest.mark.parametrize(
    "urls",
    [
        ("--transport-url", "rabbit://other/x"),
        ("--database_connection", "sqlite:////other.db"),
        (
            "--database_connection",
            "sqlite:////other.db",
            "--transport-url",
            "{scheme}://nova:secret@{hostname}:{port}/{path}",
        ),
    ],
    ids=["same database", "same bus", "same bus by template"],
)
def test_create_cell_refuses_urls_of_another_cell(manage: Any, urls: tuple[str, ...]) -> None:
    """nova-manage cell_v2 create_cell with --name, --database_connection, --transport-url, --disabled, --verbose

    Duplicate connection refused with exit 2; --verbose prints the uuid
    """
    assert manage.succeed("cell_v2", "create_cell", "--name", "first").out == ""
    theirs = ("--transport-url", "rabbit://h/x", "--database_connection", manage.url("x"))
    words = ("--name", "second", *theirs, "--disabled", "--verbose")
    uuid = manage.succeed("cell_v2", "create_cell", *words).line
    before = listed(manage)
    assert [(row[0], row[4]) for row in before[1:]] == [("first", "False"), ("second", "True")]
    assert before[2] == ("second", uuid, "rabbit://h/x", manage.url("x"), "True")
    ran = manage("cell_v2", "create_cell", *urls)
    assert ran.status == 2
    assert "already" in ran.line
    assert listed(manage) == before


@pytest.mark.parametrize(
    "urls",
    [
        (),
        ("--transport-url", "rubbish"),
        ("--transport-url", "rabbit://h/", "--database_connection", "rubbish"),
        ("--transport-url", "rabbit://h/", "--database_connection", "nosuchengine://h/x"),
        ("--transport-url", "rabbit://u:p@h:port/"),
        ("--transport-url", "rabbit://u:p@h1:5672,u:p@h2:port/"),
        ("--transport-url", "rabbit://[::1/"),
        # Longer than databases keep it.
        ("--transport-url", "rabbit://u:p@[::1]:5672,u:a:b@h/", "--name", "n" * 256),
    ],
)
def test_create_cell_refuses_missing_and_bad_urls(manage: Any, urls: tuple[str, ...]) -> None:
    manage.configure(transport_url="")
    ran = manage("cell_v2", "create_cell", *urls)
    assert ran.status == 1
    assert ran.line
    assert len(listed(manage)) == 1


def test_list_cells_golden(manage: Any) -> None:
    """nova-manage cell_v2 list_cells masks passwords unless --verbose; shows disabled

    Golden output for three cells

    By name, passwords masked, disabled shown.
    """
    manage.config.write_text(
        "[DEFAULT]\ntransport_url = rabbit://nova:mqpw@mq1/\n"
        f"[api_database]\nconnection = {manage.url('api')}\n"
        "[database]\nconnection = mysql+pymysql://nova:dbpw@db1/nova_cell2\n"
    )
    create = ("cell_v2", "create_cell", "--verbose", "--transport-url")
    two_hosts = "rabbit://u1:{}@mq1:5672,u2:{}@mq2:5672/c2"
    shown_database = "mysql+pymysql://nova:****@db1/nova_cell2"
    templates = ("{{scheme}}://{{username}}:{}@mq/c1", "{{scheme}}://{{username}}:{}@db/nova_cell1")
    transport, connection = (template.format("{password}") for template in templates)
    second = manage.succeed(
        *create, two_hosts.format("pw1", "pw2"), "--name", "cell2", "--disabled"
    ).line
    first = manage.succeed(
        *create, transport, "--name", "cell1", "--database_connection", connection
    ).line
    connection0 = f"{manage.url('cell1')}_cell0"
    width = max(len(connection0), 47)
    edge = f"+-------+{'-' * 38}+{'-' * 47}+{'-' * (width + 2)}+----------+"

    def row(name: str, uuid: str, transport: str, connection: str, disabled: str) -> str:
        return f"| {name:5} | {uuid:36} | {transport:45} | {connection:{width}} | {disabled:8} |"

    assert manage.succeed("cell_v2", "list_cells").out.splitlines() == [
        edge,
        row("Name", "UUID", "Transport URL", "Database Connection", "Disabled"),
        edge,
        row("cell0", CELL0, "none:///", connection0, "False"),
        row("cell1", first, templates[0].format("****"), templates[1].format("****"), "False"),
        row("cell2", second, two_hosts.format("****", "****"), shown_database, "True"),
        edge,
    ]
    shown = manage.succeed("cell_v2", "list_cells", "--verbose").out
    assert "u1:pw1@mq1:5672,u2:pw2@mq2" in shown
    assert "nova:dbpw@db1" in shown


def test_update_cell_changes_name_urls_and_state(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    change = ("cell_v2", "update_cell", "--cell_uuid", uuid)
    moved = ("--transport-url", "rabbit://new/", "--database_connection", manage.url("new"))
    manage.succeed(*change, "--name", "renamed", *moved, "--disable")
    assert listed(manage)[1] == ("renamed", uuid, "rabbit://new/", manage.url("new"), "True")
    manage.succeed(*change, "--enable")
    row = listed(manage, "--verbose")[1]
    assert row == (
        "renamed",
        uuid,
        "rabbit://nova:secret@127.0.0.1:5672/cell1",
        manage.url("cell1"),
        "False",
    ), "URLs that are not given are those of the configuration"


def test_update_cell_exit_statuses(manage: Any) -> None:
    first, second = manage.make_cell("cell1"), manage.make_cell("cell2")
    change = ("cell_v2", "update_cell", "--cell_uuid")
    before = listed(manage)
    assert manage(*change, NOWHERE, "--name", "x").status == 1
    for bad in (("--transport-url", "rubbish"), ("--transport-url", "rabbit://h:port/")):
        assert manage(*change, first, *bad).status == 2
    assert manage(*change, first, "--name", "n" * 256).status == 2
    assert manage(*change, second, "--database_connection", manage.url("cell1")).status == 3
    assert manage(*change, first, "--enable", "--disable").status == 4
    assert manage(*change, CELL0, "--disable").status == 5
    assert manage(*change, CELL0, "--enable").status == 5
    assert listed(manage) == before


def test_update_cell_leaves_urls_of_cell0_alone_unless_given(manage: Any) -> None:
    manage.succeed("cell_v2", "update_cell", "--cell_uuid", CELL0, "--name", "zero")
    assert listed(manage)[0][2:4] == ("none:///", f"{manage.url('cell1')}_cell0")


def test_delete_cell_exit_statuses(manage: Any) -> None:
    """Each obstacle in turn, then force, which gives way to none but living servers."""
    uuid = manage.make_cell("cell1")
    delete = ("cell_v2", "delete_cell", "--cell_uuid")
    assert manage(*delete, NOWHERE).status == 1

    manage.report_host("cell1", "compute1")
    manage.succeed("cell_v2", "discover_hosts")
    assert manage(*delete, uuid).status == 2

    manage.add_server("cell1", "server-1", host="compute1")
    assert manage(*delete, uuid, "--force").status == 3
    assert manage("cell_v2", "list_hosts").out.count("compute1") == 1, "nothing half done"


def test_delete_cell_matrix(manage: Any) -> None:
    """nova-manage cell_v2 delete_cell refuses non-empty cells (exit 1..4) unless --force

    Matrix of hosts, live, deleted instances against exit codes
    """
    delete = ("cell_v2", "delete_cell", "--cell_uuid")
    assert manage(*delete, NOWHERE).status == manage(*delete, NOWHERE, "--force").status == 1
    for number, (hosts, live, dead) in enumerate(itertools.product((False, True), repeat=3)):
        name = f"cell-{number}"
        uuid = manage.make_cell(name)
        if hosts:
            manage.report_host(name, f"host-{number}")
            manage.succeed("cell_v2", "discover_hosts", "--cell_uuid", uuid)
        for lives in (True,) * live + (False,) * dead:
            manage.add_server(name, f"{number}-{lives}", host=f"host-{number}", lives=lives)

        refused = 2 if hosts else 3 if live else 4 if dead else 0
        assert manage(*delete, uuid).status == refused, (hosts, live, dead)
        if refused:
            assert manage(*delete, uuid, "--force").status == (3 if live else 0)


def test_delete_cell_with_mappings_of_deleted_servers_needs_force(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.add_server("cell1", "server-1", host="compute1", lives=False)
    delete = ("cell_v2", "delete_cell", "--cell_uuid", uuid)
    assert manage(*delete).status == 4
    manage.succeed(*delete, "--force")
    assert [row[0] for row in listed(manage)] == ["cell0"]


def test_hosts_of_a_deleted_cell_can_be_discovered_again(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.report_host("cell1", "compute1")
    manage.succeed("cell_v2", "discover_hosts")
    manage.succeed("cell_v2", "delete_cell", "--cell_uuid", uuid, "--force")
    manage.make_cell("cell1")
    manage.succeed("cell_v2", "discover_hosts", "--strict")


def test_an_empty_cell_is_deleted_without_force(manage: Any, uuid_of: Callable[[str], str]) -> None:
    manage.make_cell("cell1")
    manage.succeed("cell_v2", "delete_cell", "--cell_uuid", uuid_of("cell1"))
    assert [row[0] for row in listed(manage)] == ["cell0"]


def listed(manage: Any, *words: str) -> list[tuple[str, ...]]:
    """The rows of ``list_cells``."""
    lines = manage.succeed("cell_v2", "list_cells", *words).out.splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [tuple(cell.strip() for cell in row) for row in rows[1:]]


def test_rows_of_cell_mappings_after_setup(manage: Any) -> None:
    """cell_mappings row: uuid, name, transport_url, database_connection, disabled; cell0 uses the all-zero UUID.

    Read the rows after setup; a second cell0 is refused.
    """
    uuid = manage.make_cell("cell1")
    elsewhere = ("--database_connection", manage.url("another"))
    said = manage.succeed("cell_v2", "map_cell0", *elsewhere).line
    assert said == "Cell0 is already setup"
    with manage.database("api").read() as tx:
        rows = tx.execute(sa.select(cell_mappings).order_by(cell_mappings.c.id)).all()
    assert [
        (row.uuid, row.name, row.transport_url, row.database_connection, bool(row.disabled))
        for row in rows
    ] == [
        (CELL0, "cell0", "none:///", manage.url("cell0"), False),
        (uuid, "cell1", "rabbit://u:p@h/cell1", manage.url("cell1"), False),
    ]


def test_every_database_has_a_schema_version_of_its_own(bare: Any) -> None:
    """Every deployment is a cells deployment: one API database, one cell0 database and one or more cell databases, each
    with its own schema version.

    Fresh init, then schema sync and version on API, cell0, cell1, cell2; list_cells shows cell0 plus two cells.
    """
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "map_cell0")
    for name in ("cell1", "cell2"):
        bare.configure(f"rabbit://broker/{name}", cell=name)
        bare.succeed("cell_v2", "create_cell", "--name", name)
    assert [row[0] for row in listed(bare)] == ["cell0", "cell1", "cell2"]
    # An old cell stays old while the others go on.
    bare.configure(cell="cell2")
    bare.succeed("db", "sync", "--local_cell", "0001")
    for name in ("cell0", "cell1"):
        bare.configure(cell=name)
        bare.succeed("db", "sync", "--local_cell")
    versions = {}
    for name in ("cell0", "cell1", "cell2"):
        bare.configure(cell=name)
        versions[name] = bare.succeed("db", "version").line
    assert versions["cell0"] == versions["cell1"] != versions["cell2"]
    assert versions["cell2"] == "0001"
    assert bare.succeed("api_db", "version").line
