"""Which CPUs of a compute host guests get, shared or for themselves."""

from oslo_config import cfg

GROUP = "compute"
OPTIONS = [
    cfg.StrOpt(
        "cpu_dedicated_set",
        help="CPUs of this host that guests get for themselves (hw:cpu_policy = dedicated), such as 4-15,^8; told to "
        "Placement as PCPU. With it alone the host has no shared CPUs (VCPU) at all. Unset: none are dedicated. CPUs "
        "that servers have must not be taken out.",
    ),
    cfg.StrOpt(
        "cpu_shared_set",
        help="CPUs of this host that guests share, such as 0-3; their number times the overcommit is reported as VCPU. "
        "Unset: all CPUs of the host, or none where cpu_dedicated_set is set. Leave some CPUs out of both sets for the "
        "host's own work.",
    ),
]
