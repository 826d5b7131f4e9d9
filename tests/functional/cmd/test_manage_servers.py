"""``nova-manage cell_v2``: servers mapped afterwards, and verified."""

from __future__ import annotations

from typing import Any

import pytest

NOWHERE = "11111111-1111-1111-1111-111111111111"
MAP = ("cell_v2", "map_instances", "--cell_uuid")


def test_map_instances_in_portions(manage: Any) -> None:
    """nova-manage cell_v2 map_instances is resumable with --max-count and --reset

    1,000 unmapped rows, --max-count 300: exits 1,1,1,0
    """
    uuid = manage.make_cell("cell1")
    manage.add_unmapped("cell1", 1000)
    portion = (*MAP, uuid, "--max-count", "300")
    assert [manage(*portion).status for _ in range(4)] == [1, 1, 1, 0]
    assert manage.count("api", "instance_mappings") == 1000

    # Nothing is looked at twice, unless it is asked for; what is mapped stays as it is.
    manage.execute("api", "DELETE FROM instance_mappings WHERE instance_uuid LIKE '%-0007-%'")
    assert manage(*portion).status == 0
    assert manage.count("api", "instance_mappings") == 999
    assert [manage(*portion, "--reset").status, manage(*portion).status] == [1, 1]
    assert manage.count("api", "instance_mappings") == 1000


def test_map_instances_ends_with_0_when_the_last_portion_is_full(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.add_unmapped("cell1", 6)
    assert [manage(*MAP, uuid, "--max-count", "3").status for _ in range(3)] == [1, 0, 0]


def test_map_instances_without_a_count_maps_all_of_this_cell_only(manage: Any) -> None:
    first, second = manage.make_cell("cell1"), manage.make_cell("cell2")
    manage.add_server("cell2", "mapped", host="h")
    manage.add_unmapped("cell1", 501)
    manage.succeed(*MAP, first)
    assert manage.count("api", "instance_mappings") == 502
    ran = manage.succeed(*MAP, second)
    assert ran.line == f"All servers of cell {second} are mapped: 0 mapped now."


def test_mapped_servers_count_in_the_ledger_unless_they_are_deleted(manage: Any) -> None:
    uuid = manage.make_cell("cell1")
    manage.add_unmapped("cell1", 2)
    manage.add_unmapped("cell1", 3, deleted=7)
    manage.succeed(*MAP, uuid)
    living = "instance_mappings WHERE project_id = 'p' AND vcpus = 1 AND NOT queued_for_delete"
    assert manage.count("api", living) == 2
    assert manage.count("api", "instance_mappings") == 5


@pytest.mark.parametrize("count", ["0", "-1"])
def test_map_instances_refuses_a_bad_count(manage: Any, count: str) -> None:
    uuid = manage.make_cell("cell1")
    ran = manage(*MAP, uuid, "--max-count", count)
    assert ran.status == 127
    assert ran.line == "Must supply a positive value for max-count."


def test_map_instances_of_no_cell_maps_nothing(manage: Any) -> None:
    ran = manage(*MAP, NOWHERE)
    assert ran.status == 255
    assert NOWHERE in ran.err


def test_verify_instance_exit_statuses(manage: Any) -> None:
    """nova-manage cell_v2 verify_instance exit codes 0..4, --quiet

    One instance in each state; compare codes
    """
    uuid = manage.make_cell("cell1")
    for name, lives in (("mapped", True), ("building", True), ("deleted", False), ("gone", False)):
        manage.add_server("cell1", name, host="h", lives=lives)
    manage.execute(
        "api", "UPDATE instance_mappings SET cell_id = NULL WHERE instance_uuid = 'building'"
    )
    manage.execute("cell1", "DELETE FROM instances WHERE uuid = 'gone'")
    lines = {
        "mapped": (0, f"Instance mapped is in cell: cell1 ({uuid})"),
        "nobody": (1, "Instance nobody is not mapped to a cell."),
        "building": (2, "Instance building has a mapping, but to no cell."),
        "deleted": (3, f"Instance deleted is deleted but still mapped to cell: cell1 ({uuid})"),
        "gone": (4, f"Instance gone is archived but still mapped to cell: cell1 ({uuid})"),
    }
    for name, (status, line) in lines.items():
        ran = manage("cell_v2", "verify_instance", "--uuid", name)
        assert (ran.status, ran.line) == (status, line)
        quiet = manage("cell_v2", "verify_instance", "--uuid", name, "--quiet")
        assert (quiet.status, quiet.out) == (status, "")
