"""How an explanation looks on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from placement.candidates.explain import Effect, Explanation
from placement.candidates.relaxing import Change


def show_explanation(
    explanation: Explanation, *, uuid_of: Callable[[int], str] | None = None
) -> dict[str, Any]:
    """The whole answer; with ``uuid_of`` the trees that each constraint removes and those that are
    left are named by their roots.
    """
    shown = {
        "providers": explanation.providers,
        "trees": explanation.trees,
        "constraints": [_show_effect(effect, uuid_of) for effect in explanation.effects],
        "candidate_trees": explanation.candidate_trees,
        "changes": [_show_change(change) for change in explanation.changes],
    }
    if uuid_of is not None:
        shown["candidate_roots"] = [uuid_of(row) for row in explanation.candidates]
    return shown


def _show_effect(effect: Effect, uuid_of: Callable[[int], str] | None) -> dict[str, Any]:
    shown = {
        "key": effect.key,
        "value": effect.value,
        "alone": {"providers": effect.providers_alone, "trees": effect.trees_alone},
        "in_order": {"providers": effect.providers, "trees": effect.trees},
        "trees_left": effect.trees_left,
    }
    if uuid_of is not None:
        shown["removed_roots"] = [uuid_of(row) for row in effect.removed]
    return shown


def _show_change(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "value": change.value,
        "to": change.to,
        "candidate_trees": change.candidate_trees,
    }
