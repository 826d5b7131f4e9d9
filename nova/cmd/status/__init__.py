"""``nova-status``: whether this deployment is ready for this release. Checks only look, they change nothing."""

from nova.cmd.status.program import main

__all__ = ["main"]
