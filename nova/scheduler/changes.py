"""Single changes after which a request that found no host would find one, each of them tried.

The request may ask for less of a resource, for one demand fewer, for another value, or for fewer servers; an operator
may enable a host or do without a filter or prefilter. What is proposed has been tried with the scheduler's own
decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from groundwork.errors import Invalid
from nova.clients.candidates import CandidateQuery
from nova.clients.explanations import Relaxation
from nova.domain.outlook import Change, ChangeKind
from nova.domain.pci_aliases import EXTRA_SPEC as PCI_ALIASES
from nova.domain.request_spec import RequestSpec
from nova.scheduler.demand import DISABLED_TRAIT, candidate_query, is_for_placement
from nova.scheduler.query_changes import with_amount, without_one
from nova.scheduler.trying import Attempt, Trial

T = TypeVar("T")
Try = Callable[[Attempt], Trial]

_WISH = 1.0
_OPERATOR = 2.0

# The hint that names a server group.
_GROUP = "group"

# Amounts of one class, zones and disabled hosts that are tried at most. More: a large cloud where nothing helps takes
# longer to say so; fewer: a change that helps is missed where filters refuse the hosts with most room.
_MOST_AMOUNTS = 12
_MOST_ZONES = 8
_MOST_DISABLED = 3
# Servers of one request that may have to share the room of a host, as far as amounts are guessed from it.
_MOST_SHARING = 16


@dataclass(frozen=True, slots=True)
class Proposals:
    """What Placement says would yield a candidate: the only changes of the question that can help.

    ``None`` as value says that a demand has to be left out, a number that it has to be reduced.
    """

    found: frozenset[tuple[str, str]]
    amounts: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, relaxations: Iterable[Relaxation]) -> Proposals:
        """Read what Placement proposes."""
        relaxations = tuple(relaxations)
        return cls(
            frozenset((each.key, each.value) for each in relaxations if each.to is None),
            {
                (each.key, each.value): int(each.to.rpartition(":")[2])
                for each in relaxations
                if each.to is not None
            },
        )


def smallest_changes(
    attempt: Attempt, base: Trial, try_: Try, *, proposals: Proposals | None
) -> Iterator[Change]:
    """Every change that helps, as it is found; in no order.

    :param base: what came of the attempt, in which not all servers fit.
    :param proposals: None when Placement gave candidates, or cannot propose anything; then everything is tried.
    """
    if base.placed:
        yield _fewer(attempt, base)
    yield from _reduced(attempt, try_, proposals)
    yield from _without_demand(attempt, try_, proposals)
    yield from _other_wishes(attempt, try_)
    yield from _without_filter(attempt, base, try_)
    yield from _without_prefilter(attempt, try_)
    yield from _enabled(attempt, try_)


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Smallest first; of changes that are as small, those first that more hosts are left by."""
    return tuple(sorted(changes, key=lambda change: (change.size, -change.hosts, change.text)))


def _fewer(attempt: Attempt, base: Trial) -> Change:
    return Change(
        ChangeKind.FEWER,
        f"ask for {base.placed} servers instead of {attempt.count}",
        "servers",
        (attempt.count - base.placed) / attempt.count,
        str(attempt.count),
        str(base.placed),
        len(base.hosts),
    )


def _reduced(attempt: Attempt, try_: Try, proposals: Proposals | None) -> Iterator[Change]:
    """For each class the largest amount that fits."""
    for number, group in enumerate(attempt.query.groups):
        for name, asked in group.resources.items():
            proposed = None
            if proposals is not None:
                proposed = proposals.amounts.get((f"resources{group.suffix}", f"{name}:{asked}"))
                if proposed is None:
                    continue
            for amount in _amounts(attempt, number, name, try_, proposed):
                query = with_amount(attempt.query, number, name, amount)
                hosts = _hosts_with(replace(attempt, query=query), try_)
                if hosts:
                    in_group = f" in group {group.suffix}" if group.suffix else ""
                    yield Change(
                        ChangeKind.REDUCE,
                        f"reduce {name}{in_group} from {asked} to {amount}",
                        name,
                        (asked - amount) / asked,
                        str(asked),
                        str(amount),
                        hosts,
                    )
                    break


def _amounts(
    attempt: Attempt, number: int, name: str, try_: Try, proposed: int | None
) -> Iterator[int]:
    """Smaller amounts worth trying, the largest first: Placement's, then what willing hosts have left."""
    asked = attempt.query.groups[number].resources[name]
    if proposed is not None:
        yield proposed
    least = replace(attempt, query=with_amount(attempt.query, number, name, 1), count=0)
    room = {candidate.free(name) for candidate in try_(least).hosts}
    sharing = range(1, min(attempt.count, _MOST_SHARING) + 1)
    amounts = {free // servers for free in room for servers in sharing}
    below = asked if proposed is None else proposed
    yield from sorted((n for n in amounts if 0 < n < below), reverse=True)[:_MOST_AMOUNTS]


def _without_demand(attempt: Attempt, try_: Try, proposals: Proposals | None) -> Iterator[Change]:
    restriction = attempt.rules.restriction(attempt.ask.spec, attempt.aggregates)
    for lesser in without_one(attempt.query):
        # No demand of the request; the wishes behind it, and doing without the prefilter, are tried elsewhere.
        if restriction.causes(lesser.key, lesser.value):
            continue
        if proposals is not None and (lesser.key, lesser.value) not in proposals.found:
            continue
        hosts = _hosts_with(replace(attempt, query=lesser.query), try_)
        if hosts:
            yield _without(lesser.name, hosts=hosts)


def _other_wishes(attempt: Attempt, try_: Try) -> Iterator[Change]:
    """Wishes of the request that filters look at: left out, or for the zone another value."""
    spec = attempt.ask.spec
    for what, was, other in _wishes(spec):
        hosts = _hosts_with(_asking(attempt, other), try_)
        if hosts:
            yield _without(what, was=was, hosts=hosts)
    if not spec.availability_zone:
        return
    anywhere = _asking(attempt, replace(spec, availability_zone=None))
    if anywhere is None:
        return
    zones = Counter(candidate.host.zone for candidate in try_(replace(anywhere, count=0)).hosts)
    for zone, _ in zones.most_common(_MOST_ZONES):
        hosts = _hosts_with(_asking(attempt, replace(spec, availability_zone=zone)), try_)
        if hosts:
            yield Change(
                ChangeKind.REPLACE,
                f"ask for availability zone {zone} instead of {spec.availability_zone}",
                "availability zone",
                _WISH,
                spec.availability_zone,
                zone,
                hosts,
            )


def _wishes(spec: RequestSpec) -> Iterator[tuple[str, str, RequestSpec]]:
    """Each wish with its value, and the request without it. Placement's demands are looked at elsewhere."""
    if spec.availability_zone:
        yield "availability zone", spec.availability_zone, replace(spec, availability_zone=None)
    named = spec.forced_host or spec.requested_host or spec.forced_node or spec.requested_node
    if named:
        anywhere = replace(
            spec, forced_host=None, forced_node=None, requested_host=None, requested_node=None
        )
        yield "host", named, anywhere
    for name, value in spec.scheduler_hints.items():
        other = replace(spec, scheduler_hints=_less(spec.scheduler_hints, name))
        if name == _GROUP:
            other = replace(other, group=None)
        yield f"hint {name}", str(value), other
    for name, value in spec.image_properties.items():
        if not is_for_placement(name):
            properties = _less(spec.image_properties, name)
            yield f"image property {name}", str(value), replace(spec, image_properties=properties)
    for name, value in spec.flavor.extra_specs.items():
        if not is_for_placement(name):
            flavor = replace(spec.flavor, extra_specs=_less(spec.flavor.extra_specs, name))
            devices = () if name == PCI_ALIASES else spec.pci_requests
            other = replace(spec, flavor=flavor, pci_requests=devices)
            yield f"extra spec {name}", str(value), other


def _without_filter(attempt: Attempt, base: Trial, try_: Try) -> Iterator[Change]:
    rules = attempt.rules
    for one in rules.filters:
        name = type(one).__name__
        # Filters that count servers remove hosts only when some were placed.
        if not (base.placed or (base.removed or {}).get(name)):
            continue
        others = tuple(other for other in rules.filters if other is not one)
        hosts = _hosts_with(replace(attempt, rules=replace(rules, filters=others)), try_)
        if hosts:
            text = f"without filter {name}"
            yield Change(ChangeKind.WITHOUT_FILTER, text, name, _OPERATOR, hosts=hosts)


def _without_prefilter(attempt: Attempt, try_: Try) -> Iterator[Change]:
    """Each prefilter that can be switched off, if hosts that it keeps away would do."""
    rules = attempt.rules
    for one in rules.prefilters:
        if one.option is None or not one.restrict(attempt.ask.spec, attempt.aggregates):
            continue
        others = tuple(other for other in rules.prefilters if other is not one)
        without = _asking(
            replace(attempt, rules=replace(rules, prefilters=others)), attempt.ask.spec
        )
        hosts = _hosts_with(without, try_)
        if hosts:
            text = f"without prefilter {one.option}"
            yield Change(ChangeKind.WITHOUT_FILTER, text, one.option, _OPERATOR, hosts=hosts)


def _enabled(attempt: Attempt, try_: Try) -> Iterator[Change]:
    """One disabled host, if enabling it would do."""
    if DISABLED_TRAIT not in attempt.query.root_forbidden:
        return
    rest = tuple(trait for trait in attempt.query.root_forbidden if trait != DISABLED_TRAIT)
    with_all = replace(
        attempt, query=replace(attempt.query, root_forbidden=rest), count=0, enabled=None
    )
    trial = try_(with_all)
    disabled = [c.host for c in trial.hosts if c.host.node_uuid in trial.disabled]
    for host in disabled[:_MOST_DISABLED]:
        one = replace(with_all, count=attempt.count, enabled=frozenset({host.node_uuid}))
        hosts = _hosts_with(one, try_)
        if hosts:
            text = f"enable the compute service of host {host.host}"
            if len(disabled) > 1:
                text += f", one of {len(disabled)} that are disabled and suit"
            yield Change(ChangeKind.ENABLE, text, host.host, _OPERATOR, hosts=hosts)
            return


def _without(what: str, *, hosts: int, was: str | None = None) -> Change:
    text = f"without {what}" if was is None else f"without {what} {was}"
    return Change(ChangeKind.WITHOUT, text, what, _WISH, was, hosts=hosts)


def _asking(attempt: Attempt, spec: RequestSpec) -> Attempt | None:
    """The attempt for another request; None when that request makes no sense."""
    query = _query_of(spec, attempt)
    if query is None:
        return None
    return replace(attempt, query=query, ask=replace(attempt.ask, spec=spec))


def _query_of(spec: RequestSpec, attempt: Attempt) -> CandidateQuery | None:
    """What Placement would be asked for that request, by the rules and aggregates of the attempt."""
    try:
        return candidate_query(
            spec, restriction=attempt.rules.restriction(spec, attempt.aggregates)
        )
    except Invalid:
        return None


def _hosts_with(attempt: Attempt | None, try_: Try) -> int:
    """How many hosts could take the first server; 0 when not all servers fit."""
    if attempt is None:
        return 0
    trial = try_(attempt)
    return len(trial.hosts) if trial.placed >= attempt.count else 0


def _less(mapping: Mapping[str, T], without: str) -> dict[str, T]:
    return {name: value for name, value in mapping.items() if name != without}
