"""The audit of the whole deployment (``[audit]``)."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "audit"
OPTIONS = [
    cfg.IntOpt(
        "interval",
        default=0,
        min=0,
        help="Seconds between two audits by the super-conductor, which logs at warning how much it finds and repairs "
        "nothing. 0: never, operators run 'nova-manage audit'. Every super-conductor that has it set audits, so set it "
        "for one. An audit reads every server once and asks Placement about every node: an hour is often enough.",
    ),
    cfg.FloatOpt(
        "grace",
        default=10,
        min=0,
        help="Seconds between the two looks that have to find the same before it counts. Longer where the plane is "
        "slow: things that are merely on their way are then not reported.",
    ),
    cfg.IntOpt(
        "idle_time",
        default=600,
        min=1,
        help="Seconds after which an operation or a build request that nobody works on is reported, and after which "
        "the owner of one counts as dead. Keep it several times larger than service_down_time, as the plane cures "
        "that by itself so soon.",
    ),
    cfg.StrOpt(
        "metrics_file",
        default="",
        help="File into which each audit of 'interval' writes its counts, as a whole, for Prometheus (the textfile "
        "collector of its node exporter; the name has to end in .prom). The same text as of 'nova-manage audit "
        "--metrics', so on one machine name the same file there: the later of both counts. The directory must be "
        "there, and writable for the conductor. Empty: none.",
    ),
]
