"""Placement's explanation of a question for candidates: what each demand removes, and what would have to give way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand as the query puts it (``required1=!TRAIT``: key ``required1``, value ``!TRAIT``).

    ``removed_roots`` are the trees that met all demands before it and not this one, by the uuid of their root.
    """

    key: str
    value: str
    removed_roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relaxation:
    """``key=value`` becomes ``key=to``, or is left out (None); then there is a candidate."""

    key: str
    value: str
    to: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Demands in the order in which they are asked; relaxations, smallest first, when there is no candidate.

    ``candidate_roots`` are the trees that meet everything.
    """

    demands: tuple[Demand, ...]
    relaxations: tuple[Relaxation, ...]
    candidate_roots: tuple[str, ...] = ()


def parse_explanation(body: bytes) -> Explanation:
    """Read ``GET /allocation_candidates/explain`` with ``removed_roots=true``.

    :raises msgspec.MsgspecError: the body is not of that shape.
    """
    wire = _DECODER.decode(body)
    return Explanation(
        demands=tuple(wire.constraints),
        relaxations=tuple(wire.changes),
        candidate_roots=tuple(wire.candidate_roots),
    )


class _Answer(msgspec.Struct):
    constraints: list[Demand]
    changes: list[Relaxation]
    candidate_roots: list[str]


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Answer)
