"""Filters and weighers of operators that know nothing of ours, loaded by class path and asked in a decision."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from groundwork.errors import Invalid
from nova.clients.candidates import (
    AllocationRequest,
    Candidates,
    ProviderSummary,
    Room,
)
from nova.domain.server_group import GroupPolicy, ServerGroup
from nova.scheduler import foreign_views as views
from nova.scheduler.candidates import Candidate, Ledger
from nova.scheduler.decision import Rules, Standings
from nova.scheduler.filters import BaseHostFilter, Filter, FilterOptions, load_filters
from nova.scheduler.host_view import AggregateView, Ask
from nova.scheduler.lineup import group_by_host
from nova.scheduler.weights import BaseHostWeigher, load_weighers
from tests.unit.scheduler.harness import NOW, SMALL, make_host, make_spec, server_uuids, uuid_of

DOC = Path(__file__).parents[3] / "doc" / "own-filters.rst"


class LicenceFilter:
    """As operators write them: hosts whose aggregate has the licence that image or hint want, with memory to spare."""

    RUN_ON_REBUILD = False

    def host_passes(self, host_state, spec_obj):
        wanted = spec_obj.image.properties.get("os_licence") or spec_obj.get_scheduler_hint(
            "licence"
        )
        if wanted is None:
            return True
        held = {a.metadata.get("licence") for a in host_state.aggregates}
        return wanted in held and host_state.free_ram_mb >= 4 * spec_obj.flavor.memory_mb


class NotOnMondaysFilter(BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        return host_state.nodename != "monday"


class LoadWeigher(BaseHostWeigher):
    def weight_multiplier(self, host_state):
        return -2.0 if host_state.host != "c" else 0.0

    def _weigh_object(self, host_state, weight_properties):
        return host_state.vcpus_used * weight_properties.vcpus


class PlainWeigher:
    def _weigh_object(self, host_state, weight_properties):
        return host_state.total_usable_ram_mb


class ScaledWeigher(PlainWeigher):
    minval = 0


class CuriousFilter:
    def host_passes(self, host_state, spec_obj):
        return host_state.instances


def candidate_on(name: str, *, used: int = 6, **fields: object) -> Candidate:
    """The host with 16 VCPU, 6000 of 8000 MiB and 30 of 40 GiB free."""
    host = make_host(name, **fields)
    rooms = {"VCPU": Room(16, used), "MEMORY_MB": Room(8000, 2000), "DISK_GB": Room(40, 10)}
    uuid = host.node_uuid
    summary = ProviderSummary(uuid, None, uuid, frozenset(), rooms)
    return Candidate(host, [], (uuid,), Ledger({uuid: summary}))


def load(*classes: type) -> tuple[Filter, ...]:
    return load_filters(
        available=[
            "nova.scheduler.filters.all_filters",
            *(f"{__name__}.{each.__name__}" for each in classes),
        ],
        enabled=["ComputeFilter", *(each.__name__ for each in classes)],
        options=FilterOptions(),
    )


def rank(rules: Rules, ask: Ask, *candidates: Candidate) -> tuple[list[str], Standings]:
    """The hosts that pass, best first."""
    summaries, ways = {}, []
    for each in candidates:
        uuid = each.host.node_uuid
        summaries |= each.ledger._summaries
        ways.append(AllocationRequest({uuid: {"VCPU": 1}}, {"": (uuid,)}))
    hosts = {each.host.node_uuid: each.host for each in candidates}
    lineup = group_by_host(Candidates(tuple(ways), summaries), hosts)
    standings = Standings(ask, lineup, rules, seed=0)
    return [each.host.host for each in standings.ranked()], standings


def test_a_filter_with_host_passes_decides_beside_ours_and_is_counted_by_its_name() -> None:
    found = load(LicenceFilter, NotOnMondaysFilter)
    assert [type(each).__name__ for each in found] == [
        "ComputeFilter",
        "LicenceFilter",
        "NotOnMondaysFilter",
    ]
    rules = Rules(found, [])
    assert rules.needs_counts
    licensed = (AggregateView("1", "1", {"licence": "gold"}),)
    candidates = [
        candidate_on("a", aggregates=licensed),
        candidate_on("b"),
        candidate_on("down", is_enabled=False, aggregates=licensed),
        candidate_on("monday", aggregates=licensed),
    ]
    spec = make_spec(image_properties={"os_licence": "gold"})
    passing, standings = rank(rules, Ask(spec, NOW), *candidates)
    assert passing == ["a"]
    assert standings.removed == {"ComputeFilter": 1, "LicenceFilter": 1, "NotOnMondaysFilter": 1}
    by_hint = make_spec(scheduler_hints={"licence": ["gold"]})
    assert rank(rules, Ask(by_hint, NOW), *candidates)[0] == ["a"]
    assert rank(rules, Ask(make_spec(), NOW), *candidates)[0] == ["a", "b"]


def test_a_weigher_with_weigh_object_and_its_own_multiplier_ranks_hosts() -> None:
    weighers = load_weighers(classes=[f"{__name__}.LoadWeigher"], multipliers={})
    candidates = [candidate_on("a", used=9), candidate_on("b", used=3), candidate_on("c", used=10)]
    assert rank(Rules((), weighers), Ask(make_spec(), NOW), *candidates)[0] == ["b", "c", "a"]
    plain = load_weighers(classes=[f"{__name__}.PlainWeigher"], multipliers={})
    small, large = candidate_on("a", memory_mb=1), candidate_on("b", memory_mb=2)
    assert rank(Rules((), plain), Ask(make_spec(), NOW), small, large)[0] == ["b", "a"]


@pytest.mark.parametrize(
    ("path", "told"), [("ScaledWeigher", "minval"), ("LicenceFilter", "no Weigher")]
)
def test_weighers_that_cannot_be_used_are_told_in_one_line(path: str, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        load_weighers(classes=[f"{__name__}.{path}"], multipliers={})
    assert "\n" not in caught.value.text


def test_a_weigher_is_no_filter() -> None:
    with pytest.raises(Invalid, match="is no Filter"):
        load(LoadWeigher)


def test_names_that_are_not_there_fail_with_the_place_that_lists_those_that_are() -> None:
    [_, curious] = load(CuriousFilter)
    with pytest.raises(AttributeError, match=r"no instances here; doc/own-filters\.rst"):
        curious.reject_candidate(candidate_on("a"), Ask(make_spec(), NOW))


def test_a_host_shows_what_is_known_of_it() -> None:
    state = views.HostState(
        candidate_on(
            "a",
            vcpus=8,
            memory_mb=8192,
            local_gb=40,
            num_instances=3,
            num_io_ops=1,
            aggregates=(AggregateView("u", "n", {"availability_zone": "z"}),),
        )
    )
    assert (state.host, state.nodename, state.hypervisor_hostname) == ("a", "a", "a")
    assert (state.uuid, state.cell_uuid[:4]) == (uuid_of("a"), "1111")
    assert (state.vcpus_total, state.vcpus_used) == (8, 6)
    assert (state.total_usable_ram_mb, state.free_ram_mb) == (8192, 6000)
    assert (state.total_usable_disk_gb, state.free_disk_mb, state.disk_mb_used) == (
        *(40, 30 * 1024, 10 * 1024),
    )
    assert (state.num_instances, state.num_io_ops) == (3, 1)
    [aggregate] = state.aggregates
    assert (aggregate.uuid, aggregate.name, aggregate.availability_zone) == ("u", "n", "z")
    for change in ("free_ram_mb", "limits"):
        with pytest.raises(AttributeError):
            setattr(state, change, 1)
    with pytest.raises(TypeError):
        aggregate.metadata["a"] = "b"


def test_a_request_shows_what_is_asked_for() -> None:
    uuids = server_uuids(2)
    group = ServerGroup("g", GroupPolicy.AFFINITY, hosts={"h": 2})
    spec = make_spec(
        image_id="i",
        image_properties={"hw_disk_bus": "scsi"},
        availability_zone="z",
        forced_host="f",
        ignored_hosts=("x",),
        scheduler_hints={"one": "1", "several": ["1", "2"], "listed": ["1"], "number": 4},
        group=group,
    )
    shown = views.RequestSpecView(Ask(spec, NOW, servers=uuids))
    assert (shown.project_id, shown.user_id) == ("project", "user")
    assert (shown.instance_uuid, shown.num_instances) == (uuids[0], 2)
    assert (shown.flavor.flavorid, shown.flavor.memory_mb, shown.flavor.swap) == ("1", 512, 0)
    assert shown.flavor.extra_specs.get("x") is None
    assert (shown.image.id, shown.image.properties.hw_disk_bus) == ("i", "scsi")
    assert shown.image.properties.hw_cdrom_bus is None
    assert (shown.availability_zone, shown.force_hosts, shown.force_nodes) == ("z", ["f"], [])
    assert shown.ignore_hosts == ["x"]
    assert shown.scheduler_hints["one"] == ["1"]
    hints = [shown.get_scheduler_hint(name) for name in ("one", "several", "listed", "number")]
    assert hints == ["1", ["1", "2"], "1", 4]
    assert shown.get_scheduler_hint("lost") is None
    assert shown.get_scheduler_hint("lost", 7) == 7
    assert shown.instance_group is not None
    assert (shown.instance_group.policy, shown.instance_group.hosts) == ("affinity", ["h"])
    alone = views.RequestSpecView(Ask(make_spec(SMALL), NOW))
    assert (alone.instance_uuid, alone.instance_group) == (None, None)


@pytest.mark.parametrize(
    ("row", "of"),
    [
        ("``host_state``", (views.HostState,)),
        ("one of ``aggregates``", (views.Aggregate,)),
        ("``spec_obj``", (views.RequestSpecView,)),
        ("``spec_obj.flavor``", (views.FlavorOfRequest,)),
    ],
)
def test_the_page_lists_every_name(row: str, of: tuple[type, ...]) -> None:
    lines = iter(DOC.read_text().splitlines())
    told = next(line for line in lines if re.match(rf"{re.escape(row)}[ ,]", line))[32:]
    for line in lines:
        if line.startswith(("=", "one of", "``spec", "``host")):
            break
        told += line[32:]
    listed = {name.partition("(")[0] for name in re.findall(r"``([^`]+)``", told)}
    offered = {n for each in of for n, _ in inspect.getmembers(each) if not n.startswith("_")}
    assert listed == offered
