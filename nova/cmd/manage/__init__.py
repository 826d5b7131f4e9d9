"""``nova-manage``: what operators do to databases and cells, one module per category.

A category declares its commands in ``add_commands``; a command is a function of the deployment and its arguments that
prints and gives the exit status. Only the module of the category that was asked for is imported, so that
``nova-manage version`` costs nothing.
"""

from nova.cmd.manage.program import main

__all__ = ["main"]
