"""Extra specs of known namespaces."""

from __future__ import annotations

import pytest

from groundwork.errors import Invalid
from nova.api.compute.flavors.extra_spec_rules import check_extra_spec

GOOD = [
    ("hw:cpu_policy", "dedicated"),
    ("hw:cpu_policy", "mixed"),
    ("hw:cpu_dedicated_mask", "0-3,^2"),
    ("hw:numa_nodes", "2"),
    ("hw:numa_cpus.0", "0,1"),
    ("hw:numa_mem.12", "2048"),
    ("hw:mem_page_size", "large"),
    ("hw:mem_page_size", "2048"),
    ("hw:mem_page_size", "1GB"),
    ("hw:pmem", "6GB,16GB"),
    ("hw:tpm_version", "2.0"),
    ("hw:watchdog_action", "reset"),
    ("hw:boot_menu", "Yes"),
    ("hw_rng:allowed", "true"),
    ("hw_video:ram_max_mb", "64"),
    ("os:secure_boot", "required"),
    ("quota:cpu_quota", "-1"),
    ("quota:disk_read_iops_sec", "1000"),
    ("quota:vif_inbound_peak", "1"),
    ("resources:VCPU", "0"),
    ("resources:CUSTOM_BAREMETAL_GOLD", "1"),
    ("resources1:SRIOV_NET_VF", "1"),
    ("resources_GPU:VGPU", "1"),
    ("trait:HW_CPU_X86_VMX", "required"),
    ("trait1:CUSTOM_MAGIC", "forbidden"),
    ("group_policy", "isolate"),
    ("accel:device_profile", "fpga"),
    ("pci_passthrough:alias", "gpu:1"),
    ("pci_passthrough:alias", "gpu:1, nic:2"),
    ("aggregate_instance_extra_specs:ssd", "<in> true"),
    ("capabilities:hypervisor_type", "s== QEMU"),
    # Namespaces and keys of the operator's own.
    ("anything", "x"),
    ("mine:key", ""),
    ("hwx:key", "x"),
]
BAD = [
    ("hw:cpu_policy", "sometimes"),
    ("hw:cpu_policy", "DEDICATED"),
    ("hw:no_such_key", "1"),
    ("hw:numa_nodes", "0"),
    ("hw:numa_nodes", "two"),
    ("hw:numa_cpus.x", "1"),
    ("hw:mem_page_size", "tiny"),
    ("hw:cpu_dedicated_mask", "0-"),
    ("hw:boot_menu", "maybe"),
    ("hw_rng:no_such_key", "1"),
    ("hw_video:ram_max_mb", "-1"),
    ("os:no_such_key", "1"),
    ("quota:cpu_quota", "-2"),
    ("quota:no_such_key", "1"),
    ("resources:vcpu", "1"),
    ("resources:VCPU", "many"),
    ("resources:VCPU", "-1"),
    ("resources1:", "1"),
    ("trait:HW_CPU_X86_VMX", "optional"),
    ("group_policy", "random"),
    ("accel:device_profile", " "),
    ("accel:other", "x"),
    ("pci_passthrough:alias", "gpu"),
    ("pci_passthrough:alias", "gpu:x"),
    ("aggregate_instance_extra_specs:", "x"),
]


@pytest.mark.parametrize(("key", "value"), GOOD)
def test_sensible_specs_pass(key: str, value: str) -> None:
    assert check_extra_spec(key, value) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(("key", "value"), BAD)
def test_senseless_specs_are_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(Invalid, match="Validation failed") as refused:
        check_extra_spec(key, value)
    assert f"'{key}'" in refused.value.text
