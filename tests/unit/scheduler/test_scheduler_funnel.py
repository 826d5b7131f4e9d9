"""Hosts counted constraint by constraint and cell by cell, and what constraints of Placement are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova.domain.outlook import Constraint, Count, Where
from nova.scheduler.demand_names import name_of
from nova.scheduler.funnel import count_hosts, table

VCPU = (Where.PLACEMENT, "VCPU (4 asked)")
ZONE = (Where.FILTER, "AvailabilityZoneFilter")
UP = (Where.FILTER, "ComputeFilter")


def test_each_constraint_counts_what_those_before_it_left() -> None:
    cells = {"a": "cell1", "b": "cell1", "c": "cell2", "d": "cell2"}
    found = count_hosts(cells, [VCPU, UP, ZONE], {"a": VCPU, "c": ZONE, "d": ZONE})
    assert found == (
        Constraint(
            "VCPU (4 asked)", Where.PLACEMENT, 1, 3, {"cell1": Count(1, 1), "cell2": Count(0, 2)}
        ),
        Constraint(
            "ComputeFilter", Where.FILTER, 0, 3, {"cell1": Count(0, 1), "cell2": Count(0, 2)}
        ),
        Constraint(
            "AvailabilityZoneFilter",
            Where.FILTER,
            2,
            1,
            {"cell1": Count(0, 1), "cell2": Count(2, 0)},
        ),
    )
    assert table(found) == (
        "Hosts at first: 4 (cell1 2, cell2 2)\n"
        "placement: VCPU (4 asked) removed 1 (cell1 1), left 3 (cell1 1, cell2 2)\n"
        "filter: ComputeFilter removed 0, left 3 (cell1 1, cell2 2)\n"
        "filter: AvailabilityZoneFilter removed 2 (cell2 2), left 1 (cell1 1)"
    )


def test_without_constraints_there_is_nothing_to_tell() -> None:
    assert count_hosts({"a": "cell1"}, [], {}) == ()
    assert table(()) == ""


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.tuples(st.sampled_from(["cell1", "cell2"]), st.sampled_from([None, VCPU, UP, ZONE])),
    )
)
def test_counts_add_up_in_all_and_in_each_cell(hosts: dict[str, tuple[str, object]]) -> None:
    cells = {host: cell for host, (cell, _) in hosts.items()}
    removed_by = {host: step for host, (_, step) in hosts.items() if step}
    left, left_in = len(cells), {c: [*cells.values()].count(c) for c in set(cells.values())}
    for one in count_hosts(cells, [VCPU, UP, ZONE], removed_by):  # type: ignore[arg-type]
        assert one.left == left - one.removed == sum(c.left for c in one.by_cell.values())
        for cell, count in one.by_cell.items():
            assert count.left == left_in[cell] - count.removed
            left_in[cell] = count.left
        left = one.left
    assert left == len(cells) - len(removed_by)


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("resources", "VCPU:4", "VCPU (4 asked)"),
        ("resources_gpu", "VGPU:1", "VGPU (1 asked) in group _gpu"),
        ("resources", "all groups together", "all groups together"),
        ("required", "HW_CPU_X86_AVX", "HW_CPU_X86_AVX"),
        ("required1", "!CUSTOM_X", "not CUSTOM_X in group 1"),
        ("required", "in:CUSTOM_A,CUSTOM_B", "CUSTOM_A or CUSTOM_B"),
        ("root_required", "!COMPUTE_STATUS_DISABLED", "not COMPUTE_STATUS_DISABLED"),
        ("member_of", "in:u1,u2", "aggregate u1 or u2"),
        ("member_of", "!u1", "aggregate not u1"),
        ("in_tree", "u1", "the tree of provider u1"),
        ("same_subtree", "_a,_b", "same_subtree _a,_b"),
        ("group_policy", "isolate", "group_policy isolate"),
    ],
)
def test_demands_have_names(key: str, value: str, name: str) -> None:
    assert name_of(key, value) == name
