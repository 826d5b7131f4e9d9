"""A request as a question to Placement: which amounts of which classes, on providers with which traits.

Understands the flavor extra specs ``resources[SUFFIX]:CLASS=n`` (0 takes a class out), ``trait[SUFFIX]:NAME=required``
or ``forbidden``, ``group_policy=none|isolate``, and the image property ``trait:NAME=required``. CPUs of a server's own
are PCPU instead of VCPU. What prefilters want is added to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from groundwork.errors import Invalid
from nova.clients.candidates import CandidateQuery, RequestGroup
from nova.domain.numa import NumaRequest, ThreadPolicy
from nova.domain.numa_reading import numa_request_of
from nova.domain.request_spec import RequestSpec
from nova.domain.resources import flavor_resources
from nova.scheduler.prefilters.restriction import NODE_GROUP, Restriction

# A host whose compute service is disabled bears it, so Placement leaves the host out by itself.
DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"

_KEY = re.compile(r"^(resources|trait)([A-Za-z0-9_-]{0,64}):(.+)$")

# On every compute node, and on nothing else.
_NODE_TRAIT = "COMPUTE_NODE"
# On nodes whose cores have several threads.
_THREADS_TRAIT = "HW_CPU_HYPERTHREADING"
_UNRESTRICTED = Restriction()


@dataclass(slots=True)
class _Group:
    resources: dict[str, int] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)


def candidate_query(
    spec: RequestSpec,
    *,
    limit: int | None = None,
    in_tree: str | None = None,
    restriction: Restriction = _UNRESTRICTED,
) -> CandidateQuery:
    """What to ask Placement for one server of this request.

    :param in_tree: only this node.
    :param restriction: what prefilters want of the hosts.
    :raises Invalid: an extra spec or image property makes no sense; the sentence names it.
    """
    numa = numa_request_of(spec.flavor, spec.image_properties)
    groups = {"": _Group(resources=flavor_resources(spec))}
    for key, value in spec.flavor.extra_specs.items():
        _read(groups, key, value)
    for key, value in spec.image_properties.items():
        if key.startswith("trait:"):
            _read(groups, key, str(value))
    asked = {suffix: _without_zeros(group) for suffix, group in sorted(groups.items())}
    unsuffixed = asked[""]
    # Placement takes traits only together with resources. A flavor that asks for its resources in suffixed groups
    # means the node itself by its unsuffixed traits.
    root = _Group() if unsuffixed.resources else unsuffixed
    query = CandidateQuery(
        groups=_groups(asked, in_tree),
        limit=limit,
        # Without a policy groups may overlap, which is what flavors of a single device mean anyway.
        isolate=spec.flavor.extra_specs.get("group_policy") == "isolate",
        root_required=tuple(
            sorted({*root.required, *restriction.required, *_threads(numa, ThreadPolicy.REQUIRE)})
        ),
        root_forbidden=(
            *sorted(
                {*root.forbidden, *restriction.forbidden, *_threads(numa, ThreadPolicy.ISOLATE)}
            ),
            DISABLED_TRAIT,
        ),
    )
    return _in_aggregates(query, restriction)


def _threads(numa: NumaRequest | None, policy: ThreadPolicy) -> tuple[str, ...]:
    """The trait of hosts whose cores have several threads, if the request has this policy.

    Whoever wants cores for itself is kept off such hosts: threads that lie idle for its sake would be free in the eyes
    of Placement.
    """
    return (_THREADS_TRAIT,) if numa is not None and numa.threads is policy else ()


def total_resources(query: CandidateQuery) -> Mapping[str, int]:
    """What one server takes in all, by class."""
    totals: dict[str, int] = {}
    for group in query.groups:
        for name, amount in group.resources.items():
            totals[name] = totals.get(name, 0) + amount
    return totals


def is_for_placement(key: str) -> bool:
    """Whether an extra spec or image property of this name is part of the question to Placement."""
    return _KEY.match(key) is not None or key == "group_policy"


def _read(groups: dict[str, _Group], key: str, value: str) -> None:
    match = _KEY.match(key)
    if match is None:
        return
    kind, suffix, name = match.groups()
    group = groups.setdefault(suffix, _Group())
    if kind == "resources":
        group.resources[name] = _amount(key, value)
    elif value == "required":
        group.required.add(name)
    elif value == "forbidden":
        group.forbidden.add(name)
    else:
        raise Invalid(f"{key}={value}: a trait is either required or forbidden.")
    if name in group.required and name in group.forbidden:
        raise Invalid(f"The trait {name} is both required and forbidden by flavor and image.")


def _amount(key: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise Invalid(f"{key}={value}: the amount must be a whole number, 0 or more.")
    return int(value)


def _without_zeros(group: _Group) -> _Group:
    wanted = {name: amount for name, amount in group.resources.items() if amount}
    return _Group(wanted, group.required, group.forbidden)


def _in_aggregates(query: CandidateQuery, restriction: Restriction) -> CandidateQuery:
    """The query for nodes in the wanted aggregates.

    Everything that serves the unsuffixed group would have to be in them, shared storage too, which serves hosts of many
    aggregates. So a group that takes nothing asks it of the node itself. Such a group would have to stand apart where
    groups do, from one that the node serves: then the unsuffixed group asks, and finds no storage of others.
    """
    first, *others = query.groups
    inside, outside = restriction.choices, restriction.excluded
    if not first.suffix:
        # Aggregates of a node count for its whole tree here, and nobody mirrors shared storage into these.
        first = replace(first, not_member_of=outside)
        outside = ()
        if query.isolate:
            first = replace(first, member_of=inside)
            inside = ()
    query = replace(query, groups=(first, *others))
    if not (inside or outside):
        return query
    node = RequestGroup(
        NODE_GROUP, required=(_NODE_TRAIT,), member_of=inside, not_member_of=outside
    )
    # Nodes are roots; providers of other groups lie below, or are shared with, the same one anyway.
    return replace(query, groups=(*query.groups, node), same_subtree=((NODE_GROUP,),))


def _groups(asked: Mapping[str, _Group], in_tree: str | None) -> tuple[RequestGroup, ...]:
    if not any(group.resources for group in asked.values()):
        raise Invalid("The flavor asks for no resources at all.")
    for suffix, group in asked.items():
        if suffix and not group.resources and (group.required or group.forbidden):
            raise Invalid(f"The flavor asks for traits in group {suffix} but for no resources.")
    return tuple(
        RequestGroup(
            suffix=suffix,
            resources=group.resources,
            required=tuple(sorted(group.required)),
            forbidden=tuple(sorted(group.forbidden)),
            in_tree=in_tree,
        )
        for suffix, group in asked.items()
        if group.resources
    )
