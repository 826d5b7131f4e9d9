"""Policy rules: declared per service, overridden by the operator's file, asked through one small object."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from groundwork.context import RequestContext
from groundwork.errors import Forbidden

# Seconds between two looks at the policy files, and for which a decision is remembered. oslo.policy would look
# at each check, which is half of the time of a short request; longer makes the operator wait for a change to count.
_LOOK_AGAIN_S = 1.0


class Policy:
    """The rules in force: defaults from code, overrides from ``[oslo_policy] policy_file`` (re-read on change)."""

    def __init__(self, conf: cfg.ConfigOpts, rules: Iterable[oslo_policy.RuleDefault]) -> None:
        # Old defaults are honoured only when the operator asks for them, which is oslo.policy's own option.
        self._enforcer = oslo_policy.Enforcer(conf)
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.suppress_deprecation_warnings = True
        self._enforcer.register_defaults(list(rules))
        self._looked_at = float("-inf")
        self._decided: dict[tuple[str, str, str], bool] = {}
        self._look_at_files()

    def _look_at_files(self) -> None:
        """Take over changed files. Threads that come here together read them twice, which does no harm."""
        if time.monotonic() - self._looked_at < _LOOK_AGAIN_S:
            return
        self._looked_at = time.monotonic()
        self._enforcer.use_conf = True
        self._enforcer.load_rules()
        self._enforcer.use_conf = False
        # Emptied after the new rules are there, and not in place: who decides by old ones fills the old memory.
        self._decided = {}

    def allows(self, context: RequestContext, rule: str, target: Mapping[str, Any]) -> bool:
        """Whether the rule passes for this caller on this target (``project_id``, ``user_id``)."""
        self._look_at_files()
        decided, credentials = self._decided, context.to_policy_values()
        # Nothing else enters a decision. A rule that asks another server (``http:``) is asked again after a second.
        case = (rule, repr(target), repr(credentials))
        known = decided.get(case)
        if known is None:
            known = decided[case] = bool(self._enforcer.authorize(rule, dict(target), credentials))
        return known

    def require(self, context: RequestContext, rule: str, target: Mapping[str, Any]) -> None:
        """Nothing, when the rule passes.

        :raises Forbidden: it does not; the text names the rule.
        """
        if not self.allows(context, rule, target):
            raise Forbidden(f"Policy doesn't allow {rule} to be performed.", rule=rule)
