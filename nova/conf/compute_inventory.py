"""What a compute host offers of what it has: reservations and overcommit."""

from oslo_config import cfg

GROUP = None


def _ratio(resource: str, option: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        f"{option}_allocation_ratio",
        min=0.0,
        help=f"How many times over the {resource} of this host is given out. When set, it is "
        f"written to Placement at each report and overrules what operators set there. Unset (or "
        f"0.0): the initial ratio counts when the host reports for the first time, and later the "
        f"one in Placement. Lowering it below what is in use moves no server, it only keeps new "
        f"ones away.",
    )


def _initial_ratio(resource: str, option: str, default: float) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        f"initial_{option}_allocation_ratio",
        default=default,
        min=0.0,
        help=f"Overcommit of {resource} written when the host reports for the first time and "
        f"{option}_allocation_ratio is unset. Change it before adding hosts; hosts that have "
        f"reported keep theirs.",
    )


OPTIONS = [
    _ratio("vCPUs", "cpu"),
    _ratio("memory", "ram"),
    _ratio("disk", "disk"),
    _initial_ratio("vCPUs", "cpu", 4.0),
    _initial_ratio("memory", "ram", 1.0),
    _initial_ratio("disk", "disk", 1.0),
    cfg.IntOpt(
        "reserved_host_cpus",
        default=0,
        min=0,
        help="Physical CPUs that guests do not get. Raise it when the host's own work needs them.",
    ),
    cfg.IntOpt(
        "reserved_host_memory_mb",
        default=512,
        min=0,
        help="Memory kept for the host and the overhead of its guests, MiB. Too small: the host "
        "swaps or kills guests; too large: memory lies idle.",
    ),
    cfg.IntOpt(
        "reserved_host_disk_mb",
        default=0,
        min=0,
        help="Disk kept for the host, MiB, counted in whole GiB (rounded up). Raise it when "
        "images and logs share the disk with guests.",
    ),
]
