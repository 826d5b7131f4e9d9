"""What a server counts for, by resource class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nova.domain.flavor import Flavor
from nova.domain.resources import amounts_by_class, classes_of
from nova.scheduler.demand import candidate_query, total_resources
from tests.unit.scheduler.harness import make_spec

FLAVOR = Flavor("1", "f", vcpus=2, memory_mb=2048, root_gb=10, ephemeral_gb=5, swap_mb=1025)
SIZES = {"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 17}


def amounts(extra_specs: dict[str, str], **wishes: Any) -> dict[str, int]:
    return amounts_by_class(make_spec(replace(FLAVOR, extra_specs=extra_specs), **wishes))


@pytest.mark.parametrize(
    ("extra_specs", "wishes", "expected"),
    [
        ({}, {}, SIZES),
        ({}, {"is_volume_backed": True}, {**SIZES, "DISK_GB": 7}),
        ({"resources:CUSTOM_GPU": "3"}, {}, {**SIZES, "CUSTOM_GPU": 3}),
        (
            {f"resources:{name}": "0" for name in SIZES} | {"resources:CUSTOM_IRON": "1"},
            {},
            {"CUSTOM_IRON": 1},
        ),
        (
            {"resources1:CUSTOM_GPU": "1", "resources2:CUSTOM_GPU": "1", "resources2:VCPU": "4"},
            {},
            {**SIZES, "CUSTOM_GPU": 2, "VCPU": 6},
        ),
        ({"resources:CUSTOM_GPU": "many", "resources:CUSTOM_X": "9" * 40}, {}, SIZES),
        ({"trait:CUSTOM_GPU": "required", "group_policy": "none"}, {}, SIZES),
    ],
)
def test_sizes_and_what_extra_specs_say_instead(
    extra_specs: dict[str, str], wishes: dict[str, Any], expected: dict[str, int]
) -> None:
    assert amounts(extra_specs, **wishes) == expected


@pytest.mark.parametrize(
    ("extra_specs", "properties"),
    [({"hw:cpu_policy": "dedicated"}, {}), ({}, {"hw_cpu_policy": "dedicated"})],
)
def test_cpus_of_its_own_are_another_class(
    extra_specs: dict[str, str], properties: dict[str, str]
) -> None:
    found = amounts(extra_specs, image_properties=properties)
    assert found == {"PCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 17}


@pytest.mark.parametrize(
    "extra_specs",
    [
        {},
        {"resources:VCPU": "0", "resources:CUSTOM_A": "1"},
        {"resources_A:CUSTOM_A": "2", "resources_B:CUSTOM_A": "3", "resources:CUSTOM_A": "5"},
    ],
)
def test_counted_is_what_placement_is_asked_for(extra_specs: dict[str, str]) -> None:
    spec = make_spec(replace(FLAVOR, extra_specs=extra_specs))
    assert amounts_by_class(spec) == total_resources(candidate_query(spec))


def test_classes_of_a_flavor() -> None:
    flavor = replace(
        FLAVOR, extra_specs={"hw:cpu_policy": "dedicated", "resources:CUSTOM_GPU": "1"}
    )
    assert classes_of(flavor) == {"PCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_GPU"}
