"""What commands work on: the configuration and the databases it leads to, opened when they are first used."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db.exception import DBError

import nova.conf
from groundwork import starting
from groundwork.database import Database
from groundwork.errors import Invalid, Problem, Unavailable
from nova import __version__
from nova.cells import templates
from nova.cells.registry import Cell, Registry
from nova.cells.templates import Urls
from nova.clients.placement import Placement, load_placement
from nova.db.api import cell_mappings

# What it ends in when a database cannot be read, for whatever reason: not configured, a URL that is none, no driver, no
# server, no tables. A login that is refused reaches us as SQLAlchemy has it.
UNREADABLE = (Problem, DBError, sa.exc.SQLAlchemyError)


def read_options(options: Sequence[str], *, cli: Sequence[cfg.Opt] = ()) -> cfg.ConfigOpts:
    """The configuration, with logging switched on. ``cli`` are options of the command line besides the usual ones.

    :raises groundwork.starting.BadOption: the configuration cannot be used.
    """
    conf = nova.conf.new()
    conf.register_cli_opts(cli)
    # oslo.messaging's own declaration has a default; whether the operator set it matters here.
    conf.register_opt(cfg.StrOpt("transport_url", secret=True))
    starting.read_options(conf, project="nova", arguments=options, version=__version__)
    starting.set_up_logging(conf, project="nova", version=__version__)
    return conf


class Deployment:
    """The databases of this deployment, as the configuration of this process and the cell mappings name them."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._opened: dict[str, Database] = {}

    @classmethod
    def from_options(cls, options: Sequence[str]) -> Deployment:
        """Read the configuration and switch logging on.

        :raises groundwork.starting.BadOption: the configuration cannot be used.
        """
        return cls(read_options(options))

    def __enter__(self) -> Deployment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for database in self._opened.values():
            database.dispose()

    @property
    def conf(self) -> cfg.ConfigOpts:
        """The configuration, for collaborators that are made out of it."""
        return self._conf

    @property
    def local(self) -> Urls:
        """The URLs of this process's own bus and cell database; empty where not configured."""
        return Urls(self._conf.transport_url or "", self._conf.database.connection or "")

    @property
    def api_connection(self) -> str:
        """The URL of the API database; empty where not configured."""
        return self._conf.api_database.connection or ""

    def api_database(self) -> Database:
        """The API database.

        :raises Invalid: it is not configured.
        :raises Unavailable: its URL leads nowhere.
        """
        if not self.api_connection:
            raise Invalid("The API database is not configured: set [api_database]/connection.")
        return self._open(self.api_connection, self._conf.api_database, "[api_database]/connection")

    def local_database(self) -> Database:
        """The database of the cell that this process belongs to.

        :raises Invalid: it is not configured.
        :raises Unavailable: its URL leads nowhere.
        """
        if not self.local.database_connection:
            raise Invalid("The cell's database is not configured: set [database]/connection.")
        return self._open(
            self.local.database_connection, self._conf.database, "[database]/connection"
        )

    def database(self, cell: Cell) -> Database:
        """The database of any cell. One that is not there is told at once: others may be waiting to be looked at.

        :raises Unavailable: its URL leads nowhere.
        """
        whose = f"the database connection of cell {cell.name or ''} ({cell.uuid})"
        return self._open(cell.database_url, self._conf.database, whose, max_retries=0)

    def cells(self) -> tuple[Cell, ...]:
        """All cells, cell0 included, with their URLs filled, in the order of their creation."""
        return self._registry().all()

    def cell(self, uuid: str) -> Cell:
        """The cell of that uuid. :raises NotFound: there is none."""
        return self._registry().by_uuid(uuid)

    def placement(self) -> Placement:
        """Placement, with this service's credentials.

        :raises Invalid: it is not configured.
        """
        return load_placement(self._conf)

    def stored_cells(self) -> tuple[cell_mappings.CellMapping, ...]:
        """All cells as they are stored, with placeholders where URLs have them."""
        with self.api_database().read() as tx:
            return cell_mappings.list_cells(tx)

    def _registry(self) -> Registry:
        return Registry(
            self.api_database(),
            fill=templates.fill,
            local_database_url=self.local.database_connection,
            local_transport_url=self.local.transport_url,
        )

    def _open(
        self,
        url: str,
        group: cfg.ConfigOpts.GroupAttr,
        whose: str,
        *,
        max_retries: int | None = None,
    ) -> Database:
        if url not in self._opened:
            try:
                sa.make_url(url).get_dialect().import_dbapi()
                self._opened[url] = Database.from_conf(group, url=url, max_retries=max_retries)
            except (sa.exc.ArgumentError, ValueError, ImportError) as exc:
                raise Unavailable(f"The URL in {whose} cannot be used: {exc}.") from exc
        return self._opened[url]
