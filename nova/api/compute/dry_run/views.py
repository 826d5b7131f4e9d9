"""How an outlook looks on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova.domain.outlook import Change, Constraint, Count, Outlook, Place


def show(outlook: Outlook) -> dict[str, Any]:
    """The whole answer: one host for each server, constraints in order, changes with the smallest first."""
    return {
        "would_fit": outlook.would_fit,
        "message": outlook.message,
        "hosts": [
            {**_place(plan.chosen), "alternates": [_place(other) for other in plan.alternates]}
            for plan in outlook.plans
        ],
        "constraints": [_constraint(constraint) for constraint in outlook.constraints],
        "smallest_changes": [_change(change) for change in outlook.changes],
        "all_changes_tried": outlook.tried_all,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "cell": place.cell,
        "host": place.host,
        "hypervisor_hostname": place.node,
        "availability_zone": place.availability_zone,
        "weight": place.weight,
    }


def _constraint(constraint: Constraint) -> dict[str, Any]:
    return {
        "name": constraint.name,
        "where": constraint.where.value,
        "removed": constraint.removed,
        "left": constraint.left,
        "by_cell": _by_cell(constraint.by_cell),
    }


def _by_cell(counts: Mapping[str, Count]) -> dict[str, Any]:
    return {cell: {"removed": count.removed, "left": count.left} for cell, count in counts.items()}


def _change(change: Change) -> dict[str, Any]:
    return {
        "change": change.text,
        "kind": change.kind.value,
        "what": change.what,
        "from": change.was,
        "to": change.to,
        "hosts": change.hosts,
    }
