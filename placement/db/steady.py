"""One connection that is kept, for a reader that asks the same short question before every answer.

Taking a connection from the pool and ending a transaction would cost more than the question. Statements run outside of
transactions, each seeing what is committed by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from groundwork.database import Database, Transaction
from groundwork.errors import Problem

# A connection that was idle for longer is made anew, so that it is not one which a server or a firewall has dropped
# meanwhile. Shorter costs a quiet service a new connection per request; longer risks a request that has to wait for
# everything to be loaded.
_IDLE_S = 60.0


class SteadyReader:
    """Reads over its own connection. Not for several threads at once.

    It asks the main database also where reads may go to a replica: what was committed a moment ago must be seen.
    """

    def __init__(self, *, database: Database, clock: Callable[[], float]) -> None:
        """``clock``: seconds, monotonic. No connection is made before the first use."""
        self._database = database
        self._clock = clock
        # Its readers see one moment until they end, and a file has no round trips to save.
        self._borrows = sa.make_url(database.url).get_backend_name() == "sqlite"
        self._connection: sa.Connection | None = None
        self._used_at = 0.0

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """What can be asked with; after a failure in the block the connection is given up."""
        if self._borrows:
            with self._database.read() as tx:
                yield tx
            return
        if self._connection is not None and self._clock() - self._used_at > _IDLE_S:
            self.close()
        if self._connection is None:
            connection = self._database.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield Transaction(self._connection, self._database.lasting)
        except Problem:
            raise
        except BaseException:
            self.close()
            raise
        self._used_at = self._clock()

    def close(self) -> None:
        """Give the connection up; the next read makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
