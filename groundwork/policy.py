"""Policy rules: declared per service, overridden by the operator's file, asked through one small object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from groundwork.context import RequestContext
from groundwork.errors import Forbidden


class Policy:
    """The rules in force: defaults from code, overrides from ``[oslo_policy] policy_file`` (re-read on change)."""

    def __init__(self, conf: cfg.ConfigOpts, rules: Iterable[oslo_policy.RuleDefault]) -> None:
        # Old defaults are honoured only when the operator asks for them, which is oslo.policy's own option.
        self._enforcer = oslo_policy.Enforcer(conf)
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.suppress_deprecation_warnings = True
        self._enforcer.register_defaults(list(rules))
        self._enforcer.load_rules()

    def allows(self, context: RequestContext, rule: str, target: Mapping[str, Any]) -> bool:
        """Whether the rule passes for this caller on this target (``project_id``, ``user_id``)."""
        return bool(self._enforcer.authorize(rule, dict(target), context.to_policy_values()))

    def require(self, context: RequestContext, rule: str, target: Mapping[str, Any]) -> None:
        """Nothing, when the rule passes.

        :raises Forbidden: it does not; the text names the rule.
        """
        if not self.allows(context, rule, target):
            raise Forbidden(f"Policy doesn't allow {rule} to be performed.", rule=rule)
