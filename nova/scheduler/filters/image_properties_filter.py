"""Can the hypervisor run what is in the image."""

from __future__ import annotations

import re
from typing import Self

from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.host_view import Ask, HostView

# What a CPU runs besides its own.
_ALSO_RUNS = {"x86_64": {"i686"}, "ppc64": {"ppc"}, "s390x": {"s390"}, "aarch64": {"armv7l"}}
_CANONICAL = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "i386": "i686",
    "i486": "i686",
    "i586": "i686",
    "x86": "i686",
    "arm64": "aarch64",
}
# libvirt reports QEMU with and without hardware acceleration.
_SAME_HYPERVISOR = {"kvm": "qemu"}
_BOUND = re.compile(r"^\s*(>=|<=|==|!=|>|<|=)?\s*(\d+(?:\.\d+)*)\s*$")


class ImagePropertiesFilter(Filter):
    """Hosts of the architecture, hypervisor type and hypervisor version that the image's properties ask for.

    Reads ``hw_architecture``, ``img_hv_type`` and ``img_hv_requested_version`` under their old names too. What the host
    does not tell about itself is not held against it.
    """

    def __init__(self, *, default_architecture: str | None = None) -> None:
        self._default_architecture = default_architecture

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(default_architecture=options.image_properties_default_architecture)

    def applies(self, ask: Ask) -> bool:
        return bool(ask.spec.image_properties or self._default_architecture)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        architecture = (
            ask.image_property("hw_architecture", "architecture") or self._default_architecture
        )
        offered = host.cpu_info.get("arch")
        if architecture and offered and not _runs(str(offered), architecture):
            return self.because(f"architecture {offered}, the image is {architecture}")

        wanted_type = ask.image_property("img_hv_type", "hypervisor_type")
        if wanted_type and _hypervisor(wanted_type) != _hypervisor(host.hypervisor_type):
            return self.because(
                f"hypervisor {host.hypervisor_type}, the image is for {wanted_type}"
            )

        versions = ask.image_property("img_hv_requested_version", "hypervisor_version_requires")
        if versions and not _is_within(host.hypervisor_version, versions):
            return self.because(f"hypervisor version {host.hypervisor_version} is not {versions}")
        return None


def _canonical(architecture: str) -> str:
    return _CANONICAL.get(architecture.lower(), architecture.lower())


def _runs(offered: str, wanted: str) -> bool:
    own = _canonical(offered)
    return _canonical(wanted) in {own, *_ALSO_RUNS.get(own, ())}


def _hypervisor(name: str) -> str:
    return _SAME_HYPERVISOR.get(name.lower(), name.lower())


def _is_within(version: int, bounds: str) -> bool:
    """Whether a version number (1002003 is 1.2.3) is within bounds such as ``>=6.0,<6.2``."""
    found = (version // 1_000_000, version // 1000 % 1000, version % 1000)
    for bound in bounds.split(","):
        match = _BOUND.match(bound)
        if match is None:
            return False
        numbers = [int(part) for part in match[2].split(".")][:3]
        wanted = tuple(numbers + [0] * (3 - len(numbers)))
        is_met = {
            ">=": found >= wanted,
            "<=": found <= wanted,
            ">": found > wanted,
            "<": found < wanted,
            "!=": found != wanted,
        }.get(match[1] or "==", found == wanted)
        if not is_met:
            return False
    return True
