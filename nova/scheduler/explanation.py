"""Why no host was found: how many hosts each constraint removes, as numbers and as one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from groundwork.errors import Invalid
from nova.clients.candidates import CandidateQuery
from nova.domain.outlook import Constraint
from nova.errors import NoValidHost
from nova.scheduler.claims import Placement
from nova.scheduler.demand import total_resources
from nova.scheduler.demand_names import choice
from nova.scheduler.funnel import table
from nova.scheduler.prefilters import Restriction

# Faults and action messages are cut at 255 characters.
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Refusal:
    """No host can take one (more) server: how many there are, and what removed how many."""

    hosts: int
    removed: Mapping[str, int]
    remark: str = ""


def explain(
    refusal: Refusal, *, placed: int, servers: int, story: Sequence[Constraint] = ()
) -> NoValidHost:
    """The problem that a refusal means for a request of which ``placed`` servers had found a place.

    ``story`` is for operators: every constraint in order with its hosts by cell.
    """
    remark = refusal.remark
    if placed:
        remark = f"There is room for {placed} of {servers} servers. {remark}".rstrip()
    return no_valid_host(refusal.hosts, refusal.removed, remark=remark, story=story)


def no_valid_host(
    hosts: int,
    removed: Mapping[str, int],
    *,
    remark: str = "",
    story: Sequence[Constraint] = (),
) -> NoValidHost:
    """The problem with its numbers; ``removed`` in the order in which constraints were asked."""
    return NoValidHost(
        _sentence(hosts, removed, remark),
        internal=table(story) or None,
        hosts=hosts,
        removed=dict(removed),
    )


def ask_each_constraint(
    placement: Placement, query: CandidateQuery, *, hosts: int, restriction: Restriction
) -> tuple[int, dict[str, int]]:
    """How many hosts there are, and how many each class, trait and aggregate of the query removes when asked alone.

    For queries without any candidate; the numbers may add up to more than there are hosts, because one host may lack
    several things, and to less, because each may have one thing but no host all of them.

    :param restriction: that of the query, which names what it wants.
    """
    matching = dict(_matching(placement, query, restriction))
    # A host may have many nodes (bare metal); then more providers match than there are hosts.
    total = max(hosts, *matching.values(), 0)
    removed = {name: total - count for name, count in matching.items()}
    for trait in (*query.root_forbidden, *_forbidden(query)):
        removed[f"not {trait}"] = min(total, _count(placement, required=(trait,)))
    for group in query.groups:
        for aggregate in group.not_member_of:
            name = restriction.name_of("member_of", f"!{aggregate}")
            removed[name] = min(total, _count(placement, member_of=((aggregate,),)))
    return total, removed


def _matching(
    placement: Placement, query: CandidateQuery, restriction: Restriction
) -> Iterator[tuple[str, int]]:
    for name, amount in sorted(total_resources(query).items()):
        largest = max(group.resources.get(name, 0) for group in query.groups)
        yield f"{name} ({amount} asked)", _count(placement, resources={name: largest})
    required = {
        trait
        for group in query.groups
        for trait in group.required
        if not restriction.causes(f"required{group.suffix}", trait)
    } | set(query.root_required)
    for trait in sorted(required):
        yield trait, _count(placement, required=(trait,))
    for group in query.groups:
        for aggregates in group.member_of:
            name = restriction.name_of("member_of", choice(aggregates))
            yield name, _count(placement, member_of=(aggregates,))


def _forbidden(query: CandidateQuery) -> Iterator[str]:
    yield from sorted({trait for group in query.groups for trait in group.forbidden})


def _count(
    placement: Placement,
    *,
    resources: Mapping[str, int] | None = None,
    required: tuple[str, ...] = (),
    member_of: tuple[tuple[str, ...], ...] = (),
) -> int:
    try:
        return placement.count_providers(
            resources=resources, required=required, member_of=member_of
        )
    except Invalid:
        # Placement refuses names that it does not know; then no host has it.
        return 0


def _sentence(hosts: int, removed: Mapping[str, int], remark: str) -> str:
    """Constraints that removed most come first: the sentence is cut when it gets long."""
    text = "No valid host was found."
    if remark:
        text += f" {remark}"
    told = sorted(removed.items(), key=lambda item: -item[1])
    clauses = [f"{name} removed {count}" for name, count in told]
    for number in range(len(clauses), 0, -1):
        rest = "" if number == len(clauses) else "; ..."
        sentence = f"{text} Of {hosts} hosts: {'; '.join(clauses[:number])}{rest}."
        if len(sentence) <= _LONGEST:
            return sentence
    return f"{text} There are {hosts} hosts."[:_LONGEST]
