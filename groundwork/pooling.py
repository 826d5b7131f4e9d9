"""Connection pools that spend no round trips on connections that were in use a moment ago.

As oslo.db sets pools up, every transaction costs two trips more than its statements: the connection is tried before it
is given out, and cleared when it comes back. Here it is tried only after it lay idle, and not cleared, because
:class:`sqlalchemy.Connection` itself ends the transaction that it began.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import URL, CreateEnginePlugin, make_url

PLUGIN = "promptpool"

# A connection that lay idle for longer is tried before it is given out. Shorter costs a round trip more often; longer
# gives more requests a connection that a restarted server or a firewall has closed. The first that finds out has all
# others of the pool made anew.
_TRUSTED_S = 1.0


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
        """Watch the connections come and go."""

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


def _is_trusted(info: Mapping[str, Any]) -> bool:
    """Whether the connection is new, or came back a moment ago."""
    left_at = info.get("left_at")
    return left_at is None or time.monotonic() - left_at < _TRUSTED_S


plugins.register(PLUGIN, __name__, PromptPool.__name__)
