"""Policy rules: name, default, and what each guards."""

from __future__ import annotations

from collections.abc import Iterable

from oslo_policy import policy

from placement.policies import allocations, base, providers, resource_classes, traits


def list_rules() -> Iterable[policy.RuleDefault]:
    """Entry point ``oslo.policy.policies``: every rule of the service."""
    for module in (base, resource_classes, providers, traits, allocations):
        yield from module.RULES
