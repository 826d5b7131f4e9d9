"""Directories, in ``[DEFAULT]``."""

from pathlib import Path

from oslo_config import cfg

GROUP = None
OPTIONS = [
    cfg.StrOpt("tempdir", help="Directory for temporary files; unset: the system's."),
    cfg.StrOpt(
        "pybasedir",
        default=str(Path(__file__).resolve().parents[2]),
        sample_default="<Path>",
        help="Directory in which the Python packages are installed.",
    ),
    cfg.StrOpt(
        "state_path",
        default="$pybasedir",
        help="Directory for state of the service, for use in other options.",
    ),
]
