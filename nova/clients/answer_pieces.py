"""An answer of Placement cut into pieces, to which a later one can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from nova.clients.candidates import Candidates, Columns, ProviderSummary

# Answers that resemble each other begin with the same bytes; so many tell most others apart before anything is cut.
_BEGINNING = 4096
_SUMMARIES = b'"provider_summaries"'
# Providers that may differ: a part of them, or some in small answers. More of them are read faster with all the rest.
_SHARE, _SOME = 8, 16


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """``head``, then for each provider a piece: what is said of it, and the gap up to what is said of the next."""

    head: bytes
    pieces: tuple[bytes, ...]
    gaps: tuple[bytes, ...]
    columns: Columns


class AnswerPieces:
    """One answer: its text and what was read of it. Immutable, but for the cut, which is made when first needed."""

    def __init__(
        self,
        body: bytes,
        candidates: Candidates,
        texts: Mapping[str, bytes],
        cut: _Cut | None = None,
    ) -> None:
        """``texts``: what the body says of each provider, in its order. Where there is a cut, neither is needed."""
        self.candidates = candidates
        self._body = body
        start = cut.head if cut else body
        self._beginning = start[:_BEGINNING].partition(_SUMMARIES)[0]
        self._texts = texts
        self._cut = cut
        self._cannot_be_cut = False

    def read_again(
        self, body: bytes, read: Callable[[str, bytes], ProviderSummary]
    ) -> AnswerPieces | None:
        """Another answer that differs from this one in what is used of some providers; None when it does not look so.

        Whatever comes out is what reading the whole body gives: all bytes are compared, and a piece that differs is a
        JSON value of the same kind in the same place.

        :param read: reads what is said of a provider.
        """
        if self._cannot_be_cut or not body.startswith(self._beginning):
            return None
        cut = self._cut
        if cut is None:
            cut = self._cut = _cut(self._body, self.candidates, self._texts)
            if cut is None:
                self._cannot_be_cut = True
                return None
        changed = _compare(cut, body)
        if changed is None:
            return None
        try:
            return self._changed(cut, changed, read)
        except (msgspec.MsgspecError, OverflowError):
            return None

    def _changed(
        self,
        cut: _Cut,
        changed: Mapping[int, bytes],
        read: Callable[[str, bytes], ProviderSummary],
    ) -> AnswerPieces | None:
        """The answer in which other texts stand at these positions; None when more than the amounts is another."""
        frame = cut.columns.frame
        summaries = dict(self.candidates.summaries)
        free = {name: column.copy() for name, column in cut.columns.free.items()}
        pieces = list(cut.pieces)
        for position, written in changed.items():
            uuid = frame.uuids[position]
            was, now = summaries[uuid], read(uuid, written)
            if _kind(was) != _kind(now):
                return None
            summaries[uuid] = now
            pieces[position] = written + cut.gaps[position]
            for name, room in now.resources.items():
                free[name][position] = room.capacity - room.used
        columns = Columns(frame, free)
        candidates = Candidates(self.candidates.requests, summaries, columns)
        return AnswerPieces(b"", candidates, {}, _Cut(cut.head, tuple(pieces), cut.gaps, columns))


def _kind(summary: ProviderSummary) -> tuple[object, ...]:
    return summary.parent, summary.root, summary.traits, summary.resources.keys()


def _compare(cut: _Cut, body: bytes) -> dict[int, bytes] | None:
    """What the body says of providers of which it says something else; None when it is another body altogether."""
    if not (body.startswith(cut.head) and body.endswith(cut.gaps[-1])):
        return None
    most, last = len(cut.pieces) // _SHARE + _SOME, len(cut.pieces) - 1
    changed: dict[int, bytes] = {}
    at = len(cut.head)
    for number, piece in enumerate(cut.pieces):
        if body.startswith(piece, at):
            at += len(piece)
            continue
        if len(changed) == most:
            return None
        gap = cut.gaps[number]
        # The gap names the next provider, so it stands nowhere else; behind the last one the body ends.
        end = len(body) - len(gap) if number == last else body.find(gap, at)
        if end < at:
            return None
        changed[number] = body[at:end]
        at = end + len(gap)
    return changed if at == len(body) else None


def _cut(body: bytes, candidates: Candidates, texts: Mapping[str, bytes]) -> _Cut | None:
    """The body in pieces; None for one that is written in an unusual way."""
    at, values, places = body.find(_SUMMARIES), tuple(texts.values()), []
    for text in values:
        at = body.find(text, at)
        if at < 0:
            return None
        places.append((at, at := at + len(text)))
    if not places or not _is_between(
        b"," + body[: places[0][0]].rpartition(b"{")[2], tuple(texts)[0]
    ):
        return None
    gaps = [body[end:begin] for (_, end), (begin, _) in zip(places, places[1:], strict=False)]
    if not all(map(_is_between, gaps, tuple(texts)[1:])):
        return None
    gaps.append(body[places[-1][1] :])
    try:
        columns = Columns.of(candidates.summaries)
    except OverflowError:
        return None
    pieces = tuple(value + gap for value, gap in zip(values, gaps, strict=True))
    return _Cut(body[: places[0][0]], pieces, tuple(gaps), columns)


def _is_between(gap: bytes, uuid: str) -> bool:
    """Whether nothing stands there but the name of the next provider."""
    return gap.replace(b" ", b"") == b',"%b":' % uuid.encode()
