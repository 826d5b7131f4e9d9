"""Connection pools that spend no round trips on connections that were in use a moment ago.

As oslo.db sets pools up, every transaction costs two trips more than its statements: the connection is tried before it
is given out, and cleared when it comes back. Here it is tried only after it lay idle, and not cleared, because
:class:`sqlalchemy.Connection` itself ends the transaction that it began. Nor is a transaction ended that is over
already (:func:`is_over`), or one that never began (:func:`without_transactions`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import URL, CreateEnginePlugin, make_url

PLUGIN = "promptpool"

# A connection that lay idle for longer is tried before it is given out. Shorter costs a round trip more often; longer
# gives more requests a connection that a restarted server or a firewall has closed. The first that finds out has all
# others of the pool made anew.
_TRUSTED_S = 1.0

_OVER = "transaction_is_over"


def with_prompt_pool(url: str) -> str:
    """The URL with this plugin, which is the way past oslo.db, who decides these arguments of the engine."""
    named = make_url(url).update_query_dict({"plugin": PLUGIN}, append=True)
    return named.render_as_string(hide_password=False)


class PromptPool(CreateEnginePlugin):
    """Turns off both trips, and tries connections that lay idle."""

    def update_url(self, url: URL) -> URL:
        """The URL without the name of this plugin, which drivers would not know."""
        return url.difference_update_query(["plugin"])

    def handle_pool_kwargs(self, pool_cls: type[sa.Pool], pool_args: dict[str, Any]) -> None:
        """What the pool is made with."""
        pool_args["pre_ping"] = False
        pool_args["reset_on_return"] = None

    def engine_created(self, engine: sa.Engine) -> None:
        """Watch the connections come and go, and which of them have a transaction to end."""
        dialect: Any = engine.dialect
        dialect.do_commit = _unless_over(dialect.do_commit)
        dialect.do_rollback = _unless_over(dialect.do_rollback)

        @sa.event.listens_for(engine, "checkin")
        def _left(_connection: Any, record: Any) -> None:
            record.info["left_at"] = time.monotonic()

        @sa.event.listens_for(engine, "checkout")
        def _taken(connection: Any, record: Any, _proxy: Any) -> None:
            if _is_trusted(record.info):
                return
            try:
                lives = engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as exc:
                raise sa.exc.DisconnectionError("the server has closed it") from exc
            if not lives:
                raise sa.exc.DisconnectionError("the server has closed it")


def is_over(connection: sa.Connection) -> None:
    """Tell that the last statement ended the transaction, so that nothing is sent for that any more."""
    # Kept on the driver's own object, which is gone when the connection is: it must never be said of another.
    setattr(connection.connection.dbapi_connection, _OVER, True)


def without_transactions(engine: sa.Engine) -> None:
    """Let each statement on new connections of this engine stand for itself; nothing begins, and nothing is ended.

    For readers at READ COMMITTED, where each statement sees what was committed when it began in any case.
    """
    dialect: Any = engine.dialect
    dialect.do_commit = dialect.do_rollback = lambda _connection: None

    @sa.event.listens_for(engine, "connect")
    def _stand_alone(connection: Any, _record: Any) -> None:
        dialect.set_isolation_level(connection, "AUTOCOMMIT")


def _unless_over(end: Callable[[Any], None]) -> Callable[[Any], None]:
    def end_what_is_open(connection: Any) -> None:
        driver = connection.dbapi_connection
        if getattr(driver, _OVER, False):
            delattr(driver, _OVER)
        else:
            end(connection)

    return end_what_is_open


def _is_trusted(info: Mapping[str, Any]) -> bool:
    """Whether the connection is new, or came back a moment ago."""
    left_at = info.get("left_at")
    return left_at is None or time.monotonic() - left_at < _TRUSTED_S


plugins.register(PLUGIN, __name__, PromptPool.__name__)
