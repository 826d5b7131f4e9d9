"""How processes are put together: roles, threads, and the embedded mode."""

from __future__ import annotations

from oslo_config import cfg

GROUPS: dict[str | None, list[cfg.Opt]] = {
    None: [
        cfg.IntOpt(
            "cell_worker_thread_pool_size",
            default=5,
            min=1,
            help="Threads with which a process asks cells in parallel, for each cell: as many for "
            "lists, and as many for looking up single things. Raise it when API requests wait for "
            "each other although the cells are quick.",
        ),
        cfg.IntOpt(
            "cell_timeout",
            default=10,
            min=1,
            help="Seconds that a cell has to answer a read that goes to many cells; then MariaDB and "
            "PostgreSQL end it, too. Shorter leaves a slow cell out of lists sooner; longer makes "
            "everybody wait for it.",
        ),
        cfg.StrOpt(
            "instance_name_template",
            default="instance-%08x",
            help="Name of a server on its hypervisor, from its number. Changing it does not rename "
            "servers that exist.",
        ),
        cfg.IntOpt(
            "password_length",
            default=12,
            min=0,
            help="Length of generated administrator passwords.",
        ),
        cfg.IntOpt(
            "max_concurrent_builds",
            default=10,
            min=0,
            help="Servers that a host builds at a time; 0 means no limit. Lower it when builds starve "
            "the servers that run.",
        ),
        cfg.IntOpt(
            "compute_resources_interval",
            default=60,
            min=1,
            help="Seconds between two reports of a host's resources, each with an audit of its guests.",
        ),
        cfg.IntOpt(
            "rpc_threads",
            default=32,
            min=1,
            help="Requests that a daemon works on at the same time.",
        ),
    ],
    "conductor": [
        cfg.StrOpt(
            "role",
            default="auto",
            choices=["auto", "super", "cell", "both"],
            help="Which level this conductor serves. 'super' works above the cells and needs "
            "[api_database]; 'cell' works in the cell of [database]; 'both' does both in one process, "
            "for a deployment with one cell on one bus. 'auto' is super where [api_database] "
            "connection is set, and cell elsewhere.",
        ),
    ],
    "embedded": [
        cfg.HostAddressOpt(
            "listen_host", default="127.0.0.1", help="Address of the Compute API of nova-all."
        ),
        cfg.PortOpt("listen_port", default=8774, help="Port of the Compute API of nova-all."),
        cfg.IntOpt(
            "threads", default=16, min=1, help="API requests that nova-all serves at a time."
        ),
        cfg.IntOpt("cells", default=2, min=1, help="Cells that nova-all runs, besides cell0."),
        cfg.IntOpt("hosts_per_cell", default=1, min=1, help="Fake hosts in each of these cells."),
    ],
}
