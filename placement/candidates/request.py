"""What a client asks of candidates, after parsing and free of API versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from placement.grammar import AggregatesAsked, TraitsAsked

UNSUFFIXED = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One request group: the unsuffixed one may spread over a tree, a suffixed one is met by one provider."""

    suffix: str
    resources: Mapping[str, int] = field(default_factory=dict)
    required: TraitsAsked = field(default_factory=TraitsAsked)
    member_of: AggregatesAsked = field(default_factory=AggregatesAsked)
    in_tree: str | None = None


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """All groups and what binds them together.

    ``isolate``: suffixed groups, those without resources too, get different providers. ``same_subtrees``: of the
    providers of each set of groups one is an ancestor of the others, or is them all. ``spreads``: several providers
    of one tree may be used (not so below 1.29). ``tells_mappings``: requests that differ only in which provider
    serves which group are different answers (they look the same below 1.34). ``limit`` None: all of them.
    """

    groups: tuple[Group, ...]
    isolate: bool = False
    root_required: TraitsAsked = field(default_factory=TraitsAsked)
    same_subtrees: tuple[frozenset[str], ...] = ()
    limit: int | None = None
    spreads: bool = True
    tells_mappings: bool = True

    @property
    def forbidden(self) -> frozenset[str]:
        """The traits that must not be there."""
        asked = [self.root_required, *(group.required for group in self.groups)]
        return frozenset(name for one in asked for name in one.none_of)

    @property
    def classes(self) -> frozenset[str]:
        """Every resource class that is asked for."""
        return frozenset(name for group in self.groups for name in group.resources)

    @property
    def traits(self) -> frozenset[str]:
        """Every trait that is mentioned."""
        return self.root_required.names.union(*(group.required.names for group in self.groups))
