"""Databases that end what takes them too long to read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Database
from groundwork.sessions import was_cut_off

SLEEP = {"mysql": "SELECT SLEEP({})", "postgresql": "SELECT pg_sleep({})"}


@pytest.mark.parametrize("engine_name", ["mysql", "postgresql"])
def test_long_read_is_ended_and_nothing_else(
    make_database_url: Callable[[], str], engine_name: str
) -> None:
    database = Database(make_database_url(), longest_read_s=0.2)
    sleep = lambda seconds: sa.text(SLEEP[engine_name].format(seconds))
    with database.read() as tx:
        with pytest.raises(sa.exc.DBAPIError) as ended:
            tx.execute(sleep(3600))
        assert was_cut_off(ended.value)
        assert not isinstance(ended.value, db_exc.DBConnectionError)
        # The connection is as good as before, and as limited.
        tx.execute(sleep(0.01))
        with pytest.raises((db_exc.DBError, sa.exc.DBAPIError)) as refused:
            tx.execute(sa.text("SELECT nothing"))
        assert not was_cut_off(refused.value)
    with database.write() as tx:
        tx.execute(sleep(0.4))
    database.dispose()


def test_only_a_statement_that_took_too_long_was_cut_off() -> None:
    assert not was_cut_off(ValueError(1968))
    assert not was_cut_off(OSError())
