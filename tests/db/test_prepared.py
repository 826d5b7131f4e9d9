"""Prepared statements give what plain ones give, on real databases."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork import pooling
from groundwork.columns import Json, UtcTime
from groundwork.database import Database
from groundwork.prepared import Prepared
from tests.db.test_pooling import end, own_id

EARLY, LATE = (datetime(2026, 3, day, 1, 2, 3, 4, tzinfo=UTC) for day in (1, 2))
NOTES = sa.Table(
    "prepared_notes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(200)),
    sa.Column("written_at", UtcTime),
    sa.Column("marks", Json),
    sa.Column("is_open", sa.Boolean),
    mysql_charset="utf8mb4",
)
ODD = "50 % of 'ü' \\ \"☃\" ? :name %s"
ROWS = [
    {"id": 1, "text": ODD, "written_at": EARLY, "marks": {"a": [1]}, "is_open": True},
    {"id": 2, "text": "plain", "written_at": LATE, "marks": None, "is_open": False},
    {"id": 3, "text": None, "written_at": None, "marks": [], "is_open": True},
]
BY_TEXT = Prepared(
    sa.select(NOTES)
    .where(NOTES.c.text == sa.bindparam("text"), NOTES.c.text != "50 % of nothing")
    # The same value twice, and one that is fixed.
    .where(sa.or_(NOTES.c.text == sa.bindparam("text"), NOTES.c.id == 7))
)
BEFORE = Prepared(
    sa.select(NOTES.c.id, NOTES.c.written_at)
    .where(NOTES.c.written_at < sa.bindparam("moment", type_=UtcTime))
    .order_by(NOTES.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
TEXTS = Prepared(
    sa.select(NOTES.c.text)
    .where(NOTES.c.written_at <= sa.bindparam("moment", type_=UtcTime), NOTES.c.id != 7)
    .where(NOTES.c.text != sa.bindparam("other", type_=sa.String))
    .order_by(NOTES.c.id)
)
ALL = Prepared(sa.select(NOTES.c.id).order_by(NOTES.c.id))


@pytest.fixture
def database_url(make_database_url: Callable[[], str]) -> str:
    return make_database_url()


@pytest.fixture
def narrow(database_url: str) -> Iterator[Database]:
    """A database with one connection for all readers."""
    database = Database(database_url, max_pool_size=1, max_overflow=0)
    NOTES.create(database.engine)
    with database.write() as tx:
        tx.execute(sa.insert(NOTES), ROWS)
    yield database
    NOTES.drop(database.engine)
    database.dispose()


def ids(database: Database, statement: Prepared = ALL) -> list[int]:
    with database.read() as tx:
        return list(statement.execute(tx, {}).scalars())


def held(database: Database) -> int:
    """How many statements the server holds for this connection."""
    with database.read() as tx:
        shown = tx.execute(sa.text("SHOW STATUS LIKE 'Com_prepare_sql'")).one()[1]
        given_up = tx.execute(sa.text("SHOW STATUS LIKE 'Com_dealloc_sql'")).one()[1]
    return int(shown) - int(given_up)


def test_values_and_results_have_their_types(narrow: Database) -> None:
    for _ in range(2):
        with narrow.read() as tx:
            [row] = BY_TEXT.execute(tx, {"text": ODD})
            assert row._mapping == ROWS[0]
            assert row.is_open is True
            assert BY_TEXT.execute(tx, {"text": "plain"}).one()._mapping == ROWS[1]
            assert BY_TEXT.execute(tx, {"text": "absent"}).all() == []
            late = LATE.replace(microsecond=5)
            assert BEFORE.execute(tx, {"moment": late, "limit": 5}).all() == [(1, EARLY), (2, LATE)]
            assert BEFORE.execute(tx, {"moment": LATE, "limit": 5}).all() == [(1, EARLY)]
            assert BEFORE.execute(tx, {"moment": late, "limit": 1}).all() == [(1, EARLY)]
            assert ALL.execute(tx, {}).scalars().all() == [1, 2, 3]


def test_texts_are_what_the_whole_statement_gives(narrow: Database) -> None:
    for _ in range(2):
        with narrow.read() as tx:
            for moment, other in ((LATE, "x"), (EARLY, "x"), (LATE, ODD), (LATE, "plain")):
                values = {"moment": moment, "other": other}
                found = TEXTS.texts(tx, values)
                assert found == TEXTS.execute(tx, values).scalars().all()
                wanted = [row for row in ROWS[:2] if row["written_at"] <= moment]  # type: ignore[operator]
                assert found == [row["text"] for row in wanted if row["text"] != other]


def test_texts_see_and_are_part_of_the_transaction(narrow: Database) -> None:
    values = {"moment": LATE, "other": "plain"}
    with contextlib.suppress(RuntimeError), narrow.write() as tx:
        tx.execute(sa.insert(NOTES).values(id=9, text="new", written_at=EARLY))
        assert TEXTS.texts(tx, values) == [ODD, "new"]
        raise RuntimeError
    with narrow.read() as tx:
        assert TEXTS.texts(tx, values) == [ODD]


def test_a_value_that_is_missing_is_refused(narrow: Database) -> None:
    with narrow.read() as tx, pytest.raises(db_exc.DBError, match="required for bind .* 'text'"):
        BY_TEXT.execute(tx, {})
    with narrow.read() as tx:
        TEXTS.texts(tx, {"moment": LATE, "other": ""})
        with pytest.raises((db_exc.DBError, KeyError)):
            TEXTS.texts(tx, {"moment": LATE})


def test_each_sees_what_was_written_since(narrow: Database) -> None:
    assert ids(narrow) == [1, 2, 3]
    with narrow.write() as tx:
        tx.execute(sa.insert(NOTES).values(id=4))
        assert ALL.execute(tx, {}).scalars().all() == [1, 2, 3, 4]
    assert ids(narrow) == [1, 2, 3, 4]


def test_a_table_that_was_changed_meanwhile_is_read_as_it_is(narrow: Database) -> None:
    assert ids(narrow) == [1, 2, 3]
    with narrow.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE prepared_notes ADD COLUMN more INTEGER")
    assert ids(narrow) == [1, 2, 3]


def test_a_connection_holds_a_few_and_asks_each_in_one_trip(narrow: Database) -> None:
    many = [Prepared(sa.select(NOTES.c.id).where(NOTES.c.id <= limit)) for limit in range(20)]
    for _ in range(2):
        assert [len(ids(narrow, each)) for each in many] == [min(limit, 3) for limit in range(20)]
    if narrow.engine.dialect.name == "mysql":
        assert held(narrow) == 8


class TestMariaDb:
    """What only servers that prepare can do to us."""

    @pytest.fixture(params=["mysql"])
    def engine_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_a_statement_is_sent_once_to_each_connection(self, narrow: Database) -> None:
        for _ in range(5):
            assert ids(narrow) == [1, 2, 3]
        assert held(narrow) == 1

    def test_a_new_connection_is_told_anew(
        self, narrow: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert ids(narrow) == [1, 2, 3]
        with narrow.read() as tx:
            number = int(tx.execute(sa.text("SELECT connection_id()")).scalar_one())
        end(database_url, number)
        monkeypatch.setattr(pooling, "_TRUSTED_S", 0.0)
        assert ids(narrow) == [1, 2, 3]
        assert own_id(narrow) != number

    def test_a_server_that_does_not_know_it_is_asked_in_full(self, narrow: Database) -> None:
        """A proxy may send the question to another server than what it asks for."""
        assert ids(narrow) == [1, 2, 3]
        with narrow.read() as tx:
            [name] = tx.connection.info["prepared_statements"]
            tx.connection.exec_driver_sql(f"DEALLOCATE PREPARE {name}")
        for _ in range(2):
            assert ids(narrow) == [1, 2, 3]
        with narrow.read() as tx:
            TEXTS.texts(tx, {"moment": LATE, "other": ""})
            name = list(tx.connection.info["prepared_statements"])[-1]
            tx.connection.exec_driver_sql(f"DEALLOCATE PREPARE {name}")
            for _ in range(2):
                assert TEXTS.texts(tx, {"moment": LATE, "other": ""}) == [ODD, "plain"]

    def test_a_connection_that_breaks_while_texts_are_asked_is_replaced(
        self, narrow: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pooling, "_TRUSTED_S", 3600.0)
        values = {"moment": LATE, "other": ""}
        with narrow.read() as tx:
            TEXTS.texts(tx, values)
            number = int(tx.execute(sa.text("SELECT connection_id()")).scalar_one())
        end(database_url, number)
        with narrow.read() as tx, pytest.raises(db_exc.DBConnectionError):
            TEXTS.texts(tx, values)
        with narrow.read() as tx:
            assert TEXTS.texts(tx, values) == [ODD, "plain"]

    def test_a_server_that_holds_as_many_as_it_may_is_asked_in_full(self, narrow: Database) -> None:
        with none_more(narrow):
            for _ in range(2):
                assert ids(narrow) == [1, 2, 3]

    def test_other_refusals_are_told(self, narrow: Database) -> None:
        wrong = Prepared(sa.select(sa.column("absent")).select_from(NOTES))
        for _ in range(2):
            with pytest.raises(Exception, match="Unknown column 'absent'"):
                ids(narrow, wrong)
            with narrow.read() as tx, pytest.raises(Exception, match="Unknown column"):
                wrong.texts(tx, {})
        assert ids(narrow) == [1, 2, 3]


@contextmanager
def none_more(database: Database) -> Iterator[None]:
    """Have the server prepare nothing for anybody; who else uses it now asks in full as well."""
    with database.engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@max_prepared_stmt_count").scalar_one()
        connection.exec_driver_sql("SET GLOBAL max_prepared_stmt_count = 0")
    try:
        yield
    finally:
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"SET GLOBAL max_prepared_stmt_count = {before}")
