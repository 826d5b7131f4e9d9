"""Which extra specs make sense, as Compute API 2.86 checks them: keys and values of the namespaces that are known.

Keys outside of these namespaces belong to the operator and hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from groundwork.errors import Invalid

#: Says what is wrong with a value; None when nothing is.
Check = Callable[[str], str | None]

_TRUTHS = frozenset({"t", "true", "on", "y", "yes", "1", "f", "false", "off", "n", "no", "0"})
_SIZE = re.compile(r"^\d+([KMGT]i?)?B?$", re.IGNORECASE)
_CPU_SET = re.compile(r"^\^?\d+(-\d+)?(,\^?\d+(-\d+)?)*$")


@dataclass(frozen=True, slots=True)
class Rule:
    """A form of keys and what their values may be."""

    key: re.Pattern[str]
    check: Check


def check_extra_spec(key: str, value: str) -> None:
    """Nothing, when the pair makes sense or is of no namespace that is known.

    :raises Invalid: the namespace is known and the key is not, or the value is none that the key takes.
    """
    for rule in RULES:
        if rule.key.fullmatch(key):
            wrong = rule.check(value)
            if wrong:
                raise Invalid(f"Validation failed; extra spec '{key}': '{value}' {wrong}.")
            return
    namespace = key.partition(":")[0]
    if ":" in key and _CLOSED.fullmatch(namespace):
        raise Invalid(
            f"Validation failed; extra spec '{key}' does not appear to be a valid extra spec."
        )


def _any(value: str) -> str | None:
    return None


def _text(value: str) -> str | None:
    return None if value.strip() else "is empty"


def _boolean(value: str) -> str | None:
    return None if value.lower() in _TRUTHS else "is no boolean"


def _number(minimum: int) -> Check:
    def check(value: str) -> str | None:
        if not re.fullmatch(r"[+-]?\d{1,30}", value):
            return "is no integer"
        return None if int(value) >= minimum else f"is less than {minimum}"

    return check


def _one_of(*words: str) -> Check:
    def check(value: str) -> str | None:
        return None if value in words else f"is none of {', '.join(words)}"

    return check


def _form(pattern: re.Pattern[str], name: str) -> Check:
    def check(value: str) -> str | None:
        return None if pattern.fullmatch(value) else f"is no {name}"

    return check


def _page_size(value: str) -> str | None:
    if value in ("large", "small", "any") or _SIZE.fullmatch(value):
        return None
    return "is none of large, small, any, and no size"


def _aliases(value: str) -> str | None:
    """``name:count`` pairs, separated by commas."""
    if all(re.fullmatch(r"\s*[^:,\s][^:,]*:\s*\d+\s*", pair) for pair in value.split(",")):
        return None
    return "is no list of alias:count"


def _rule(key: str, check: Check) -> Rule:
    return Rule(re.compile(key), check)


def _named(namespace: str, checks: dict[str, Check]) -> list[Rule]:
    return [_rule(re.escape(f"{namespace}:") + name, check) for name, check in checks.items()]


_GROUP = r"([a-zA-Z0-9_-]{1,64})?"
_RATE = _number(0)

RULES: tuple[Rule, ...] = (
    *_named(
        "hw",
        {
            "boot_menu": _boolean,
            "cpu_cores": _number(1),
            "cpu_dedicated_mask": _form(_CPU_SET, "set of CPUs"),
            "cpu_max_cores": _number(1),
            "cpu_max_sockets": _number(1),
            "cpu_max_threads": _number(1),
            "cpu_policy": _one_of("dedicated", "shared", "mixed"),
            "cpu_realtime": _boolean,
            "cpu_realtime_mask": _form(_CPU_SET, "set of CPUs"),
            "cpu_sockets": _number(1),
            "cpu_thread_policy": _one_of("prefer", "isolate", "require"),
            "cpu_threads": _number(1),
            "emulator_threads_policy": _one_of("isolate", "share"),
            "hide_hypervisor_id": _boolean,
            "locked_memory": _boolean,
            "maxphysaddr_bits": _number(0),
            "maxphysaddr_mode": _one_of("passthrough", "emulate"),
            "mem_encryption": _boolean,
            "mem_page_size": _page_size,
            "numa_nodes": _number(1),
            r"numa_cpus\.\d+": _form(_CPU_SET, "set of CPUs"),
            r"numa_mem\.\d+": _number(1),
            "pci_numa_affinity_policy": _one_of("required", "preferred", "legacy", "socket"),
            "pmem": _text,
            "pmu": _boolean,
            "serial_port_count": _number(0),
            "tpm_model": _one_of("tpm-tis", "tpm-crb"),
            "tpm_secret_security": _one_of("user", "host", "deployment"),
            "tpm_version": _one_of("1.2", "2.0"),
            "vif_multiqueue_enabled": _boolean,
            "viommu_model": _one_of("intel", "smmuv3", "virtio", "auto"),
            "virtio_packed_ring": _boolean,
            "watchdog_action": _one_of("none", "pause", "poweroff", "reset", "disabled"),
        },
    ),
    *_named("hw_rng", {"allowed": _boolean, "rate_bytes": _RATE, "rate_period": _RATE}),
    *_named("hw_video", {"ram_max_mb": _number(0)}),
    *_named("os", {"secure_boot": _one_of("required", "optional", "disabled")}),
    *_named(
        "quota",
        {
            "cpu_(shares|period|limit|reservation)": _RATE,
            # Below zero: no limit.
            "cpu_quota": _number(-1),
            "cpu_shares_level": _one_of("custom", "high", "normal", "low"),
            "cpu_shares_share": _RATE,
            "disk_(read|write|total)_(bytes|iops)_sec": _RATE,
            "disk_(read|write|total)_(bytes|iops)_sec_max": _RATE,
            "disk_io_(limit|reservation)": _RATE,
            "disk_io_shares_level": _one_of("custom", "high", "normal", "low"),
            "disk_io_shares_share": _RATE,
            "memory_(limit|reservation)": _RATE,
            "memory_shares_level": _one_of("custom", "high", "normal", "low"),
            "memory_shares_share": _RATE,
            "vif_(inbound|outbound)_(average|peak|burst)": _RATE,
            "vif_(limit|reservation)": _RATE,
            "vif_shares_level": _one_of("custom", "high", "normal", "low"),
            "vif_shares_share": _RATE,
        },
    ),
    _rule(rf"resources{_GROUP}:[A-Z0-9_]+", _number(0)),
    _rule(rf"trait{_GROUP}:[A-Z0-9_]+", _one_of("required", "forbidden")),
    _rule("group_policy", _one_of("none", "isolate")),
    _rule("hide_hypervisor_id", _boolean),
    *_named("accel", {"device_profile": _text}),
    *_named("pci_passthrough", {"alias": _aliases}),
    _rule(r"aggregate_instance_extra_specs:.+", _any),
    _rule(r"capabilities:.+", _any),
)

# Namespaces all of whose keys are listed above.
_CLOSED = re.compile(
    rf"hw|hw_rng|hw_video|os|quota|resources{_GROUP}|trait{_GROUP}|accel|pci_passthrough"
    "|aggregate_instance_extra_specs|capabilities"
)
