"""Reading Placement's answers to the question where something fits."""

from __future__ import annotations

import msgspec

from nova.clients.answer_pieces import AnswerPieces
from nova.clients.candidates import AllocationRequest, Candidates, ProviderSummary, Room

# Answers to which others are compared. More: a few megabytes of memory each; fewer than the flavors that are asked for
# in turn, times the processes of Placement if these tell providers in different orders, make remembering useless.
_ANSWERS = 16


class CandidateReader:
    """Reads answers, and remembers them and the pieces of which they are made. Thread safe.

    Between two answers only the hosts differ that a server was placed on. So an answer is first compared to earlier
    ones: where the rest is the same bytes, only these hosts are read. Else it is read piece by piece: nine hundred and
    some of a thousand are the same bytes as before, and to recognize them takes half as long as to read them. What was
    read of the same bytes is the same, so nothing has to be forgotten for being outdated.
    """

    def __init__(self, *, pieces: int = 50_000) -> None:
        """``pieces``: so many, of a kilobyte or two each, are remembered at most. Fewer than an answer has make
        remembering useless; more of them take memory.
        """
        self._most = pieces
        self._requests: dict[bytes, AllocationRequest] = {}
        self._summaries: dict[str, tuple[bytes, ProviderSummary]] = {}
        self._traits: dict[bytes, frozenset[str]] = {}
        #: The newest first. Replaced as a whole: of two threads that do so at once one is forgotten, which costs time
        #: and no more.
        self._answers: tuple[AnswerPieces, ...] = ()

    def read(self, body: bytes) -> Candidates:
        """Read ``GET /allocation_candidates`` of 1.34 and later.

        :raises msgspec.MsgspecError: the body is not of that shape.
        """
        for known in self._answers:
            again = known.read_again(body, self._summary)
            if again is not None:
                self._remember(again, instead_of=known)
                return again.candidates
        return self._read_pieces(body)

    def _read_pieces(self, body: bytes) -> Candidates:
        answer = _ANSWER.decode(body)
        self._make_room()
        requests, summaries = self._requests, self._summaries
        found = []
        for raw in answer.allocation_requests:
            written = bytes(raw)
            request = requests.get(written)
            found.append(self._request(written) if request is None else request)
        providers, texts = {}, {}
        for uuid, raw in answer.provider_summaries.items():
            written = bytes(raw)
            known = summaries.get(uuid)
            if known is None or known[0] != written:
                known = summaries[uuid] = (written, self._summary(uuid, written))
            texts[uuid], providers[uuid] = known
        candidates = Candidates(tuple(found), providers)
        if found:
            self._remember(AnswerPieces(body, candidates, texts))
        return candidates

    def _remember(self, answer: AnswerPieces, *, instead_of: AnswerPieces | None = None) -> None:
        others = tuple(each for each in self._answers if each is not instead_of)
        self._answers = (answer, *others)[:_ANSWERS]

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
