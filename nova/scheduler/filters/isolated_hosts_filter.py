"""Are host and image both set apart, or neither."""

from __future__ import annotations

from typing import Self

from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.host_view import Ask, HostView


class IsolatedHostsFilter(Filter):
    """Isolated images run on isolated hosts only; other images stay off these unless ``restrict`` is False."""

    def __init__(
        self, *, images: tuple[str, ...] = (), hosts: tuple[str, ...] = (), restrict: bool = True
    ) -> None:
        self._images = frozenset(images)
        self._hosts = frozenset(hosts)
        self._restrict = restrict

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(
            images=options.isolated_images,
            hosts=options.isolated_hosts,
            restrict=options.restrict_isolated_hosts_to_isolated_images,
        )

    def applies(self, ask: Ask) -> bool:
        return bool(self._images or self._hosts)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        is_isolated = host.host in self._hosts
        if ask.spec.image_id in self._images:
            return None if is_isolated else self.because("not isolated, the image is")
        if is_isolated and self._restrict:
            return self.because("isolated, the image is not")
        return None
