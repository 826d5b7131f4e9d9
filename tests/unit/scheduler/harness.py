"""The scheduler without a network: the real decision over a Placement in memory that captures claims."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from groundwork.errors import Invalid
from nova.clients.candidates import (
    AllocationRequest,
    CandidateQuery,
    Candidates,
    ProviderSummary,
    Room,
)
from nova.clients.explanations import Demand, Explanation, Relaxation
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.clients.providers import Allocation
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.scheduler.cell_hosts import Moment
from nova.scheduler.decision import Rules
from nova.scheduler.demand_names import choice
from nova.scheduler.filters import AvailabilityZoneFilter, ComputeFilter
from nova.scheduler.host_view import AggregateView, Ask, HostView, Load
from nova.scheduler.hosts import UNKNOWN
from nova.scheduler.kept_answers import Known
from nova.scheduler.rehearsal import Rehearsal
from nova.scheduler.selection import Selector
from nova.scheduler.weights import all_weighers

NOW = datetime(2030, 1, 1, tzinfo=UTC)
CELL1 = "11111111-1111-1111-1111-111111111111"
CELL2 = "22222222-2222-2222-2222-222222222222"
SMALL = Flavor("1", "m1.small", vcpus=1, memory_mb=512, root_gb=1)


def uuid_of(name: str) -> str:
    """The same uuid for the same name, always."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def server_uuids(count: int) -> tuple[str, ...]:
    return tuple(uuid_of(f"server-{number}") for number in range(count))


def make_host(name: str, **changes: object) -> HostView:
    """A host that is up and enabled, in cell 1 and zone ``nova``."""
    view = HostView(
        host=name,
        node=name,
        node_uuid=uuid_of(name),
        cell_uuid=CELL1,
        zone="nova",
        is_enabled=True,
        forced_down=False,
        last_seen_up=NOW,
        hypervisor_type="fake",
        hypervisor_version=1000000,
        cpu_info={"arch": "x86_64"},
    )
    return replace(view, **changes)  # type: ignore[arg-type]


def make_spec(flavor: Flavor = SMALL, **wishes: object) -> RequestSpec:
    return RequestSpec(project_id="project", user_id="user", flavor=flavor, **wishes)  # type: ignore[arg-type]


@dataclass
class Provider:
    """What the fake Placement knows of a node without children."""

    total: dict[str, int]
    traits: frozenset[str] = frozenset()
    used: dict[str, int] = field(default_factory=dict)
    aggregates: frozenset[str] = frozenset()

    def fits(self, amounts: Mapping[str, int]) -> bool:
        return all(
            self.used.get(name, 0) + amount <= self.total.get(name, 0)
            for name, amount in amounts.items()
        )


_Demand = tuple[str, str, Callable[[Provider], bool]]


class FakePlacement:
    """Placement's promises over flat providers, in memory: capacity, consumer generations, traits, in_tree, limit.

    ``claims`` captures what was claimed; ``faults`` are raised by the next claims, one each (None: no fault).
    """

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self.providers = dict(providers)
        self.held: dict[str, Allocation] = {}
        self.claims: list[tuple[str, str]] = []
        self.faults: list[Exception | None] = []
        self.queries: list[CandidateQuery] = []
        self.order: Callable[[Iterable[str]], Iterable[str]] = sorted

    def candidates(self, query: CandidateQuery) -> Candidates:
        self.queries.append(query)
        amounts = {
            name: amount for group in query.groups for name, amount in group.resources.items()
        }
        self._check_names(amounts)
        found = [u for u in self.order(self.providers) if self._suits(u, query, amounts)]
        found = found[: query.limit]
        return Candidates(
            tuple(AllocationRequest({u: amounts}, {"": (u,)}) for u in found),
            {u: self._summary(u) for u in found},
        )

    def claim(
        self,
        consumer: str,
        allocations: Mapping[str, Mapping[str, int]],
        *,
        project_id: str,
        user_id: str,
        consumer_generation: int | None = None,
        mappings: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        before = self.held.get(consumer)
        if before is not None and before.resources == allocations:
            return
        if (before.consumer_generation if before else None) != consumer_generation:
            raise ConcurrentUpdate("consumer generation conflict")
        self._add(before, -1)
        if not all(self.providers[u].fits(amounts) for u, amounts in allocations.items()):
            self._add(before, 1)
            raise NoRoom("full")
        if not allocations:
            self.held.pop(consumer, None)
            return
        after = Allocation(
            consumer, allocations, project_id, user_id, (consumer_generation or 0) + 1, "INSTANCE"
        )
        self._add(after, 1)
        self.held[consumer] = after
        self.claims += [(consumer, u) for u in allocations]

    def allocation(self, consumer: str) -> Allocation | None:
        return self.held.get(consumer)

    def delete_allocation(self, consumer: str, *, expected: Allocation | None = None) -> None:
        if expected is not None and self.held.get(consumer) != expected:
            raise ConcurrentUpdate("changed")
        self._add(self.held.pop(consumer, None), -1)

    def count_providers(
        self,
        *,
        resources: Mapping[str, int] | None = None,
        required: tuple[str, ...] = (),
        member_of: tuple[tuple[str, ...], ...] = (),
    ) -> int:
        self._check_names(resources or {})
        return sum(
            1
            for p in self.providers.values()
            if p.fits(resources or {})
            and p.traits.issuperset(required)
            and all(p.aggregates.intersection(choice) for choice in member_of)
        )

    def explain(self, query: CandidateQuery) -> Explanation | None:
        """As the real one tells it of flat providers: traits of roots, then of each group, then amounts."""
        self.queries.append(query)
        left, demands = dict(self.providers), []
        for key, value, is_met in _demands(query):
            removed = tuple(u for u, p in left.items() if not is_met(p))
            left = {u: p for u, p in left.items() if is_met(p)}
            demands.append(Demand(key, value, removed))
        relaxations = () if left else tuple(self._relaxations(_demands(query)))
        return Explanation(tuple(demands), relaxations, tuple(left))

    def _relaxations(self, asked: list[_Demand]) -> Iterator[Relaxation]:
        for at, (key, value, _) in enumerate(asked):
            others = [is_met for number, (_, _, is_met) in enumerate(asked) if number != at]
            able = [p for p in self.providers.values() if all(is_met(p) for is_met in others)]
            if able:
                yield Relaxation(key, value, None)
            name, _, amount = value.partition(":")
            rooms = (p.total.get(name, 0) - p.used.get(name, 0) for p in able)
            most = max((room for room in rooms if amount and room < int(amount)), default=0)
            if most:
                yield Relaxation(key, value, f"{name}:{most}")

    def _check_names(self, amounts: Mapping[str, int]) -> None:
        for name in amounts:
            if not any(name in p.total for p in self.providers.values()):
                raise Invalid(f"No such resource class {name}.")

    def _suits(self, uuid: str, query: CandidateQuery, amounts: Mapping[str, int]) -> bool:
        provider = self.providers[uuid]
        required = {t for g in query.groups for t in g.required} | set(query.root_required)
        forbidden = {t for g in query.groups for t in g.forbidden} | set(query.root_forbidden)
        return (
            provider.fits(amounts)
            and provider.traits >= required
            and not provider.traits & forbidden
            and all(group.in_tree in (None, uuid) for group in query.groups)
            and all(provider.aggregates & {*c} for g in query.groups for c in g.member_of)
            and not any(provider.aggregates & {*g.not_member_of} for g in query.groups)
        )

    def _summary(self, uuid: str) -> ProviderSummary:
        provider = self.providers[uuid]
        rooms = {n: Room(total, provider.used.get(n, 0)) for n, total in provider.total.items()}
        return ProviderSummary(uuid, None, uuid, provider.traits, rooms)

    def _add(self, allocation: Allocation | None, sign: int) -> None:
        for node, amounts in allocation.resources.items() if allocation else ():
            used = self.providers[node].used
            for name, amount in amounts.items():
                used[name] = used.get(name, 0) + sign * amount


def _demands(query: CandidateQuery) -> list[_Demand]:
    """Each demand as the query puts it, with what meets it."""

    def has(trait: str) -> Callable[[Provider], bool]:
        return lambda provider: trait in provider.traits

    def lacks(trait: str) -> Callable[[Provider], bool]:
        return lambda provider: trait not in provider.traits

    def within(aggregates: Iterable[str]) -> Callable[[Provider], bool]:
        return lambda provider: bool(provider.aggregates & {*aggregates})

    def outside(aggregate: str) -> Callable[[Provider], bool]:
        return lambda provider: aggregate not in provider.aggregates

    def fits(name: str, amount: int) -> Callable[[Provider], bool]:
        return lambda provider: provider.fits({name: amount})

    found = [("root_required", f"!{t}", lacks(t)) for t in query.root_forbidden]
    found += [("root_required", t, has(t)) for t in query.root_required]
    for group in query.groups:
        found += [(f"required{group.suffix}", f"!{t}", lacks(t)) for t in group.forbidden]
        found += [(f"required{group.suffix}", t, has(t)) for t in group.required]
        found += [(f"member_of{group.suffix}", choice(c), within(c)) for c in group.member_of]
        found += [(f"member_of{group.suffix}", f"!{a}", outside(a)) for a in group.not_member_of]
        found += [
            (f"resources{group.suffix}", f"{n}:{a}", fits(n, a)) for n, a in group.resources.items()
        ]
    return found


class RejectingPlacement(FakePlacement):
    """Sees room everywhere and gives none: every claim was lost to somebody else."""

    def claim(self, consumer: str, allocations: object, **_: object) -> None:  # type: ignore[override]
        self.claims.append((consumer, "rejected"))
        raise NoRoom("somebody was faster")


class FakeHosts:
    """A host table whose rows are at hand; ``after_refresh`` are the rows that a fresh reading would find, and
    ``fresh_aggregates`` the aggregates.
    """

    def __init__(self, hosts: Iterable[HostView]) -> None:
        self.hosts = {host.node_uuid: host for host in hosts}
        self.after_refresh: dict[str, HostView] | None = None
        self.known_aggregates: tuple[AggregateView, ...] = ()
        self.fresh_aggregates: tuple[AggregateView, ...] | None = None
        #: The node that each server was placed on.
        self.arrivals: dict[str, str] = {}
        self._ticks = itertools.count()

    def moment(self) -> Moment:
        return Moment(float(next(self._ticks)), NOW)

    def find(self, node_uuids: Iterable[str], *, not_before: Moment | None = None) -> Known:
        if not_before is not None and self.after_refresh is not None:
            self.hosts = self.after_refresh
        wanted = list(node_uuids)
        return Known(
            {u: self._counted(u) for u in wanted if u in self.hosts},
            {u: UNKNOWN for u in wanted if u not in self.hosts},
        )

    def promised(self, host: HostView, ask: Ask) -> None:
        """Hardware at hand never changes by itself."""

    def expect(self, server: str, host: HostView) -> Load:
        self.expect_no_more([server])
        others = self._counted(host.node_uuid).load
        self.arrivals[server] = host.node_uuid
        return others

    def expect_no_more(self, servers: Iterable[str]) -> None:
        for server in servers:
            self.arrivals.pop(server, None)

    def doubt_counts(self, *, not_before: Moment) -> None:
        """They are at hand."""

    def _counted(self, node_uuid: str) -> HostView:
        host, more = self.hosts[node_uuid], list(self.arrivals.values()).count(node_uuid)
        return host.with_load(Load(host.num_instances + more, host.num_io_ops + more))

    def nodes_of(self, host: str | None, node: str | None) -> tuple[HostView, ...]:
        found = (
            v for v in self.hosts.values() if host in (None, v.host) and node in (None, v.node)
        )
        return tuple(sorted(found, key=lambda v: (v.host, v.node)))

    def cells_of(self, node_uuids: Iterable[str]) -> dict[str, str]:
        names = {CELL1: "cell1", CELL2: "cell2"}
        return {u: names[self.hosts[u].cell_uuid] for u in node_uuids if u in self.hosts}

    def aggregates(self, *, not_before: Moment | None = None) -> tuple[AggregateView, ...]:
        if not_before is not None and self.fresh_aggregates is not None:
            self.known_aggregates = self.fresh_aggregates
        return self.known_aggregates

    def count(self) -> int:
        return len(self.hosts)


def standard_rules(**changes: object) -> Rules:
    multipliers = {"io_ops": -1.0, "num_instances": 0.0}
    weighers = tuple(w(multiplier=multipliers.get(w.name, 1.0)) for w in all_weighers())
    return replace(
        Rules(filters=(ComputeFilter(), AvailabilityZoneFilter()), weighers=weighers),
        **changes,  # type: ignore[arg-type]
    )


@dataclass
class Plant:
    """Hosts, a Placement that knows them, and a selector over both."""

    hosts: FakeHosts
    placement: FakePlacement
    selector: Selector
    rehearsal: Rehearsal

    def select(self, spec: RequestSpec | None = None, count: int = 1, **options: int):  # type: ignore[no-untyped-def]
        options = {"alternates": 0, "seed": 0} | options
        return self.selector.select(
            self.placement, spec or make_spec(), server_uuids(count), **options
        )

    def hosts_of(self, *args: object, **options: object) -> list[str]:
        return [s.chosen.host for s in self.select(*args, **options).servers]  # type: ignore[arg-type]


def make_plant(
    *views: HostView,
    slots: int | Mapping[str, int] = 4,
    placement: type[FakePlacement] = FakePlacement,
    limit: int = 1000,
    **rules: object,
) -> Plant:
    """Hosts with room for ``slots`` servers of the small flavor each."""
    providers = {}
    for view in views:
        number = slots if isinstance(slots, int) else slots[view.host]
        total = {"VCPU": number, "MEMORY_MB": 512 * number, "DISK_GB": number}
        providers[view.node_uuid] = Provider(total)
    hosts = FakeHosts(views)
    selector = Selector(
        hosts=hosts,  # type: ignore[arg-type]
        rules=standard_rules(**rules),
        max_placement_results=limit,
        now=lambda: NOW,
    )
    rehearsal = Rehearsal(
        hosts=hosts,  # type: ignore[arg-type]
        rules=standard_rules(**rules),
        max_placement_results=limit,
        now=lambda: NOW,
    )
    return Plant(hosts, placement(providers), selector, rehearsal)
