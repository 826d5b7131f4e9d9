"""Configuration: every option is declared here, one module per subject, and read once at start.

A module holds ``GROUP`` and ``OPTIONS``. Logic never reads options: constructors receive values.
"""

from __future__ import annotations

from oslo_config import cfg
from oslo_log import log
from oslo_middleware import cors

from placement.conf import api, database, paths, placement, workarounds

_MODULES = (api, database, paths, placement, workarounds)


def new() -> cfg.ConfigOpts:
    """A configuration that knows all options of ours and of oslo.log, not yet read."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    # Standard output belongs to what commands answer; some WSGI servers have none at all.
    conf.set_default("use_stderr", True)
    for group, options in for_sample_generator():
        conf.register_opts(options, group=group)
    # Headers that our clients and answers use have to be let through where cross-site calls are allowed at all.
    headers = ["X-Auth-Token", "OpenStack-API-Version", "X-OpenStack-Request-ID"]
    cors.set_defaults(
        allow_headers=[*headers, "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id"],
        expose_headers=[*headers, "X-Subject-Token", "X-Service-Token"],
        allow_methods=["GET", "PUT", "POST", "DELETE", "PATCH"],
    )
    return conf


def for_sample_generator() -> list[tuple[str | None, list[cfg.Opt]]]:
    """Entry point ``oslo.config.opts``: what oslo-config-generator writes into the sample file."""
    return [(module.GROUP, list(module.OPTIONS)) for module in _MODULES]
