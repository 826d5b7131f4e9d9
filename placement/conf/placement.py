"""``[placement]``: how candidates are made and claims are retried."""

from oslo_config import cfg

GROUP = "placement"
_NOBODY = "00000000-0000-0000-0000-000000000000"
OPTIONS = [
    cfg.BoolOpt(
        "randomize_allocation_candidates",
        default=False,
        help="Shuffle candidates, so that under a limit each request sees others. Switch it on when "
        "many schedulers ask at the same time and keep meeting at the same few hosts; packing "
        "suffers, and equal requests get different answers.",
    ),
    cfg.StrOpt(
        "incomplete_consumer_project_id",
        default=_NOBODY,
        help="Project stored for claims of clients below 1.8, which name none.",
    ),
    cfg.StrOpt(
        "incomplete_consumer_user_id",
        default=_NOBODY,
        help="User stored for claims of clients below 1.8, which name none.",
    ),
    cfg.IntOpt(
        "allocation_conflict_retry_count",
        default=10,
        min=0,
        help="How often a claim that lost a race against another writer is tried anew before the "
        "client is told (409). More cost time under contention, fewer cost clients a round trip.",
    ),
    cfg.IntOpt(
        "max_allocation_candidates",
        default=-1,
        min=-1,
        help="Bound on the candidates found for a request, whatever limit it has; -1 for none. Set "
        "it where wide trees give more answers than a client could use.",
    ),
    cfg.StrOpt(
        "allocation_candidates_generation_strategy",
        default="depth-first",
        choices=[
            ("depth-first", "All candidates of a tree come before those of the next."),
            ("breadth-first", "Trees take turns, so that a limited answer spreads over them."),
        ],
        help="In which order candidates are found; of interest with a limit or a bound.",
    ),
]
