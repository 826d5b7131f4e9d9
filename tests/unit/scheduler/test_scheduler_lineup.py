"""Filtering and weighing all at once gives what doing so host by host gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova.clients.candidates import AllocationRequest, Candidates, Columns, ProviderSummary, Room
from nova.domain.server_group import GroupPolicy, ServerGroup
from nova.scheduler.candidates import Candidate
from nova.scheduler.decision import Rules, Standings
from nova.scheduler.filters import ComputeFilter, Filter, NumInstancesFilter
from nova.scheduler.host_view import AggregateView, Ask, HostView
from nova.scheduler.lineup import Lineups, group_by_host
from nova.scheduler.weights import RAMWeigher, Weigher, all_weighers
from tests.unit.scheduler.harness import CELL1, CELL2, NOW, make_host, make_spec

POOL = "pool"
DOWN_S = 60
ALONE = AggregateView("a1", "alone", {})
HEAVY = AggregateView(
    "a2", "heavy", {"ram_weight_multiplier": "-3", "io_ops_weight_multiplier": "2"}
)
ODD = AggregateView("a3", "odd", {"cpu_weight_multiplier": "many", "disk_weight_multiplier": "0.5"})


def plain_filter(of: Filter) -> Filter:
    """The same filter as an operator might have derived it: it is asked about each host."""
    kind = type(of)
    derived = type(kind.__name__, (kind,), {"reject": lambda self, h, a: kind.reject(self, h, a)})
    return derived()


def plain_weigher(of: type[Weigher], multiplier: float) -> Weigher:
    derived = type(
        of.__name__,
        (of,),
        {
            "weigh": lambda self, c, a: of.weigh(self, c, a),
            "multiplier_of": lambda self, c: of.multiplier_of(self, c),
        },
    )
    return derived(multiplier=multiplier)


def seen_before(seconds: float):
    return None if seconds < 0 else NOW - timedelta(seconds=seconds)


hosts_facts = st.builds(
    dict,
    cell_uuid=st.sampled_from([CELL1, CELL2]),
    is_enabled=st.sampled_from([True, True, True, False]),
    forced_down=st.sampled_from([False, False, False, True]),
    last_seen_up=st.sampled_from([-1.0, 0.0, 59.9999999, 60.0, 60.0000001, -1.0 * 0, 61.0]).map(
        seen_before
    ),
    hypervisor_version=st.integers(1, 4),
    num_instances=st.integers(0, 6),
    num_io_ops=st.integers(0, 3),
    failed_builds=st.sampled_from([0, 0, 0, 1, 4]),
    aggregates=st.sampled_from([(), (), (ALONE,), (HEAVY,), (HEAVY, ODD), (ODD,)]),
)
rooms = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.booleans())
plants = st.lists(st.tuples(hosts_facts, rooms), min_size=1, max_size=9)
multiplier_sets = st.lists(
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1e6]),
    min_size=len(all_weighers()),
    max_size=len(all_weighers()),
)
groups = st.sampled_from([None, GroupPolicy.SOFT_AFFINITY, GroupPolicy.SOFT_ANTI_AFFINITY])


def world_of(plant) -> tuple[Candidates, dict[str, HostView]]:
    """Hosts with so much free of each class; some take their disk from a pool."""
    hosts = [make_host(f"h{n}", **facts) for n, (facts, _) in enumerate(plant)]
    requests, summaries = [], {}
    for host, (_, (vcpu, memory, disk, is_shared)) in zip(hosts, plant, strict=True):
        node = host.node_uuid
        on: dict[str, dict[str, int]] = {node: {"VCPU": 1, "MEMORY_MB": 1}}
        stock = {"VCPU": Room(9, 9 - vcpu), "MEMORY_MB": Room(9, 9 - memory)}
        if is_shared:
            on[POOL] = {"DISK_GB": 1}
        else:
            stock["DISK_GB"] = Room(9, 9 - disk)
        if vcpu % 2:
            stock["PCPU"] = Room(4, 1)
        requests.append(AllocationRequest(on, {"": tuple(on)}))
        summaries[node] = ProviderSummary(node, None, node, frozenset(), stock)
    pool = ProviderSummary(
        POOL, None, POOL, frozenset({"MISC_SHARES_VIA_AGGREGATE"}), {"DISK_GB": Room(20, 3)}
    )
    return Candidates(tuple(requests), {**summaries, POOL: pool}), {h.node_uuid: h for h in hosts}


def ask_of(group: GroupPolicy | None, current_cell: str | None) -> Ask:
    spec = make_spec(current_cell=current_cell)
    if group is not None:
        spec = replace(spec, group=ServerGroup("g", group, hosts={"h0": 2, "h1": 1}))
    return Ask(spec, NOW)


def course(standings: Standings, servers: int = 4) -> list[object]:
    """All that a decision shows while servers are placed."""
    seen: list[object] = [list(standings.removed.items()), standings.rejected]
    for _ in range(servers):
        ranked = standings.ranked()
        seen.append([(c.host, standings.weight_of(c), tuple(c.requests)) for c in ranked])
        best = standings.best()
        if best is None:
            break
        seen.append((best[0].host, best[1]))
        standings.placed(*best)
    return seen


@settings(max_examples=200, deadline=None)
@given(plants, multiplier_sets, groups, st.sampled_from([None, CELL2]))
def test_all_at_once_is_the_same_as_one_by_one(plant, multipliers, group, current_cell):
    answer, hosts = world_of(plant)
    ask = ask_of(group, current_cell)
    filters = (ComputeFilter(service_down_time_s=DOWN_S), NumInstancesFilter())
    fast = Rules(
        filters, [w(multiplier=m) for w, m in zip(all_weighers(), multipliers, strict=True)]
    )
    plain = Rules(
        tuple(map(plain_filter, filters)),
        [plain_weigher(w, m) for w, m in zip(all_weighers(), multipliers, strict=True)],
    )
    expected = course(Standings(ask, group_by_host(answer, hosts)[:], plain, seed=0))
    assert course(Standings(ask, group_by_host(answer, hosts), fast, seed=0)) == expected
    # From an answer of a frame that was seen before, too, after another decision has placed servers.
    lineups = Lineups()
    framed = replace(answer, columns=Columns.of(answer.summaries))
    for _ in range(2):
        lineup = lineups.lineup(framed, hosts)
        assert course(Standings(ask, lineup, fast, seed=0)) == expected


class Nobody(ComputeFilter):
    """As an operator might derive it."""

    def reject(self, host, ask):
        return self.because("never")


class Backwards(RAMWeigher):
    """As an operator might derive it."""

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return -super().weigh(candidate, ask)


class ByName(RAMWeigher):
    """As an operator might derive it: the multiplier is none of the aggregates' business."""

    def multiplier_of(self, candidate: Candidate) -> float:
        return -1.0 if candidate.host.host == "h1" else 1.0


@pytest.fixture
def two_hosts():
    facts = {"aggregates": (ALONE,)}
    return world_of(
        [(facts, (9, 9, 9, False)), (facts, (9, 5, 9, False)), (facts, (9, 1, 9, False))]
    )


def names(standings: Standings) -> list[str]:
    return [candidate.host.host for candidate in standings.ranked()]


def test_classes_of_operators_are_asked_though_ours_know_a_shorter_way(two_hosts):
    ask = Ask(make_spec(), NOW)
    refused = Standings(ask, group_by_host(*two_hosts), Rules([Nobody()], []), seed=0)
    assert not refused.candidates
    assert refused.removed == {"Nobody": 3}
    for weigher, order in ((Backwards(), "h2 h1 h0"), (ByName(), "h0 h2 h1")):
        ranked = Standings(ask, group_by_host(*two_hosts), Rules([], [weigher]), seed=0)
        assert names(ranked) == order.split()


def test_candidates_are_made_when_somebody_looks(two_hosts):
    lineup = group_by_host(*two_hosts)
    rules = Rules([ComputeFilter()], [RAMWeigher()])
    standings = Standings(Ask(make_spec(), NOW), lineup, rules, seed=0)
    best = standings.best()
    assert best is not None
    assert lineup._made == {0: best[0]}
    # Those that are left know the candidates that have been made.
    assert lineup.without([1])[0] is best[0]
    assert [each.host.host for each in lineup.without([1])[:]] == ["h0", "h2"]


def test_what_was_kept_of_other_hosts_is_not_used(two_hosts):
    answer, hosts = two_hosts
    framed = replace(answer, columns=Columns.of(answer.summaries))
    lineups = Lineups()
    assert [h.num_instances for h in lineups.lineup(framed, hosts).hosts] == [0, 0, 0]
    changed = {uuid: replace(view, num_instances=7) for uuid, view in hosts.items()}
    assert [h.num_instances for h in lineups.lineup(framed, changed).hosts] == [7, 7, 7]
    assert lineups.nodes(framed) == lineups.nodes(answer) == hosts.keys()


def test_what_was_kept_is_brought_up_to_date_with_single_hosts(two_hosts):
    answer, hosts = two_hosts
    framed = replace(answer, columns=Columns.of(answer.summaries))
    lineups, hosts = Lineups(), dict(hosts)
    changed: list[str] = []
    first = lineups.lineup(framed, hosts, changed)
    names = [host.host for host in first.hosts]
    number = attrgetter("num_instances")
    assert first.column(number).tolist() == [0, 0, 0]
    kinds = first.by_aggregates()
    for uuid, view in list(hosts.items())[:2]:
        hosts[uuid] = replace(view, num_instances=7)
        changed.append(uuid)
    # Another answer may name fewer nodes.
    changed.append("elsewhere")
    hosts["elsewhere"] = view
    later = lineups.lineup(framed, hosts, changed)
    afresh = group_by_host(framed, hosts)
    assert later.hosts == afresh.hosts
    assert later.column(number).tolist() == afresh.column(number).tolist() != [0, 0, 0]
    assert [later[at].host for at in range(3)] == list(afresh.hosts)
    assert later.by_aggregates()[1] == kinds[1]
    # Who decides meanwhile keeps what it saw.
    assert first.column(number).tolist() == [0, 0, 0]
    assert [host.host for host in first.hosts] == names
    assert lineups.lineup(framed, hosts, changed).hosts is later.hosts
