"""Dry runs: the same decision without claims, and single changes that really help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova.clients.deadline import Deadline
from nova.domain.outlook import Change, ChangeKind, Count, Outlook, Where
from nova.domain.request_spec import RequestSpec
from nova.errors import NoValidHost
from nova.scheduler.demand import DISABLED_TRAIT
from nova.scheduler.filters import (
    AvailabilityZoneFilter,
    ComputeCapabilitiesFilter,
    ComputeFilter,
    ImagePropertiesFilter,
    NumInstancesFilter,
    SimpleCIDRAffinityFilter,
)
from nova.scheduler.filters.filter import Filter
from nova.scheduler.host_view import HostView
from tests.unit.scheduler.harness import (
    CELL1,
    CELL2,
    NOW,
    SMALL,
    Plant,
    make_host,
    make_plant,
    make_spec,
)

FILTERS = (
    ComputeFilter(),
    AvailabilityZoneFilter(),
    ComputeCapabilitiesFilter(),
    ImagePropertiesFilter(),
    SimpleCIDRAffinityFilter(),
    NumInstancesFilter(limit=4),
)


def plant_of(*views: HostView, traits: Any = None, slots: Any = 4, **rules: Any) -> Plant:
    """Hosts whose providers bear what computes report: a trait while they are disabled."""
    plant = make_plant(*views, slots=slots, **{"filters": FILTERS, **rules})
    for view in views:
        provider = plant.placement.providers[view.node_uuid]
        own = set((traits or {}).get(view.host, ()))
        provider.traits = frozenset(own | (set() if view.is_enabled else {DISABLED_TRAIT}))
    return plant


def rehearse(
    plant: Plant, spec: RequestSpec | None = None, count: int = 1, **options: Any
) -> Outlook:
    found = plant.rehearsal.rehearse(
        plant.placement,
        spec or make_spec(),
        count,
        **{"alternates": 2, "seed": 0, "deadline": Deadline(60), **options},
    )
    assert plant.placement.claims == []
    assert plant.placement.held == {}
    return found


def texts(outlook: Outlook) -> list[str]:
    return [change.text for change in outlook.changes]


def test_hosts_are_those_that_a_create_gets() -> None:
    views = [make_host(n, cell_uuid=CELL1 if n < "d" else CELL2) for n in "abcde"]
    slots = {"a": 1, "b": 3, "c": 2, "d": 9, "e": 8}
    outlook = rehearse(plant_of(*views, slots=slots), count=3)
    created = plant_of(*views, slots=slots).select(count=3, alternates=2)
    assert outlook.would_fit
    assert outlook.message is None
    assert outlook.changes == ()
    assert [plan.chosen.host for plan in outlook.plans] == [s.chosen.host for s in created.servers]
    assert [[a.host for a in plan.alternates] for plan in outlook.plans] == [
        [a.host for a in s.alternates] for s in created.servers
    ]
    best = outlook.plans[0]
    assert best.chosen.host == "d"
    assert (best.chosen.cell, best.chosen.availability_zone) == ("cell2", "nova")
    assert best.chosen.weight > best.alternates[0].weight
    assert {place.cell for plan in outlook.plans for place in plan.alternates} == {"cell2"}


def test_weights_of_one_answer_can_be_compared() -> None:
    views = [make_host(name) for name in "abc"]
    plans = rehearse(plant_of(*views, slots={"a": 4, "b": 4, "c": 2}), count=4).plans
    weights: dict[str, set[float]] = {}
    for plan in plans:
        for place in (plan.chosen, *plan.alternates):
            weights.setdefault(place.host, set()).add(place.weight)
    assert weights["a"] == weights["b"]
    assert len(weights["a"]) == len(weights["c"]) == 1
    assert min(weights["a"]) > min(weights["c"])


def test_every_constraint_is_counted_also_when_it_fits() -> None:
    views = [make_host(n, cell_uuid=CELL1 if n in "ab" else CELL2) for n in "abcd"]
    views[3] = replace(views[3], zone="east")
    outlook = rehearse(
        plant_of(*views, slots={"a": 0, "b": 1, "c": 1, "d": 1}),
        make_spec(availability_zone="nova"),
    )
    assert outlook.would_fit
    told = {one.name: one for one in outlook.constraints}
    assert told["VCPU (1 asked)"].where is Where.PLACEMENT
    assert (told["VCPU (1 asked)"].removed, told["VCPU (1 asked)"].left) == (1, 3)
    assert told["AvailabilityZoneFilter"].where is Where.FILTER
    assert told["AvailabilityZoneFilter"].by_cell == {"cell1": Count(0, 1), "cell2": Count(1, 1)}
    wheres = [one.where for one in outlook.constraints]
    assert wheres == sorted(wheres, key=[*Where].index)


def test_a_named_host_removes_the_others() -> None:
    plant = plant_of(make_host("a"), make_host("b"), make_host("c", is_enabled=False))
    outlook = rehearse(plant, make_spec(requested_host="a"))
    assert [plan.chosen.host for plan in outlook.plans] == ["a"]
    [named] = [one for one in outlook.constraints if one.where is Where.REQUEST]
    assert (named.name, named.removed, named.left) == ("requested host", 1, 1)


def test_hosts_beyond_the_limit_are_told() -> None:
    plant = plant_of(*(make_host(n) for n in "abc"), limit=2)
    outlook = rehearse(plant)
    assert outlook.would_fit
    [limit] = [one for one in outlook.constraints if one.name == "max_placement_results"]
    assert (limit.removed, limit.left) == (1, 2)
    assert rehearse(plant, count=12).would_fit


# Each case: hosts, the request, and the changes in their order.

BIG = replace(SMALL, vcpus=64)
CASES: dict[str, tuple[list[HostView], dict[str, Any], RequestSpec, list[str]]] = {
    "an amount": (
        [make_host("a"), make_host("b")],
        {"slots": {"a": 48, "b": 8}},
        make_spec(BIG),
        ["reduce VCPU from 64 to 48"],
    ),
    "an amount that willing hosts have": (
        [make_host("a", zone="east"), make_host("b")],
        {"slots": {"a": 48, "b": 8}},
        make_spec(replace(SMALL, vcpus=16), availability_zone="nova"),
        [
            "reduce VCPU from 16 to 8",
            "ask for availability zone east instead of nova",
            "without availability zone nova",
            "without filter AvailabilityZoneFilter",
        ],
    ),
    "a trait that nobody has": (
        [make_host("a"), make_host("b")],
        {},
        make_spec(replace(SMALL, extra_specs={"trait:CUSTOM_X": "required"})),
        ["without trait CUSTOM_X"],
    ),
    "a trait that must not be there": (
        [make_host("a")],
        {"traits": {"a": ["CUSTOM_X"]}},
        make_spec(replace(SMALL, extra_specs={"trait:CUSTOM_X": "forbidden"})),
        ["without trait not CUSTOM_X"],
    ),
    "a disabled host": (
        [make_host("a", is_enabled=False), make_host("b", is_enabled=False)],
        {},
        make_spec(),
        ["enable the compute service of host a, one of 2 that are disabled and suit"],
    ),
    "a host that is down": (
        [make_host("a", last_seen_up=NOW - timedelta(hours=1))],
        {},
        make_spec(),
        ["without filter ComputeFilter"],
    ),
    "a zone": (
        [make_host("a"), make_host("b", zone="east"), make_host("c", zone="east")],
        {},
        make_spec(availability_zone="nowhere"),
        [
            "without availability zone nowhere",
            "ask for availability zone east instead of nowhere",
            "ask for availability zone nova instead of nowhere",
            "without filter AvailabilityZoneFilter",
        ],
    ),
    "an extra spec": (
        [make_host("a")],
        {},
        make_spec(replace(SMALL, extra_specs={"capabilities:hypervisor_type": "QEMU"})),
        [
            "without extra spec capabilities:hypervisor_type QEMU",
            "without filter ComputeCapabilitiesFilter",
        ],
    ),
    "an image property": (
        [make_host("a")],
        {},
        make_spec(image_properties={"hw_architecture": "aarch64", "os_distro": "none"}),
        ["without image property hw_architecture aarch64", "without filter ImagePropertiesFilter"],
    ),
    "a hint": (
        [make_host("a", host_ip="192.0.2.1")],
        {},
        make_spec(scheduler_hints={"build_near_host_ip": "198.51.100.1", "cidr": "/24"}),
        ["without hint build_near_host_ip 198.51.100.1", "without filter SimpleCIDRAffinityFilter"],
    ),
    "a named host": (
        [make_host("a", num_instances=4), make_host("b")],
        {},
        make_spec(requested_host="a"),
        ["without host a", "without filter NumInstancesFilter"],
    ),
    "two obstacles at once": (
        [make_host("a", zone="east", is_enabled=False)],
        {},
        make_spec(availability_zone="nova"),
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_smallest_changes_are_named(case: str) -> None:
    views, more, spec, expected = CASES[case]
    outlook = rehearse(plant_of(*views, **more), spec)
    assert not outlook.would_fit
    assert outlook.plans == ()
    assert outlook.tried_all
    assert (outlook.message or "").startswith("No valid host was found.")
    assert texts(outlook) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_same_changes_are_found_when_placement_explains_nothing(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, more, spec, expected = CASES[case]
    plant = plant_of(*views, **more)
    monkeypatch.setattr(plant.placement, "explain", lambda _query: None)
    outlook = rehearse(plant, spec)
    assert texts(outlook) == expected
    assert all(one.where is not Where.PLACEMENT for one in outlook.constraints)


def test_fewer_servers_are_proposed() -> None:
    outlook = rehearse(plant_of(make_host("a"), make_host("b"), slots=2), count=5)
    assert texts(outlook)[0] == "ask for 4 servers instead of 5"
    assert outlook.message == (
        "No valid host was found. There is room for 4 of 5 servers. There are 2 hosts."
    )


def test_an_amount_of_which_all_servers_get_their_part_is_proposed() -> None:
    plant = plant_of(make_host("a"), slots=4)
    outlook = rehearse(plant, make_spec(replace(SMALL, vcpus=3, memory_mb=1, root_gb=1)), count=3)
    assert "reduce VCPU from 3 to 1" in texts(outlook)


def test_a_request_that_makes_no_sense_is_told_so() -> None:
    spec = make_spec(replace(SMALL, extra_specs={"trait:CUSTOM_X": "perhaps"}))
    outlook = rehearse(plant_of(make_host("a")), spec)
    assert not outlook.would_fit
    assert "a trait is either required or forbidden" in (outlook.message or "")
    assert outlook.constraints == outlook.changes == ()


def test_what_there_was_no_time_for_is_told() -> None:
    outlook = rehearse(
        plant_of(make_host("a")), make_spec(availability_zone="nowhere"), deadline=Deadline(0)
    )
    assert not outlook.would_fit
    assert not outlook.tried_all
    assert outlook.changes == ()


# Properties: what is proposed really helps, and nothing that helps is kept back.

hosts = st.lists(
    st.tuples(
        st.builds(
            dict,
            cell_uuid=st.sampled_from([CELL1, CELL2]),
            zone=st.sampled_from(["nova", "east"]),
            is_enabled=st.booleans(),
            last_seen_up=st.sampled_from([NOW, NOW - timedelta(hours=1)]),
            num_instances=st.integers(0, 4),
            hypervisor_type=st.sampled_from(["fake", "QEMU"]),
        ),
        st.integers(0, 6),
        st.sets(st.sampled_from(["CUSTOM_X", "CUSTOM_Y"])),
    ),
    min_size=1,
    max_size=5,
)
flavors = st.builds(
    lambda vcpus, extra: replace(SMALL, vcpus=vcpus, extra_specs=extra),
    st.integers(1, 7),
    st.dictionaries(
        st.sampled_from(["trait:CUSTOM_X", "trait:CUSTOM_Y"]),
        st.sampled_from(["required", "forbidden"]),
    ),
)
specs = st.builds(
    lambda flavor, zone, host, image: make_spec(
        flavor, availability_zone=zone, requested_host=host, image_properties=image
    ),
    flavors,
    st.sampled_from([None, "nova", "east", "nowhere"]),
    st.sampled_from([None, None, "h0", "h9"]),
    st.sampled_from([{}, {"img_hv_type": "qemu"}]),
)


def described_plant(described: Any, *, enabled: str = "", without: str = "") -> Plant:
    views = [make_host(f"h{n}", **facts) for n, (facts, _, _) in enumerate(described)]
    views = [replace(v, is_enabled=True) if v.host == enabled else v for v in views]
    filters: list[Filter] = [f for f in FILTERS if type(f).__name__ != without]
    return plant_of(
        *views,
        slots={f"h{n}": number for n, (_, number, _) in enumerate(described)},
        traits={f"h{n}": traits for n, (_, _, traits) in enumerate(described)},
        filters=tuple(filters),
    )


def with_change(
    described: Any, spec: RequestSpec, count: int, change: Change
) -> tuple[Plant, RequestSpec, int]:
    """The world after a change, made as its reader would make it."""
    flavor = spec.flavor
    plant = described_plant(described)
    match change.kind, change.what:
        case ChangeKind.FEWER, _:
            return plant, spec, int(change.to or "")
        case ChangeKind.REDUCE, name:
            field = {"VCPU": "vcpus", "MEMORY_MB": "memory_mb", "DISK_GB": "root_gb"}[name]
            spec = replace(spec, flavor=replace(flavor, **{field: int(change.to or "")}))
        case ChangeKind.REPLACE, "availability zone":
            spec = replace(spec, availability_zone=change.to)
        case ChangeKind.WITHOUT, "availability zone":
            spec = replace(spec, availability_zone=None)
        case ChangeKind.WITHOUT, "host":
            spec = replace(spec, requested_host=None)
        case ChangeKind.WITHOUT, what if what.startswith("image property "):
            spec = replace(spec, image_properties={})
        case ChangeKind.WITHOUT, what:
            assert what.startswith("trait ")
            name = f"trait:{what.rpartition(' ')[2]}"
            extra = {key: value for key, value in flavor.extra_specs.items() if key != name}
            assert len(extra) < len(flavor.extra_specs)
            spec = replace(spec, flavor=replace(flavor, extra_specs=extra))
        case ChangeKind.ENABLE, host:
            plant = described_plant(described, enabled=host)
        case ChangeKind.WITHOUT_FILTER, name:
            plant = described_plant(described, without=name)
    return plant, spec, count


def fits(plant: Plant, spec: RequestSpec, count: int) -> bool:
    """Whether a real request, with claims, is granted."""
    try:
        plant.select(spec, count)
    except NoValidHost:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(hosts, specs, st.integers(1, 4))
def test_a_dry_run_says_what_a_create_would_meet(described: Any, spec: Any, count: int) -> None:
    outlook = rehearse(described_plant(described), spec, count)
    assert outlook.would_fit == fits(described_plant(described), spec, count)
    assert len(outlook.plans) == (count if outlook.would_fit else 0)
    left = None
    for one in outlook.constraints:
        assert left is None or one.left == left - one.removed
        left = one.left
    if count == 1:
        assert bool(left) == outlook.would_fit


@settings(max_examples=200, deadline=None)
@given(hosts, specs, st.integers(1, 4))
def test_every_proposed_change_makes_it_fit(described: Any, spec: Any, count: int) -> None:
    outlook = rehearse(described_plant(described), spec, count)
    sizes = [change.size for change in outlook.changes]
    assert sizes == sorted(sizes)
    assert not (outlook.would_fit and outlook.changes)
    for change in outlook.changes:
        assert change.hosts > 0
        assert fits(*with_change(described, spec, count, change)), change.text


@settings(max_examples=150, deadline=None)
@given(hosts, specs, st.integers(1, 3))
def test_no_change_that_helps_is_kept_back(described: Any, spec: Any, count: int) -> None:
    outlook = rehearse(described_plant(described), spec, count)
    if outlook.would_fit:
        return
    proposed = {(change.kind, change.what, change.to) for change in outlook.changes}
    possible = [Change(ChangeKind.WITHOUT_FILTER, "", type(f).__name__, 2) for f in FILTERS]
    possible += [
        Change(ChangeKind.REPLACE, "", "availability zone", 1, to=zone)
        for zone in ("nova", "east")
        if spec.availability_zone
    ]
    if spec.requested_host:
        possible.append(Change(ChangeKind.WITHOUT, "", "host", 1))
    for change in possible:
        if fits(*with_change(described, spec, count, change)):
            assert (change.kind, change.what, change.to) in proposed
    # Of an amount the largest that fits is told.
    largest = max(
        (
            vcpus
            for vcpus in range(1, spec.flavor.vcpus)
            if fits(
                described_plant(described),
                replace(spec, flavor=replace(spec.flavor, vcpus=vcpus)),
                count,
            )
        ),
        default=None,
    )
    told = [int(to or "") for kind, what, to in proposed if (kind, what) == ("reduce", "VCPU")]
    assert told == ([] if largest is None else [largest])
