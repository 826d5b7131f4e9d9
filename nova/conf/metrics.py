"""What compute hosts measure of themselves, and how the scheduler weighs it."""

from __future__ import annotations

from oslo_config import cfg

GROUPS: dict[str | None, list[cfg.Opt]] = {
    None: [
        cfg.ListOpt(
            "compute_monitors",
            default=[],
            help="What a compute host measures of itself with each report of its resources, for MetricsWeigher and "
            "MetricsFilter. There is cpu.virt_driver: the load of the machine's CPUs, as far as the driver can tell. "
            "Costs schedulers a little time for each node and report, as the node has changed each time.",
        ),
    ],
    "metrics": [
        cfg.FloatOpt(
            "weight_multiplier",
            default=1.0,
            help="Preference for hosts by what they measure (MetricsWeigher). The number of each host is stretched to "
            "0..1 among the candidates and multiplied by this; negative turns it round, 0 turns it off. Metadata "
            "metrics_weight_multiplier of an aggregate counts before it for its hosts.",
        ),
        cfg.ListOpt(
            "weight_setting",
            default=[],
            help="Metrics that count and how much one unit of each does, as METRIC=NUMBER, for example "
            "cpu.percent=-1.0 to prefer hosts with little load. Empty: none counts. Set compute_monitors on all "
            "compute hosts first.",
        ),
        cfg.BoolOpt(
            "required",
            default=True,
            help="Fail requests for which a host would have to be weighed that does not report a metric of "
            "weight_setting. Enable MetricsFilter together with it, which takes such hosts out beforehand; or set it "
            "to false, then weight_of_unavailable counts for them.",
        ),
        cfg.FloatOpt(
            "weight_of_unavailable",
            default=-10000.0,
            help="Number of a host that does not report a metric of weight_setting, where required is false. Keep it "
            "below what hosts that do report come to, or those that do not are preferred; far below, the others differ "
            "hardly any more among themselves.",
        ),
    ],
}
