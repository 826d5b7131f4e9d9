"""Configuration: every option is declared here, one module per subject, and read once at start.

A module holds ``GROUP`` (None for ``[DEFAULT]``) and ``OPTIONS``, or ``GROUPS`` (a mapping of both). Logic never
reads options: constructors receive values.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from oslo_config import cfg
from oslo_log import log


def declared() -> Iterator[tuple[str | None, list[cfg.Opt]]]:
    """Every option of ours by group, for registration and for the generated sample."""
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{__name__}.{found.name}")
        groups = getattr(module, "GROUPS", None) or {module.GROUP: module.OPTIONS}
        yield from groups.items()


def new() -> cfg.ConfigOpts:
    """A configuration that knows all options of ours and of oslo.log, not yet read."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    # Standard output is for answers (nova-manage prints tables there).
    conf.set_default("use_stderr", True)
    for group, options in declared():
        conf.register_opts(options, group=group)
    return conf


def for_sample_generator() -> list[tuple[str | None, list[cfg.Opt]]]:
    """Entry point ``oslo.config.opts``: what oslo-config-generator writes into ``etc/nova/nova.conf.sample``."""
    return list(declared())
