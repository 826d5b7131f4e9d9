"""The fake hypervisor: for trying things out, tests and load tests; no real guest runs."""

from oslo_config import cfg

GROUP = "fake_driver"
OPTIONS = [
    cfg.ListOpt(
        "nodes",
        default=[],
        help="Names of the nodes of this host; empty means one node with the name of the host. "
        "Name several to try out a host that drives many nodes. Names must be unique in the whole "
        "deployment.",
    ),
    cfg.IntOpt(
        "vcpus",
        default=64,
        min=0,
        help="vCPUs of each node. Lower it to see hosts fill up; 0 reports none at all.",
    ),
    cfg.IntOpt(
        "memory_mb",
        default=131072,
        min=0,
        help="Memory of each node, MiB. Must exceed reserved_host_memory_mb for anything to fit.",
    ),
    cfg.IntOpt(
        "local_gb",
        default=2048,
        min=0,
        help="Disk of each node, GiB. 0 reports no disk, as for a host whose guests only use "
        "volumes.",
    ),
    cfg.ListOpt(
        "traits",
        default=[],
        help="Further traits of each node. A name taken out of the list is taken off the node "
        "only when it begins with CUSTOM_FAKE_; others may belong to somebody else and stay.",
    ),
    cfg.FloatOpt(
        "spawn_delay",
        default=0.0,
        min=0.0,
        help="Seconds that making a guest takes. Raise it to have time to interrupt a build, or "
        "for load tests that should resemble real hosts; each waiting build holds a thread.",
    ),
    cfg.FloatOpt(
        "destroy_delay",
        default=0.0,
        min=0.0,
        help="Seconds that destroying a guest takes; see spawn_delay.",
    ),
    cfg.FloatOpt(
        "power_delay",
        default=0.0,
        min=0.0,
        help="Seconds that switching a guest on or off takes; see spawn_delay.",
    ),
    cfg.ListOpt(
        "fail_steps",
        default=[],
        help="Steps that fail, as STEP[@HOST][:RULE]. Steps: start, inventory, spawn, destroy, "
        "power_on, power_off, reboot, extend_volume. HOST is a glob. RULE is a number (that many first calls in "
        "this process fail), 'always' (the default) or a glob of server uuids. Examples: spawn:2, "
        "spawn:always, spawn:0f3a*, spawn@compute-2, destroy@cell2-*:1. Set it to see how servers "
        "recover; a failed spawn leaves a half-made guest to clear.",
    ),
]
