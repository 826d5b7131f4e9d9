"""The picture of providers that drivers edit."""

from __future__ import annotations

import pytest

from groundwork.errors import Conflict, NotFound
from nova.virt.provider_tree import Inventory, Provider, ProviderTree

ROOT = "6b2d04e8-7f5b-44c6-9c4d-0b8c1c1c3a01"


def make_tree(**root: object) -> ProviderTree:
    return ProviderTree([Provider(ROOT, "node", **root)])  # type: ignore[arg-type]


def test_child_has_the_same_uuid_each_time():
    first = make_tree().ensure_child("node_numa0", parent="node")
    tree = make_tree()
    assert tree.ensure_child("node_numa0", parent="node") == first
    assert tree.ensure_child("node_numa0", parent="node") == first
    assert first.parent == ROOT
    assert tree.children("node") == (first,)


def test_child_of_that_name_elsewhere_is_a_conflict():
    tree = make_tree()
    tree.ensure_child("a", parent="node")
    tree.ensure_child("b", parent="a")
    with pytest.raises(Conflict):
        tree.ensure_child("b", parent="node")


def test_remove_takes_all_below_and_may_be_repeated():
    tree = make_tree()
    tree.ensure_child("a", parent="node")
    tree.ensure_child("b", parent="a")
    tree.remove("a")
    tree.remove("a")
    assert [p.name for p in tree.providers()] == ["node"]
    assert "b" not in tree


def test_traits_are_replaced_within_a_family_only():
    tree = make_tree(traits=frozenset({"HW_CPU_X86_AVX", "CUSTOM_RACK", "HW_NUMA_ROOT"}))
    tree.set_traits("node", ["HW_CPU_X86_SSE", "COMPUTE_TRUSTED_CERTS"], within=("HW_CPU_",))
    assert tree.provider("node").traits == {
        "HW_CPU_X86_SSE",
        "COMPUTE_TRUSTED_CERTS",
        "CUSTOM_RACK",
        "HW_NUMA_ROOT",
    }


def test_edits_make_new_values_and_leave_old_ones_alone():
    tree = make_tree()
    before = tree.provider("node")
    tree.set_inventories("node", {"VCPU": Inventory(4)})
    tree.set_aggregates("node", [ROOT])
    assert before.inventories == {}
    assert before.aggregates == frozenset()
    assert tree.provider("node").inventories == {"VCPU": Inventory(4)}
    assert tree.provider("node").aggregates == {ROOT}


def test_strange_name_is_not_found():
    with pytest.raises(NotFound):
        make_tree().set_inventories("other", {})
