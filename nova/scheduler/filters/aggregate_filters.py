"""Do the host's aggregates want this request: flavor, project, image."""

from __future__ import annotations

from typing import Self

from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.filters.requirement import NOT_COMPARED, is_met
from nova.scheduler.host_view import Ask, HostView

_SCOPE = "aggregate_instance_extra_specs"


class AggregateInstanceExtraSpecsFilter(Filter):
    """Hosts whose aggregates satisfy each extra spec ``aggregate_instance_extra_specs:NAME`` or without a scope."""

    def applies(self, ask: Ask) -> bool:
        return any(_name(key) for key in ask.extra_specs)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        for key, requirement in ask.extra_specs.items():
            name = _name(key)
            if name and not any(is_met(v, requirement) for v in host.aggregate_values(name)):
                return self.because(f"no aggregate has {name} {requirement!r}")
        return None


def _name(key: str) -> str | None:
    scope, colon, rest = key.partition(":")
    if not colon:
        return None if key in NOT_COMPARED else key
    return rest if scope == _SCOPE else None


class AggregateMultiTenancyIsolation(Filter):
    """Hosts of aggregates with ``filter_tenant_id`` take these projects only (with any suffix, more of them)."""

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        if not host.aggregates:
            return None
        keys = {k for a in host.aggregates for k in a.metadata if k.startswith("filter_tenant_id")}
        projects = frozenset[str]().union(*(host.aggregate_values(key) for key in keys))
        if not projects or ask.spec.project_id in projects:
            return None
        return self.because(f"kept for {len(projects)} other projects")


class AggregateTypeAffinityFilter(Filter):
    """Hosts of aggregates with ``instance_type`` take flavors of these names only."""

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        names = host.aggregate_values("instance_type")
        if not names or ask.spec.flavor.name in names:
            return None
        return self.because(f"kept for flavors {sorted(names)}")


class AggregateImagePropertiesIsolation(Filter):
    """Hosts whose aggregates name an image property take only images with one of those values or without it.

    Only keys that begin with ``namespace`` and ``separator`` count when a namespace is set, else all keys.
    """

    def __init__(self, *, namespace: str | None = None, separator: str = ".") -> None:
        self._prefix = f"{namespace}{separator}" if namespace else ""

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(
            namespace=options.aggregate_image_properties_isolation_namespace,
            separator=options.aggregate_image_properties_isolation_separator,
        )

    def applies(self, ask: Ask) -> bool:
        return bool(ask.spec.image_properties)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        for name, value in ask.spec.image_properties.items():
            if self._prefix and not name.startswith(self._prefix):
                continue
            wanted = host.aggregate_values(name)
            if wanted and str(value) not in wanted:
                return self.because(f"image has {name}={value}, aggregates want {sorted(wanted)}")
        return None
