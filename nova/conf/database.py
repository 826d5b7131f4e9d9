"""Databases: the API's (``[api_database]``) and this process's cell (``[database]``)."""

from __future__ import annotations

import copy

from oslo_config import cfg
from oslo_db import options as db_options

_EXTRA = [
    cfg.StrOpt(
        "connection_parameters",
        default="",
        help="Parameters appended to the connection URL, as 'key=value&key=value'.",
    ),
]


def _options(**defaults: object) -> list[cfg.Opt]:
    options = [copy.copy(option) for option in db_options.database_opts]
    known = {option.dest for option in options}
    options += [option for option in _EXTRA if option.dest not in known]
    for option in options:
        if option.dest in defaults:
            option.default = defaults[option.dest]
    return options


GROUPS: dict[str | None, list[cfg.Opt]] = {
    "api_database": _options(connection=None),
    "database": _options(connection=None),
}
