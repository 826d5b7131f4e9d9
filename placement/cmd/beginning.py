"""What every process of Placement does first: read the options, and look at the database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from oslo_config import cfg

import placement
from groundwork import migrations, starting
from groundwork.database import Database
from placement import conf as options
from placement.db.migrations import FOLDER
from placement.db.queries import changes
from placement.inventory import standard

PROJECT = "placement"

# Change feed rows older than this are forgotten at start. Shorter, and a process that was suspended has to load the
# world anew; longer, and the table is larger than anybody needs.
_FEED_KEPT = timedelta(days=1)


def read_options(arguments: Sequence[str], *, conf: cfg.ConfigOpts | None = None) -> cfg.ConfigOpts:
    """The options from a command line, the files it names or the usual ones; logging is set up.

    :raises BadOption: something in them is wrong.
    """
    conf = conf or options.new()
    starting.read_options(
        conf, project=PROJECT, arguments=arguments, version=placement.__version__, config_files=None
    )
    starting.set_up_logging(conf, project=PROJECT, version=placement.__version__)
    return conf


def read_environment(environ: Mapping[str, str] = os.environ) -> cfg.ConfigOpts:
    """The options for a process that has no command line of its own, such as a worker of a WSGI server.

    ``OS_PLACEMENT_CONFIG_DIR`` is the directory to look in (default: the usual places), and
    ``OS_PLACEMENT_CONFIG_FILES`` names the files in it, separated by semicolons (default: placement.conf).

    :raises BadOption: something in them is wrong.
    """
    conf = options.new()
    starting.read_options(
        conf,
        project=PROJECT,
        arguments=(),
        version=placement.__version__,
        config_files=_files(environ),
    )
    starting.set_up_logging(conf, project=PROJECT, version=placement.__version__)
    return conf


def _files(environ: Mapping[str, str]) -> list[str] | None:
    folder = environ.get("OS_PLACEMENT_CONFIG_DIR", "")
    names = [name.strip() for name in environ.get("OS_PLACEMENT_CONFIG_FILES", "").split(";")]
    names = [name for name in names if name]
    if not folder and not names:
        return None
    return [str(Path(folder) / name) for name in names or [f"{PROJECT}.conf"]]


def open_database(conf: cfg.ConfigOpts) -> Database:
    """The database, not yet connected."""
    return Database.from_conf(conf.placement_database)


def prepare_database(conf: cfg.ConfigOpts, database: Database) -> None:
    """Make sure that the schema is ours and the standard names are there; leaves no connection open.

    A process may fork after this, and connections must not be shared by both.

    :raises Unavailable: the schema is another one, or the database does not answer.
    """
    if conf.placement_database.sync_on_startup:
        migrations.upgrade(database, FOLDER)
    migrations.require_current(database, FOLDER, name="placement", cure=f"{PROJECT}-manage db sync")
    standard.sync(database)
    database.run(lambda tx: changes.trim(tx, older_than=_FEED_KEPT))
    database.dispose()
