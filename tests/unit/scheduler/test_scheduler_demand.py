"""From a flavor and an image to a question to Placement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groundwork.errors import Invalid
from nova.clients.candidates import RequestGroup
from nova.domain.flavor import Flavor
from nova.scheduler.demand import DISABLED_TRAIT, candidate_query, total_resources
from tests.unit.scheduler.harness import make_spec

FLAVOR = Flavor("1", "f", vcpus=2, memory_mb=2048, root_gb=10, ephemeral_gb=5, swap_mb=1025)


def query_of(extra_specs: dict[str, str], **wishes: object):
    return candidate_query(make_spec(replace(FLAVOR, extra_specs=extra_specs), **wishes))


def test_sizes_of_the_flavor_become_resources():
    query = query_of({})
    assert query.groups == (RequestGroup(resources={"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 17}),)
    assert query.root_forbidden == (DISABLED_TRAIT,)
    assert query.root_required == ()


def test_root_disk_on_a_volume_is_not_asked_of_the_host():
    assert query_of({}, is_volume_backed=True).groups[0].resources["DISK_GB"] == 7


def test_nothing_is_asked_of_a_class_whose_amount_is_zero():
    flavor = Flavor("1", "f", vcpus=1, memory_mb=512, root_gb=0)
    query = candidate_query(make_spec(flavor))
    assert query.groups[0].resources == {"VCPU": 1, "MEMORY_MB": 512}


def test_extra_specs_override_and_remove_classes():
    query = query_of(
        {
            "resources:VCPU": "0",
            "resources:MEMORY_MB": "0",
            "resources:DISK_GB": "0",
            "resources:CUSTOM_BAREMETAL_GOLD": "1",
        }
    )
    assert query.groups[0].resources == {"CUSTOM_BAREMETAL_GOLD": 1}


def test_traits_of_flavor_and_image_are_asked_together():
    query = query_of(
        {"trait:HW_A": "required", "trait:HW_B": "forbidden"},
        image_properties={"trait:HW_C": "required", "os_distro": "debian"},
    )
    assert query.groups[0].required == ("HW_A", "HW_C")
    assert query.groups[0].forbidden == ("HW_B",)


def test_suffixed_groups_and_their_policy():
    query = query_of(
        {
            "resources1:VGPU": "1",
            "trait1:CUSTOM_FAST": "required",
            "resources_NET:SRIOV_NET_VF": "2",
            "group_policy": "isolate",
        }
    )
    assert query.groups[1:] == (
        RequestGroup("1", {"VGPU": 1}, required=("CUSTOM_FAST",)),
        RequestGroup("_NET", {"SRIOV_NET_VF": 2}),
    )
    assert query.isolate
    assert total_resources(query)["SRIOV_NET_VF"] == 2
    assert ("group_policy", "isolate") in query.parameters()


def test_traits_without_resources_are_asked_of_the_node():
    none = {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:DISK_GB": "0"}
    query = query_of(
        none | {"resources1:PGPU": "1", "trait:HW_A": "required", "trait:HW_B": "forbidden"}
    )
    assert [group.suffix for group in query.groups] == ["1"]
    assert query.root_required == ("HW_A",)
    assert query.root_forbidden == ("HW_B", DISABLED_TRAIT)


def test_a_named_node_and_a_limit():
    query = candidate_query(make_spec(FLAVOR), limit=7, in_tree="u")
    assert query.limit == 7
    assert query.groups[0].in_tree == "u"


@pytest.mark.parametrize(
    ("extra_specs", "told"),
    [
        ({"resources:VCPU": "many"}, "resources:VCPU=many"),
        ({"resources:VCPU": "-1"}, "resources:VCPU=-1"),
        ({"trait:HW_A": "perhaps"}, "trait:HW_A=perhaps"),
        ({"trait1:HW_A": "required"}, "group 1"),
        (
            {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:DISK_GB": "0"},
            "no resources at all",
        ),
    ],
)
def test_nonsense_is_told(extra_specs, told):
    with pytest.raises(Invalid, match=told):
        query_of(extra_specs)


def test_a_trait_cannot_be_required_and_forbidden():
    with pytest.raises(Invalid, match="HW_A is both"):
        query_of({"trait:HW_A": "required"}, image_properties={"trait:HW_A": "forbidden"})
