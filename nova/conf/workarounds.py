"""Switches for deployments that rely on how things were (``[workarounds]``)."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "workarounds"

OPTIONS = [
    cfg.BoolOpt(
        "unified_limits_count_pcpu_as_vcpu",
        default=False,
        help="With limits from the identity service (``[quota] driver = nova.quota.UnifiedLimitsDriver``): CPUs that "
        "servers have of their own (PCPU) count for ``class:VCPU`` as well. Set it to true when limits were made for "
        "all CPUs together, as ``[quota] cores`` is; a limit on ``class:PCPU`` still holds beside it.",
    ),
]
