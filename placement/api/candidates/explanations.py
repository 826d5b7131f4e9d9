"""How an explanation looks on the wire."""

from __future__ import annotations

from typing import Any

from placement.candidates.explain import Effect, Explanation
from placement.candidates.relaxing import Change


def show_explanation(explanation: Explanation) -> dict[str, Any]:
    """The whole answer."""
    return {
        "providers": explanation.providers,
        "trees": explanation.trees,
        "constraints": [_show_effect(effect) for effect in explanation.effects],
        "candidate_trees": explanation.candidate_trees,
        "changes": [_show_change(change) for change in explanation.changes],
    }


def _show_effect(effect: Effect) -> dict[str, Any]:
    return {
        "key": effect.key,
        "value": effect.value,
        "alone": {"providers": effect.providers_alone, "trees": effect.trees_alone},
        "in_order": {"providers": effect.providers, "trees": effect.trees},
        "trees_left": effect.trees_left,
    }


def _show_change(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "value": change.value,
        "to": change.to,
        "candidate_trees": change.candidate_trees,
    }
