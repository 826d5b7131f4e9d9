"""Asking Placement where something fits: the question and the answer as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """What providers must have and be. The unsuffixed group (suffix "") may be met by several
    providers of one tree and providers shared with it, a suffixed group by exactly one.

    ``any_of`` and ``member_of`` hold alternatives: one of each inner tuple is needed. ``member_of``
    and ``not_member_of`` are aggregate uuids, ``in_tree`` is the uuid of any provider of the tree.
    """

    suffix: str = ""
    resources: Mapping[str, int] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()
    member_of: tuple[tuple[str, ...], ...] = ()
    not_member_of: tuple[str, ...] = ()
    in_tree: str | None = None

    def parameters(self) -> Iterator[tuple[str, str]]:
        """The group in the query grammar of Placement 1.39."""
        suffix = self.suffix
        if self.resources:
            wanted = (f"{name}:{amount}" for name, amount in sorted(self.resources.items()))
            yield f"resources{suffix}", ",".join(wanted)
        if self.required or self.forbidden:
            yield f"required{suffix}", _traits(self.required, self.forbidden)
        for traits in self.any_of:
            yield f"required{suffix}", "in:" + ",".join(traits)
        for aggregates in self.member_of:
            yield f"member_of{suffix}", "in:" + ",".join(aggregates)
        if self.not_member_of:
            yield f"member_of{suffix}", "!in:" + ",".join(self.not_member_of)
        if self.in_tree:
            yield f"in_tree{suffix}", self.in_tree


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """A whole question.

    ``isolate`` puts each suffixed group on another provider. Each inner tuple of ``same_subtree``
    names groups whose providers must lie below one of them.
    """

    groups: tuple[RequestGroup, ...]
    limit: int | None = None
    isolate: bool = False
    root_required: tuple[str, ...] = ()
    root_forbidden: tuple[str, ...] = ()
    same_subtree: tuple[tuple[str, ...], ...] = ()

    def parameters(self) -> list[tuple[str, str]]:
        """The question in the query grammar of Placement 1.39."""
        asked = [parameter for group in self.groups for parameter in group.parameters()]
        if sum(1 for group in self.groups if group.suffix) > 1:
            asked.append(("group_policy", "isolate" if self.isolate else "none"))
        if self.root_required or self.root_forbidden:
            asked.append(("root_required", _traits(self.root_required, self.root_forbidden)))
        asked += [("same_subtree", ",".join(suffixes)) for suffixes in self.same_subtree]
        if self.limit is not None:
            asked.append(("limit", str(self.limit)))
        return asked


# An answer is made of thousands of the following. Dataclasses would make the garbage collector walk through all of them
# several times for each answer, which took longer than reading it; there are no cycles for it to find.
class AllocationRequest(msgspec.Struct, frozen=True, gc=False):
    """One way to satisfy the question: provider uuid -> class -> amount, ready to be claimed.

    ``mappings`` tells which providers serve which group (suffix -> provider uuids).
    """

    allocations: Mapping[str, Mapping[str, int]]
    mappings: Mapping[str, tuple[str, ...]]


class Room(msgspec.Struct, frozen=True, gc=False):
    """Of one class at one provider: what may be given out in all (overcommit included), and what is
    given out.
    """

    capacity: int
    used: int


class ProviderSummary(msgspec.Struct, frozen=True, gc=False):
    """A provider of a tree that occurs in the answer."""

    uuid: str
    parent: str | None
    root: str
    traits: frozenset[str]
    resources: Mapping[str, Room]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The answer, in Placement's order; ``summaries`` by provider uuid."""

    requests: tuple[AllocationRequest, ...]
    summaries: Mapping[str, ProviderSummary]


class CandidateReader:
    """Reads answers, and remembers the pieces of which they are made. Thread safe.

    Between two answers only the hosts differ that a server was placed on: nine hundred and some of a thousand pieces
    are the same bytes as before, and to recognize them takes half as long as to read them. What was read of the same
    bytes is the same, so nothing has to be forgotten for being outdated.
    """

    def __init__(self, *, pieces: int = 50_000) -> None:
        """``pieces``: so many, of a kilobyte or two each, are remembered at most. Fewer than an answer has make
        remembering useless; more of them take memory.
        """
        self._most = pieces
        self._requests: dict[bytes, AllocationRequest] = {}
        self._summaries: dict[str, tuple[bytes, ProviderSummary]] = {}
        self._traits: dict[bytes, frozenset[str]] = {}

    def read(self, body: bytes) -> Candidates:
        """Read ``GET /allocation_candidates`` of 1.34 and later.

        :raises msgspec.MsgspecError: the body is not of that shape.
        """
        answer = _ANSWER.decode(body)
        self._make_room()
        requests, summaries = self._requests, self._summaries
        found = []
        for raw in answer.allocation_requests:
            written = bytes(raw)
            request = requests.get(written)
            found.append(self._request(written) if request is None else request)
        providers = {}
        for uuid, raw in answer.provider_summaries.items():
            written = bytes(raw)
            known = summaries.get(uuid)
            if known is None or known[0] != written:
                known = summaries[uuid] = (written, self._summary(uuid, written))
            providers[uuid] = known[1]
        return Candidates(tuple(found), providers)

    def _request(self, written: bytes) -> AllocationRequest:
        wire = _REQUEST.decode(written)
        resources = {uuid: on.resources for uuid, on in wire.allocations.items()}
        return self._requests.setdefault(written, AllocationRequest(resources, wire.mappings))

    def _summary(self, uuid: str, written: bytes) -> ProviderSummary:
        wire = _SUMMARY.decode(written)
        # Hosts of one kind have the same few dozen traits.
        traits = bytes(wire.traits)
        known = self._traits.get(traits)
        if known is None:
            known = self._traits[traits] = _TRAITS.decode(traits)
        return ProviderSummary(
            uuid=uuid,
            parent=wire.parent_provider_uuid,
            root=wire.root_provider_uuid,
            traits=known,
            resources=wire.resources,
        )

    def _make_room(self) -> None:
        # Whole, and by new dictionaries: other threads may be reading in the old ones.
        if len(self._requests) > self._most:
            self._requests = {}
        if len(self._summaries) > self._most:
            self._summaries = {}
        if len(self._traits) > self._most:
            self._traits = {}


def _traits(required: tuple[str, ...], forbidden: tuple[str, ...]) -> str:
    return ",".join((*required, *(f"!{trait}" for trait in forbidden)))


class _On(msgspec.Struct, gc=False):
    resources: dict[str, int]


class _Request(msgspec.Struct, gc=False):
    allocations: dict[str, _On]
    mappings: dict[str, tuple[str, ...]]


class _Summary(msgspec.Struct, gc=False):
    resources: dict[str, Room]
    traits: msgspec.Raw
    parent_provider_uuid: str | None
    root_provider_uuid: str


class _Answer(msgspec.Struct, gc=False):
    allocation_requests: list[msgspec.Raw]
    provider_summaries: dict[str, msgspec.Raw]


# Made while this module is loaded, by one thread: see groundwork.typed.
_ANSWER: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_Answer)
_REQUEST: msgspec.json.Decoder[_Request] = msgspec.json.Decoder(_Request)
_SUMMARY: msgspec.json.Decoder[_Summary] = msgspec.json.Decoder(_Summary)
_TRAITS: msgspec.json.Decoder[frozenset[str]] = msgspec.json.Decoder(frozenset[str])
