"""Each prefilter as a table, their sum as a question to Placement, and what people are told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nova.clients.deadline import Deadline
from nova.domain.outlook import Outlook
from nova.domain.request_spec import RequestSpec
from nova.errors import NoValidHost
from nova.scheduler.demand import DISABLED_TRAIT, candidate_query
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters import (
    Exclusion,
    Membership,
    Prefilter,
    PrefilterOptions,
    Restriction,
    all_prefilters,
    combine,
    load_prefilters,
)
from nova.scheduler.prefilters.availability_zone import AvailabilityZone
from nova.scheduler.prefilters.image_metadata import ImageMetadata
from nova.scheduler.prefilters.image_type import ImageType
from nova.scheduler.prefilters.isolated_aggregates import IsolatedAggregates
from nova.scheduler.prefilters.tenant_isolation import TenantIsolation
from nova.scheduler.query_changes import without_one
from tests.unit.scheduler.harness import SMALL, Plant, make_host, make_plant, make_spec

SUFFIXED = {
    "resources:VCPU": "0",
    "resources:MEMORY_MB": "0",
    "resources:DISK_GB": "0",
    "resources1:PGPU": "1",
}


def aggregates(**metadata: dict[str, str]) -> tuple[AggregateView, ...]:
    """An aggregate for each name; the uuid is the name."""
    return tuple(AggregateView(name, name, said) for name, said in metadata.items())


def specs(**extra_specs: str) -> dict[str, Any]:
    return {
        "flavor": replace(
            SMALL, extra_specs={k.replace("__", ":"): v for k, v in extra_specs.items()}
        )
    }


def members(restriction: Restriction) -> tuple[tuple[str, ...], ...]:
    return tuple(each.aggregates for each in restriction.member_of)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, ()),
        ({"filter_tenant_id": "other"}, ()),
        ({"filter_tenant_id": "project"}, (("a",),)),
        ({"filter_tenant_id1": "other", "filter_tenant_id2": "project"}, (("a",),)),
        ({"filter_tenant_id_of_west": "project"}, (("a",),)),
        ({"tenant": "project"}, ()),
    ],
)
def test_aggregates_of_the_project(metadata, expected):
    found = TenantIsolation().restrict(make_spec(), aggregates(a=metadata))
    assert members(found) == expected


def test_all_aggregates_of_the_project_are_one_choice():
    own = {"filter_tenant_id": "project"}
    found = TenantIsolation().restrict(make_spec(), aggregates(b=own, a=own, c={}))
    assert found == Restriction(
        member_of=(Membership(("a", "b"), "member of the aggregates of project project"),)
    )


def test_a_project_that_needs_an_aggregate_and_has_none_goes_nowhere():
    rule = TenantIsolation(required=True)
    [nowhere] = rule.restrict(make_spec(), aggregates(a={"filter_tenant_id": "other"})).member_of
    assert nowhere.name == "member of an aggregate of project project (there is none)"
    assert nowhere.aggregates == ("00000000-0000-0000-0000-000000000000",)
    own = aggregates(a={"filter_tenant_id": "project"})
    assert members(rule.restrict(make_spec(), own)) == (("a",),)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, ()),
        ({"availability_zone": "east"}, (("a", "b"),)),
        ({"availability_zone": "west"}, (("c",),)),
        ({"availability_zone": "nowhere"}, ()),
        # Hosts without any aggregate are in it, too, whatever an aggregate calls itself.
        ({"availability_zone": "nova"}, ()),
        ({"availability_zone": "east", "forced_host": "h"}, ()),
        ({"availability_zone": "east", "forced_node": "n"}, ()),
        ({"availability_zone": "east", "requested_host": "h"}, (("a", "b"),)),
    ],
)
def test_aggregates_of_the_zone(wishes, expected):
    known = aggregates(
        b={"availability_zone": "east"},
        a={"availability_zone": "east"},
        c={"availability_zone": "west"},
        d={"availability_zone": "nova"},
        e={},
    )
    spec = make_spec(**wishes)
    assert members(AvailabilityZone().restrict(spec, known)) == expected
    assert AvailabilityZone().looks_at_aggregates(spec) or not expected


@pytest.mark.parametrize(
    ("metadata", "wishes", "lacking"),
    [
        ({}, {}, None),
        ({"trait:X": "required"}, {}, "X"),
        ({"trait:X": "forbidden"}, {}, None),
        ({"X": "required"}, {}, None),
        ({"trait:X": "required"}, specs(trait__X="required"), None),
        ({"trait:X": "required"}, specs(trait__X="forbidden"), "X"),
        ({"trait:X": "required"}, {"image_properties": {"trait:X": "required"}}, None),
        ({"trait:X": "required", "trait:Y": "required"}, specs(trait__X="required"), "Y"),
        (
            {"trait:X": "required", "trait:Y": "required"},
            specs(trait__X="required") | {"image_properties": {"trait:Y": "required"}},
            None,
        ),
        ({"trait:Y": "required", "trait:X": "required"}, {}, "X, Y"),
    ],
)
def test_isolated_aggregates(metadata, wishes, lacking):
    found = IsolatedAggregates().restrict(make_spec(**wishes), aggregates(a=metadata))
    told = f"not member of isolated aggregate a ({lacking} not asked for)"
    assert found.not_member_of == ((Exclusion("a", told),) if lacking else ())


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, ()),
        ({"image_properties": {"disk_format": "qcow2"}}, ("COMPUTE_IMAGE_TYPE_QCOW2",)),
        ({"image_properties": {"disk_format": None}}, ()),
        ({"image_properties": {"disk_format": "raw"}, "is_volume_backed": True}, ()),
    ],
)
def test_format_of_the_image(wishes, expected):
    assert ImageType().restrict(make_spec(**wishes), ()).required == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ()),
        ({"hw_machine_type": "pc", "hw_vif_model": ""}, ()),
        ({"hw_vif_model": "e1000e"}, ("COMPUTE_NET_VIF_MODEL_E1000E",)),
        ({"hw_vif_model": "spapr-vlan"}, ("COMPUTE_NET_VIF_MODEL_SPAPR_VLAN",)),
        ({"hw_video_model": "qxl"}, ("COMPUTE_GRAPHICS_MODEL_QXL",)),
        (
            {"hw_disk_bus": "virtio", "hw_cdrom_bus": "sata"},
            ("COMPUTE_STORAGE_BUS_SATA", "COMPUTE_STORAGE_BUS_VIRTIO"),
        ),
        ({"hw_disk_bus": "ide", "hw_cdrom_bus": "ide"}, ("COMPUTE_STORAGE_BUS_IDE",)),
    ],
)
def test_devices_that_the_image_names(properties, expected):
    found = ImageMetadata().restrict(make_spec(image_properties=properties), ())
    assert found.required == expected


def test_only_the_zone_is_looked_at_unless_options_say_more():
    assert [type(p) for p in load_prefilters(PrefilterOptions())] == [AvailabilityZone]
    options = {each.option: True for each in all_prefilters() if each.option}
    every = load_prefilters(
        PrefilterOptions(**options, placement_aggregate_required_for_tenants=True)
    )
    assert tuple(type(p) for p in every) == all_prefilters()
    assert every[0].restrict(make_spec(), ()).member_of
    zone = load_prefilters(PrefilterOptions(default_availability_zone="east"))[0]
    asked = make_spec(availability_zone="east")
    assert not zone.restrict(asked, aggregates(a={"availability_zone": "east"}))


# As a question.

EVERYTHING = combine(
    (
        Restriction(member_of=(Membership(("a", "b"), "one"),), required=("HW_B", "HW_A")),
        Restriction(member_of=(Membership(("c",), "two"), Membership(("a", "b"), "three"))),
        Restriction(not_member_of=(Exclusion("y", "why"), Exclusion("x", "ex"))),
        Restriction(required=("HW_A",), forbidden=("HW_C",)),
    )
)


def test_nothing_is_asked_where_nothing_restricts():
    assert not combine(())
    assert candidate_query(make_spec(), restriction=combine(())) == candidate_query(make_spec())


def test_a_restriction_is_asked_of_the_node():
    parameters = candidate_query(make_spec(), restriction=EVERYTHING, limit=3).parameters()
    assert parameters == [
        ("resources", "DISK_GB:1,MEMORY_MB:512,VCPU:1"),
        ("member_of", "!in:x,y"),
        ("required_PREFILTERED", "COMPUTE_NODE"),
        ("member_of_PREFILTERED", "in:a,b"),
        ("member_of_PREFILTERED", "in:c"),
        ("root_required", f"HW_A,HW_B,!HW_C,!{DISABLED_TRAIT}"),
        ("same_subtree", "_PREFILTERED"),
        ("limit", "3"),
    ]


def test_aggregates_to_stay_out_of_need_no_further_group():
    only_outside = Restriction(not_member_of=EVERYTHING.not_member_of)
    assert candidate_query(make_spec(), restriction=only_outside).parameters() == [
        ("resources", "DISK_GB:1,MEMORY_MB:512,VCPU:1"),
        ("member_of", "!in:x,y"),
        ("root_required", f"!{DISABLED_TRAIT}"),
    ]


def test_the_node_need_not_stand_apart_from_what_it_serves():
    apart = {"resources1:VGPU": "1", "group_policy": "isolate"}
    spec = make_spec(replace(SMALL, extra_specs=apart))
    assert candidate_query(spec, restriction=EVERYTHING).parameters() == [
        ("resources", "DISK_GB:1,MEMORY_MB:512,VCPU:1"),
        ("member_of", "in:a,b"),
        ("member_of", "in:c"),
        ("member_of", "!in:x,y"),
        ("resources1", "VGPU:1"),
        ("root_required", f"HW_A,HW_B,!HW_C,!{DISABLED_TRAIT}"),
    ]


def test_a_flavor_whose_amounts_are_all_suffixed_is_asked_beside_the_node():
    spec = make_spec(replace(SMALL, extra_specs=SUFFIXED))
    only_aggregates = replace(EVERYTHING, required=(), forbidden=())
    assert candidate_query(spec, restriction=only_aggregates).parameters() == [
        ("resources1", "PGPU:1"),
        ("required_PREFILTERED", "COMPUTE_NODE"),
        ("member_of_PREFILTERED", "in:a,b"),
        ("member_of_PREFILTERED", "in:c"),
        ("member_of_PREFILTERED", "!in:x,y"),
        ("group_policy", "none"),
        ("root_required", f"!{DISABLED_TRAIT}"),
        ("same_subtree", "_PREFILTERED"),
    ]


@pytest.mark.parametrize("extra_specs", [{}, SUFFIXED])
def test_its_demands_are_told_from_those_of_the_request(extra_specs):
    own = {"trait1:HW_OWN": "required", "resources1:PGPU": "1"}
    spec = make_spec(replace(SMALL, extra_specs=extra_specs | own))
    query = candidate_query(spec, restriction=EVERYTHING)
    others = [each for each in without_one(query) if not EVERYTHING.causes(each.key, each.value)]
    plain = list(without_one(candidate_query(spec)))
    assert [(e.key, e.value) for e in others] == [(e.key, e.value) for e in plain]


def test_demands_are_called_by_their_reasons():
    assert EVERYTHING.name_of("member_of", "in:a,b") == "one and three"
    assert EVERYTHING.name_of("member_of_PREFILTERED", "c") == "two"
    assert EVERYTHING.name_of("member_of", "!x") == "ex"
    assert EVERYTHING.name_of("member_of", "d") == "aggregate d"
    assert EVERYTHING.name_of("root_required", "HW_A") == "HW_A"
    assert EVERYTHING.name_of("resources", "VCPU:1") == "VCPU (1 asked)"


# As refusals and dry runs.


def plant_with(known: tuple[AggregateView, ...], *prefilters: Prefilter, **hosts: str) -> Plant:
    """Hosts, each in the aggregate that is named, as Placement and the host table know it."""
    plant = make_plant(*(make_host(name) for name in hosts), prefilters=prefilters)
    plant.hosts.known_aggregates = known
    for provider, aggregate in zip(plant.placement.providers.values(), hosts.values(), strict=True):
        provider.aggregates = frozenset({aggregate} - {""})
        provider.traits = frozenset({"COMPUTE_NODE"})
    return plant


def refusal(plant: Plant, spec: RequestSpec) -> tuple[str, Outlook]:
    """The sentence of the fault, which the dry run tells, too."""
    with pytest.raises(NoValidHost) as caught:
        plant.select(spec)
    outlook = plant.rehearsal.rehearse(
        plant.placement, spec, 1, alternates=0, seed=0, deadline=Deadline(60)
    )
    assert outlook.message == caught.value.text
    for one in outlook.constraints:
        assert f"placement: {one.name} removed {one.removed}" in caught.value.internal
    return caught.value.text, outlook


def test_a_project_without_aggregates_is_told_so():
    plant = plant_with((), TenantIsolation(required=True), h1="", h2="a")
    text, outlook = refusal(plant, make_spec())
    told = "member of an aggregate of project project (there is none)"
    assert f"Of 2 hosts: {told} removed 2;" in text
    assert {one.name: one.removed for one in outlook.constraints}[told] == 2
    assert [change.text for change in outlook.changes] == [
        "without prefilter limit_tenants_to_placement_aggregate"
    ]


def test_hosts_of_other_zones_are_counted():
    known = aggregates(a={"availability_zone": "east"})
    plant = plant_with(known, AvailabilityZone(), h1="", h2="a")
    plant.hosts.hosts = {
        uuid: replace(view, zone="east" if view.host == "h2" else "nova")
        for uuid, view in plant.hosts.hosts.items()
    }
    assert plant.hosts_of(make_spec(availability_zone="east"), 4) == ["h2"] * 4
    plant.placement.held.clear()
    text, outlook = refusal(plant, make_spec(availability_zone="east"))
    assert "member of the aggregates of availability zone east removed 1" in text
    assert [change.text for change in outlook.changes] == [
        "ask for availability zone nova instead of east",
        "without availability zone east",
    ]


def test_hosts_of_isolated_aggregates_are_counted():
    known = aggregates(a={"trait:HW_X": "required"})
    text, outlook = refusal(plant_with(known, IsolatedAggregates(), h1="a"), make_spec())
    assert "not member of isolated aggregate a (HW_X not asked for) removed 1" in text
    assert [change.text for change in outlook.changes] == [
        "without prefilter enable_isolated_aggregate_filtering"
    ]


def test_nobody_is_refused_by_aggregates_from_before():
    plant = plant_with((), TenantIsolation(required=True), h1="", h2="a")
    plant.hosts.fresh_aggregates = aggregates(a={"filter_tenant_id": "project"})
    assert plant.hosts_of(make_spec()) == ["h2"]
