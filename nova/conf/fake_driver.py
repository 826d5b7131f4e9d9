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
    cfg.IntOpt(
        "numa_cells",
        default=0,
        min=0,
        max=128,
        help="NUMA nodes among which vCPUs and memory of each node are divided; 0 tells of none, and servers that ask "
        "for NUMA nodes or CPUs of their own find no place. See [compute] cpu_dedicated_set.",
    ),
    cfg.IntOpt(
        "cpu_threads",
        default=1,
        min=1,
        help="Threads of each core; with more than one the trait HW_CPU_HYPERTHREADING is reported.",
    ),
    cfg.ListOpt(
        "huge_pages",
        default=[],
        help="Memory of each NUMA node that is set aside as huge pages, as MIB:COUNT, such as 2:512, 1024:4.",
    ),
    cfg.ListOpt(
        "pci_devices",
        default=[],
        help="PCI devices of each node, as [COUNTx]VENDOR:PRODUCT[+VFSxPRODUCT][@CELL]: 2x10de:1eb8@0 is two devices "
        "near to NUMA node 0, 8086:1572+4x154c@1 a network card with four virtual functions near to node 1. Guests get "
        "those that [pci] device_spec names.",
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
        "power_on, power_off, reboot, extend_volume, hand_off, "
        "take_over, discard_arrival, restore, forget_origin. HOST is a glob. RULE is a number (that many first calls "
        "in this process fail), 'always' (the default) or a glob of server uuids. Examples: spawn:2, "
        "spawn:always, spawn:0f3a*, spawn@compute-2, destroy@cell2-*:1. Set it to see how servers "
        "recover; a failed spawn leaves a half-made guest to clear.",
    ),
]
