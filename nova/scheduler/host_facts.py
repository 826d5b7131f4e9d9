"""The names under which flavors and hints speak of a host, and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova.scheduler.candidates import Candidate

_MIB_PER_GIB = 1024

# Their own names, and the names that existing flavors and queries use for the same.
_OF_THE_HOST: Mapping[str, str] = {
    "cpu_info": "cpu_info",
    "host": "host",
    "host_ip": "host_ip",
    "hypervisor_hostname": "node",
    "hypervisor_type": "hypervisor_type",
    "hypervisor_version": "hypervisor_version",
    "local_gb": "local_gb",
    "memory_mb": "memory_mb",
    "num_instances": "num_instances",
    "num_io_ops": "num_io_ops",
    "total_usable_disk_gb": "local_gb",
    "total_usable_ram_mb": "memory_mb",
    "vcpus": "vcpus",
    "vcpus_total": "vcpus",
}


def fact(candidate: Candidate, name: str) -> Any:
    """What the name stands for; None for names that stand for nothing here.

    Free memory and disk are what Placement would still give out, overcommit included.
    """
    if field := _OF_THE_HOST.get(name):
        return getattr(candidate.host, field)
    match name:
        case "free_ram_mb":
            return candidate.free("MEMORY_MB")
        case "free_disk_mb":
            return candidate.free("DISK_GB") * _MIB_PER_GIB
        case "vcpus_used":
            return candidate.used("VCPU") + candidate.used("PCPU")
    return None
