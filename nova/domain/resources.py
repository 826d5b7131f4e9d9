"""What a server takes, by resource class: the sizes of its flavor, and what the flavor's extra specs say instead."""

from __future__ import annotations

import re
from collections.abc import Mapping

from groundwork.errors import Invalid
from nova.domain.flavor import Flavor
from nova.domain.numa_reading import numa_request_of
from nova.domain.request_spec import RequestSpec

_MIB_PER_GIB = 1024

# Suffix and class of ``resources[SUFFIX]:CLASS``.
_KEY = re.compile(r"^resources([A-Za-z0-9_-]{0,64}):(.+)$")
# No provider has more digits of anything.
_AMOUNT = re.compile(r"[0-9]{1,10}", re.ASCII)


def flavor_resources(spec: RequestSpec) -> dict[str, int]:
    """The sizes of the flavor as resource classes; DISK_GB is root (unless on a volume), ephemeral and swap.

    CPUs of its own (``hw:cpu_policy``, or the image's ``hw_cpu_policy``) are PCPU instead of VCPU.
    """
    sizes = _sizes(spec.flavor, is_volume_backed=spec.is_volume_backed)
    return _with_own_cpus(sizes, spec.flavor, spec.image_properties)


def amounts_by_class(spec: RequestSpec) -> dict[str, int]:
    """What one server counts for in limits on resource classes; classes of which it takes nothing are left out.

    Amounts in extra specs that no provider can have are left out: no host will ever be found for such a flavor.
    """
    return _with_extra_specs(flavor_resources(spec), spec.flavor.extra_specs)


def classes_of(flavor: Flavor) -> frozenset[str]:
    """The classes of which servers of this flavor take something, unless their image says otherwise."""
    sizes = _with_own_cpus(_sizes(flavor, is_volume_backed=False), flavor, {})
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


def _with_own_cpus(
    sizes: dict[str, int], flavor: Flavor, image_properties: Mapping[str, object]
) -> dict[str, int]:
    own = _own_cpus(flavor, image_properties)
    if not own or "VCPU" not in sizes:
        return sizes
    shared = sizes.pop("VCPU") - own
    return {"PCPU": own, **({"VCPU": shared} if shared else {}), **sizes}


def _own_cpus(flavor: Flavor, image_properties: Mapping[str, object]) -> int:
    """How many vCPUs want a CPU for themselves. Flavors that make no sense find no host, and count by their policy."""
    said = (flavor.extra_specs.get("hw:cpu_policy"), image_properties.get("hw_cpu_policy"))
    if not {"dedicated", "mixed"}.intersection(said):
        return 0
    try:
        request = numa_request_of(flavor, image_properties)
    except Invalid:
        return flavor.vcpus if "dedicated" in said else 0
    return request.own_cpus if request else 0


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
