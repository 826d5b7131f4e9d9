"""``nova-manage cell_v2``: hosts discovered, listed and taken out; the short ways to a first cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from tests.functional.cmd.conftest import UNUSABLE_URLS

NOWHERE = "11111111-1111-1111-1111-111111111111"
SIMPLE = ("cell_v2", "simple_cell_setup")
DISCOVER = ("cell_v2", "discover_hosts")


def test_a_new_host_is_mapped_once(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.report_host("cell1", "compute1")
    ran = manage.succeed(*DISCOVER, "--verbose")
    assert ran.out.splitlines() == [
        "Skipping cell0 since it does not contain hosts.",
        f"Getting unmapped computes from cell 'cell1': {uuid}",
        "Created host mapping for compute host 'compute1'",
        f"Found 1 unmapped computes in cell: {uuid}",
    ]
    assert manage.succeed(*DISCOVER).out == ""
    assert hosts(manage) == [("cell1", uuid, "compute1")]


def test_strict_fails_when_nothing_is_new(manage: Any) -> None:
    """nova-manage cell_v2 discover_hosts with --cell_uuid, --strict, --by-service

    New host mapped once; --strict with nothing new exits 1
    """
    manage.make_cell("cell1")
    manage.report_host("cell1", "compute1")
    assert manage(*DISCOVER, "--strict").status == 0
    assert manage(*DISCOVER, "--strict").status == 1
    assert manage(*DISCOVER).status == 0


def test_only_the_given_cell_is_searched(manage: Any) -> None:
    manage.make_cell("cell1")
    second = manage.make_cell("cell2")
    manage.report_host("cell1", "compute1")
    manage.report_host("cell2", "compute2")
    manage.succeed(*DISCOVER, "--cell_uuid", second)
    assert hosts(manage) == [("cell2", second, "compute2")]
    assert manage(*DISCOVER, "--cell_uuid", NOWHERE).status == 1


def test_a_cell_without_a_uuid_is_not_every_cell(manage: Any) -> None:
    """A variable of a script that was not set."""
    manage.make_cell("cell1")
    manage.report_host("cell1", "compute1")
    assert manage(*DISCOVER, "--cell_uuid", "").status == 1
    assert manage("cell_v2", "list_hosts", "--cell_uuid", "").status == 1
    assert manage.count("api", "host_mappings") == 0


def test_a_service_without_nodes_is_found_by_service_only(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.report_host("cell1", "ironic1", node=None)
    assert manage(*DISCOVER, "--strict").status == 1
    assert manage(*DISCOVER, "--strict", "--by-service").status == 0
    assert manage(*DISCOVER, "--strict", "--by-service").status == 1
    assert hosts(manage) == [("cell1", uuid, "ironic1")]


def test_a_host_name_that_another_cell_has_exits_2_and_others_are_mapped(manage: Any) -> None:
    first = manage.make_cell("cell1")
    second = manage.make_cell("cell2")
    manage.report_host("cell1", "compute1")
    manage.report_host("cell2", "compute1")
    manage.report_host("cell2", "compute2")
    ran = manage(*DISCOVER)
    assert ran.status == 2
    assert ran.line.startswith("ERROR: Hosts of another cell have the same names: compute1.")
    assert hosts(manage) == [("cell1", first, "compute1"), ("cell2", second, "compute2")]


def test_a_cell_that_cannot_be_searched_exits_1_and_others_are_mapped(manage: Any) -> None:
    urls = ("--transport-url", "rabbit://x/", "--database_connection", manage.url("empty"))
    broken = manage.succeed("cell_v2", "create_cell", "--verbose", *urls).line
    uuid = manage.make_cell("cell2")
    manage.report_host("cell2", "compute2")
    ran = manage(*DISCOVER)
    assert ran.status == 1
    assert ran.line.startswith(f"ERROR: Cell {broken} cannot be searched:")
    assert hosts(manage) == [("cell2", uuid, "compute2")]


@pytest.mark.parametrize("url", UNUSABLE_URLS)
def test_a_cell_whose_url_leads_nowhere_keeps_no_other_from_being_searched(
    manage: Any, url: str
) -> None:
    broken, uuid = manage.make_cell("cell1"), manage.make_cell("cell2")
    change = "UPDATE cell_mappings SET database_connection = :url WHERE name = 'cell1'"
    manage.execute("api", change, url=url)
    manage.report_host("cell2", "compute2")
    ran = manage(*DISCOVER)
    assert ran.status == 1
    assert ran.line.startswith(f"ERROR: Cell {broken} cannot be searched: The URL in the database")
    assert hosts(manage) == [("cell2", uuid, "compute2")]


@pytest.mark.parametrize("engine_name", ["mysql", "postgresql"])
def test_a_cell_whose_database_refuses_the_login_is_told_like_one_that_is_lost(
    manage: Any, make_database_url: Callable[[], str]
) -> None:
    with manage.config.open("a") as config:
        config.write("[database]\nmax_retries = 0\n")
    broken, uuid = manage.make_cell("cell1"), manage.make_cell("cell2")
    url = sa.make_url(make_database_url()).set(username="nobody_at_all", password="secret")
    manage.execute(
        "api",
        "UPDATE cell_mappings SET database_connection = :url WHERE name = 'cell1'",
        url=url.render_as_string(hide_password=False),
    )
    manage.report_host("cell2", "compute2")
    ran = manage(*DISCOVER)
    assert ran.status == 1
    assert ran.line.startswith(f"ERROR: Cell {broken} cannot be searched: ")
    assert "secret" not in ran.line
    assert hosts(manage) == [("cell2", uuid, "compute2")]


def test_a_cell_that_is_down_is_told_at_once(manage: Any) -> None:
    """An operator who asks all cells does not wait for each dead one until it might be back, as services may."""
    with manage.config.open("a") as config:
        config.write("retry_interval = 0\n")
    urls = ("rabbit://x/", "mysql+pymysql://nova:secret@127.0.0.1:1/nova")
    words = ("--transport-url", urls[0], "--database_connection", urls[1])
    broken = manage.succeed("cell_v2", "create_cell", "--verbose", *words).line
    ran = manage(*DISCOVER)
    assert (ran.status, ran.err) == (1, "")
    assert ran.line.startswith(f"ERROR: Cell {broken} cannot be searched:")


def test_list_hosts_golden(manage: Any) -> None:
    first, second = manage.make_cell("cell1"), manage.make_cell("cell2")
    for cell, host in (("cell1", "b"), ("cell1", "a"), ("cell2", "c")):
        manage.report_host(cell, host)
    manage.succeed(*DISCOVER)
    edge = f"+-----------+{'-' * 38}+----------+"
    assert manage.succeed("cell_v2", "list_hosts").out.splitlines() == [
        edge,
        f"| Cell Name | {'Cell UUID':36} | Hostname |",
        edge,
        f"| cell1     | {first} | a        |",
        f"| cell1     | {first} | b        |",
        f"| cell2     | {second} | c        |",
        edge,
    ]
    assert hosts(manage, "--cell_uuid", second) == [("cell2", second, "c")]
    assert manage("cell_v2", "list_hosts", "--cell_uuid", NOWHERE).status == 1


def test_delete_host_exit_statuses(manage: Any) -> None:
    """nova-manage cell_v2 list_hosts and delete_host

    List per cell; delete refused when instances remain
    """
    first, second = manage.make_cell("cell1"), manage.make_cell("cell2")
    manage.report_host("cell1", "compute1")
    manage.succeed(*DISCOVER)
    manage.add_server("cell1", "server-1", host="compute1")

    def delete(uuid: str, host: str) -> int:
        return int(manage("cell_v2", "delete_host", "--cell_uuid", uuid, "--host", host).status)

    assert delete(NOWHERE, "compute1") == 1
    assert delete(first, "nobody") == 2
    assert delete(second, "compute1") == 3
    assert delete(first, "compute1") == 4
    assert len(hosts(manage)) == 1


def test_a_deleted_host_is_discovered_again(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.report_host("cell1", "compute1")
    manage.succeed(*DISCOVER)
    manage.succeed("cell_v2", "delete_host", "--cell_uuid", uuid, "--host", "compute1")
    assert hosts(manage) == []
    manage.succeed(*DISCOVER, "--strict")


def test_simple_cell_setup_makes_cell0_and_a_cell_and_maps_hosts(bare: Any) -> None:
    """nova-manage cell_v2 simple_cell_setup

    Empty databases: exit 0, twice is harmless; no hosts gives the documented exit 1
    """
    bare.succeed("api_db", "sync")
    bare.succeed("db", "sync", "--local_cell")
    bare.report_host("cell1", "compute1")
    bare.succeed(*SIMPLE)
    after = bare.succeed("cell_v2", "list_cells").out
    assert [host for *_, host in hosts(bare)] == ["compute1"]
    bare.succeed(*SIMPLE)
    assert bare.succeed("cell_v2", "list_cells").out == after
    assert len(hosts(bare)) == 1


def test_simple_cell_setup_without_hosts_exits_1_and_goes_on_later(manage: Any) -> None:
    ran = manage(*SIMPLE)
    assert ran.status == 1
    assert ran.out.splitlines()[-1] == "No hosts found to map to cell, exiting."
    manage.report_host("cell1", "compute1")
    manage.succeed(*SIMPLE)
    assert len(hosts(manage)) == 1


def test_simple_cell_setup_needs_a_transport_url(manage: Any) -> None:
    manage.report_host("cell1", "compute1")
    manage.configure(transport_url="")
    assert manage(*SIMPLE).status == 1
    manage.succeed(*SIMPLE, "--transport-url", "rabbit://h/")


def test_map_cell_and_hosts_twice_gives_one_cell(manage: Any) -> None:
    """nova-manage cell_v2 map_cell_and_hosts is idempotent

    Run twice; same uuid, no duplicates
    """
    map_all = ("cell_v2", "map_cell_and_hosts", "--name", "cell1", "--verbose")
    empty = manage.succeed(*map_all).out.splitlines()
    assert empty[1:] == ["No hosts found to map to cell, exiting."]
    manage.report_host("cell1", "compute1")
    assert manage.succeed(*map_all).line == empty[0]
    assert hosts(manage) == [("cell1", empty[0], "compute1")]


def test_map_cell_and_hosts_needs_a_transport_url(manage: Any) -> None:
    manage.configure(transport_url="")
    assert manage("cell_v2", "map_cell_and_hosts").status == 1


@pytest.mark.parametrize("secret", ["secret"])
def test_no_password_is_printed_when_a_cell_is_refused(manage: Any, secret: str) -> None:
    manage.succeed("cell_v2", "create_cell")
    ran = manage("cell_v2", "create_cell")
    assert ran.status == 2
    assert secret not in ran.out + ran.err


def hosts(manage: Any, *words: str) -> list[tuple[str, ...]]:
    """The rows of ``list_hosts``."""
    lines = manage.succeed("cell_v2", "list_hosts", *words).out.splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [tuple(cell.strip() for cell in row) for row in rows[1:]]
