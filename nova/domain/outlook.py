"""What a create request would meet: hosts that would take it, what stands in its way, and what would help."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Where(enum.StrEnum):
    """Who asks a constraint, in the order in which they are asked."""

    #: Placement: resource classes, traits, aggregates.
    PLACEMENT = "placement"
    #: What the databases say of a node that Placement named: its cell, its mapping, its service.
    CELLS = "cells"
    #: The host or node that the request names.
    REQUEST = "request"
    #: A filter of the scheduler.
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class Count:
    """Hosts that a constraint removed and that it left."""

    removed: int
    left: int


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of many, after those before it; ``by_cell`` by the name of the cell."""

    name: str
    where: Where
    removed: int
    left: int
    by_cell: Mapping[str, Count] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A node that would take a server. Weights are those before the first server of the request was placed."""

    cell: str
    host: str
    node: str
    availability_zone: str | None
    weight: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Where one server would go, and where it would go instead, best first and in the same cell."""

    chosen: Place
    alternates: tuple[Place, ...] = ()


class ChangeKind(enum.StrEnum):
    """What is done to the request, or to the cloud, for the request to fit."""

    FEWER = "fewer"
    REDUCE = "reduce"
    REPLACE = "replace"
    WITHOUT = "without"
    ENABLE = "enable"
    WITHOUT_FILTER = "without_filter"


@dataclass(frozen=True, slots=True)
class Change:
    """One change after which all servers would find a host; ``hosts`` is how many could take the first of them.

    ``size`` orders changes: the part of an amount that is given up (0 to 1), 1 for a wish that is given up or
    replaced, 2 for what an operator has to change.
    """

    kind: ChangeKind
    text: str
    what: str
    size: float
    was: str | None = None
    to: str | None = None
    hosts: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """The whole answer. ``plans`` holds one for each server, or nothing when not all of them fit.

    ``message`` is the sentence that a create would fail with. ``changes`` are the single changes that help, smallest
    first; ``tried_all`` says that none is left out for lack of time.
    """

    would_fit: bool
    plans: tuple[Plan, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    changes: tuple[Change, ...] = ()
    message: str | None = None
    tried_all: bool = True
