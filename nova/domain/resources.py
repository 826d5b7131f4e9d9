"""What a server takes, by resource class: the sizes of its flavor, and what the flavor's extra specs say instead."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec

_MIB_PER_GIB = 1024

# Suffix and class of ``resources[SUFFIX]:CLASS``.
_KEY = re.compile(r"^resources([A-Za-z0-9_-]{0,64}):(.+)$")
# No provider has more digits of anything.
_AMOUNT = re.compile(r"[0-9]{1,10}", re.ASCII)


def flavor_resources(spec: RequestSpec) -> dict[str, int]:
    """The sizes of the flavor as resource classes; DISK_GB is root (unless on a volume), ephemeral and swap."""
    return _sizes(spec.flavor, is_volume_backed=spec.is_volume_backed)


def amounts_by_class(spec: RequestSpec) -> dict[str, int]:
    """What one server counts for in limits on resource classes; classes of which it takes nothing are left out.

    CPUs of its own (``hw:cpu_policy``, or the image's ``hw_cpu_policy``, is ``dedicated``) are PCPU instead of VCPU.
    Amounts in extra specs that no provider can have are left out: no host will ever be found for such a flavor.
    """
    sizes = flavor_resources(spec)
    if _has_own_cpus(spec.flavor.extra_specs, spec.image_properties) and "VCPU" in sizes:
        sizes["PCPU"] = sizes.pop("VCPU")
    return _with_extra_specs(sizes, spec.flavor.extra_specs)


def classes_of(flavor: Flavor) -> frozenset[str]:
    """The classes of which servers of this flavor take something, unless their image says otherwise."""
    sizes = _sizes(flavor, is_volume_backed=False)
    if _has_own_cpus(flavor.extra_specs, {}) and "VCPU" in sizes:
        sizes["PCPU"] = sizes.pop("VCPU")
    return frozenset(_with_extra_specs(sizes, flavor.extra_specs))


def _sizes(flavor: Flavor, *, is_volume_backed: bool) -> dict[str, int]:
    swap_gb = -(-flavor.swap_mb // _MIB_PER_GIB)
    root_gb = 0 if is_volume_backed else flavor.root_gb
    sizes = {
        "VCPU": flavor.vcpus,
        "MEMORY_MB": flavor.memory_mb,
        "DISK_GB": root_gb + flavor.ephemeral_gb + swap_gb,
    }
    return {name: amount for name, amount in sizes.items() if amount}


def _has_own_cpus(extra_specs: Mapping[str, str], image_properties: Mapping[str, object]) -> bool:
    return "dedicated" in (extra_specs.get("hw:cpu_policy"), image_properties.get("hw_cpu_policy"))


def _with_extra_specs(sizes: Mapping[str, int], extra_specs: Mapping[str, str]) -> dict[str, int]:
    """Unsuffixed amounts stand instead of sizes, those of further groups are taken on top."""
    unsuffixed, further = dict(sizes), dict[str, int]()
    for key, value in extra_specs.items():
        match = _KEY.match(key)
        if match is None or not _AMOUNT.fullmatch(value):
            continue
        suffix, name = match.groups()
        if suffix:
            further[name] = further.get(name, 0) + int(value)
        else:
            unsuffixed[name] = int(value)
    totals = {
        name: unsuffixed.get(name, 0) + further.get(name, 0) for name in (*unsuffixed, *further)
    }
    return {name: amount for name, amount in totals.items() if amount}
