"""Does the hypervisor have what the flavor's extra specs ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.filters.requirement import NOT_COMPARED, is_met
from nova.scheduler.host_view import Ask, HostView

_SCOPE = "capabilities"
_CAPABILITIES = frozenset(
    {
        "cpu_info",
        "host",
        "host_ip",
        "hypervisor_hostname",
        "hypervisor_type",
        "hypervisor_version",
        "local_gb",
        "memory_mb",
        "num_instances",
        "num_io_ops",
        "vcpus",
        "vcpus_total",
    }
)
_FIELDS = {"hypervisor_hostname": "node", "vcpus_total": "vcpus"}


class ComputeCapabilitiesFilter(Filter):
    """Hosts that satisfy each extra spec ``capabilities:NAME[:SUBNAME...]`` and each one without a scope.

    Names are ``cpu_info`` (with its keys as subnames), ``host``, ``hypervisor_type``, ``hypervisor_version``,
    ``vcpus`` and the like. A name that the host does not have is not satisfied; other scopes are somebody else's.
    """

    def applies(self, ask: Ask) -> bool:
        return any(_path(key) for key in ask.extra_specs)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        for key, requirement in ask.extra_specs.items():
            path = _path(key)
            if path and not _is_satisfied(host, path, requirement):
                return self.because(f"{key} is not {requirement!r}")
        return None


def _path(key: str) -> tuple[str, ...]:
    """The names to follow in the host; empty for extra specs that mean something else."""
    scope, colon, rest = key.partition(":")
    if not colon:
        # Older flavors have no scope.
        return () if key in NOT_COMPARED else (key,)
    return tuple(rest.split(":")) if scope == _SCOPE else ()


def _is_satisfied(host: HostView, path: tuple[str, ...], requirement: str) -> bool:
    if path[0] not in _CAPABILITIES:
        return False
    value: Any = getattr(host, _FIELDS.get(path[0], path[0]))
    for name in path[1:]:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return value is not None and is_met(value, requirement)
