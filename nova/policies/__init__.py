"""Policy rules: names, defaults, older defaults. One module per resource, each with a list ``RULES``.

Enforcement is declared with the operations (``nova.api``); rules that only change what is shown are asked in views.
"""

from __future__ import annotations

import importlib
import pkgutil

from oslo_policy import policy


def rules() -> list[policy.RuleDefault]:
    """Every rule of the Compute API; also the entry point ``oslo.policy.policies`` for generated samples."""
    found: list[policy.RuleDefault] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found.extend(importlib.import_module(f"{__name__}.{module.name}").RULES)
    return found
