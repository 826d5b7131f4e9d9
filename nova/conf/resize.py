"""Resizes and cold migrations."""

from __future__ import annotations

from oslo_config import cfg

GROUP = None
OPTIONS = [
    cfg.BoolOpt(
        "allow_resize_to_same_host",
        default=False,
        help="Whether a resize may choose the host where the server is. Set it in the API's configuration where there "
        "is but one host; while the resize waits for its answer, the host holds room for both flavors.",
    ),
    cfg.IntOpt(
        "resize_confirm_window",
        default=0,
        min=0,
        help="Seconds after which a compute host confirms resizes and cold migrations to it by itself; 0: never. "
        "Smaller: old hosts are free sooner; larger: users have longer to look at the server and to revert.",
    ),
]
