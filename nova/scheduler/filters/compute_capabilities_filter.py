"""Does the hypervisor have what the flavor's extra specs ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from nova.scheduler.candidates import Candidate
from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.filters.requirement import NOT_COMPARED, is_met
from nova.scheduler.host_facts import fact
from nova.scheduler.host_view import Ask

_SCOPE = "capabilities"


class ComputeCapabilitiesFilter(Filter):
    """Hosts that satisfy each extra spec ``capabilities:NAME[:SUBNAME...]`` and each one without a scope.

    Names are those of ``host_facts.py``: ``cpu_info`` (with its keys as subnames), ``hypervisor_type``,
    ``free_ram_mb`` and the like. A name that the host does not have is not satisfied; other scopes are somebody else's.
    """

    # A flavor may speak of num_instances and num_io_ops.
    needs_counts: ClassVar[bool] = True
    needs_room: ClassVar[bool] = True

    def applies(self, ask: Ask) -> bool:
        return any(_path(key) for key in ask.extra_specs)

    def reject_candidate(self, candidate: Candidate, ask: Ask) -> Reason | None:
        for key, requirement in ask.extra_specs.items():
            path = _path(key)
            if path and not _is_satisfied(candidate, path, requirement):
                return self.because(f"{key} is not {requirement!r}")
        return None


def _path(key: str) -> tuple[str, ...]:
    """The names to follow in the host; empty for extra specs that mean something else."""
    scope, colon, rest = key.partition(":")
    if not colon:
        # Older flavors have no scope.
        return () if key in NOT_COMPARED else (key,)
    return tuple(rest.split(":")) if scope == _SCOPE else ()


def _is_satisfied(candidate: Candidate, path: tuple[str, ...], requirement: str) -> bool:
    value = fact(candidate, path[0])
    for name in path[1:]:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return value is not None and is_met(value, requirement)
