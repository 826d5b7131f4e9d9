"""What every process of the compute plane does first: read the options, set up logging, look at its databases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from oslo_config import cfg

import nova
from groundwork import starting
from groundwork.database import Database
from groundwork.starting import BadOption
from nova import conf as options
from nova.db.api import schema as api_schema
from nova.db.cell import schema as cell_schema

PROJECT = "nova"


def read_options(arguments: Sequence[str]) -> cfg.ConfigOpts:
    """The options from a command line and the files it names. :raises BadOption: something in them is wrong."""
    return _read(arguments, files=None)


def read_environment(environ: Mapping[str, str] = os.environ) -> cfg.ConfigOpts:
    """The options for a process without a command line of its own, such as a worker of a WSGI server.

    ``OS_NOVA_CONFIG_DIR`` is the directory to look in (default: the usual places), ``OS_NOVA_CONFIG_FILES`` names the
    files in it, separated by semicolons (default: nova.conf).

    :raises BadOption: something in them is wrong.
    """
    folder = environ.get("OS_NOVA_CONFIG_DIR", "")
    names = [name.strip() for name in environ.get("OS_NOVA_CONFIG_FILES", "").split(";")]
    names = [name for name in names if name]
    if not folder and not names:
        return _read((), files=None)
    return _read((), files=[str(Path(folder) / name) for name in names or ["nova.conf"]])


def _read(arguments: Sequence[str], *, files: Sequence[str] | None) -> cfg.ConfigOpts:
    conf = options.new()
    starting.read_options(
        conf, project=PROJECT, arguments=arguments, config_files=files, version=nova.__version__
    )
    starting.set_up_logging(conf, project=PROJECT, version=nova.__version__)
    return conf


def api_database(conf: cfg.ConfigOpts) -> Database:
    """The API database, with the schema that this release needs.

    :raises BadOption: the option is missing.
    :raises Unavailable: it cannot be read, or has another schema.
    """
    if not conf.api_database.connection:
        raise BadOption("option connection in group [api_database] is not set")
    database = Database.from_conf(conf.api_database)
    api_schema.require(database, name="API")
    return database


def cell_database(conf: cfg.ConfigOpts) -> Database:
    """The database of this process's cell; raises as :func:`api_database` does."""
    if not conf.database.connection:
        raise BadOption("option connection in group [database] is not set")
    database = Database.from_conf(conf.database)
    cell_schema.require(database, name="cell")
    return database


def transport_url(conf: cfg.ConfigOpts) -> str:
    """The URL of this process's own bus. :raises BadOption: the option is missing."""
    conf.register_opts(_transport_options())
    if not conf.transport_url:
        raise BadOption("option transport_url in group [DEFAULT] is not set")
    return str(conf.transport_url)


def _transport_options() -> list[cfg.Opt]:
    from oslo_messaging import transport

    return list(transport._transport_opts)
