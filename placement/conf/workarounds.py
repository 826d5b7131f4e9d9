"""``[workarounds]``."""

from oslo_config import cfg

GROUP = "workarounds"
OPTIONS = [
    cfg.BoolOpt(
        "optimize_for_wide_provider_trees",
        default=False,
        help="Prune the candidate search early in trees with many like children. This search always "
        "does, so the option changes nothing; it is known so that present files are accepted.",
    ),
]
