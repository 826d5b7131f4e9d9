"""Merged pages: whatever the cells, paging through them shows every server once, in the order of one sorted table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nova.cells.merge import merge, sort_value

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
TEXTS = st.sampled_from(
    ["", "a", "A", "a ", "b", "B", "Z", "ä", "Ä", "é", "ß", "日本", "\U0001f600", "_"]
)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.none() | TEXTS,
    "time": st.none() | st.integers(0, 3).map(lambda s: MIDNIGHT + timedelta(microseconds=s)),
    "number": st.none() | st.integers(-2, 2),
    "flag": st.booleans(),
}


@dataclass(frozen=True)
class Row:
    """A server as far as lists care."""

    uuid: str
    values: dict[str, Any]


Sort = Sequence[tuple[str, bool]]
sorts = st.lists(st.tuples(st.sampled_from([*COLUMNS]), st.booleans()), min_size=1, max_size=3)


@st.composite
def cells(draw: st.DrawFn) -> list[list[Row]]:
    """Up to eight cells with a few servers each."""
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=8))
    numbers = iter(draw(st.permutations(range(sum(sizes)))))
    return [
        [Row(f"{next(numbers):04}", draw(st.fixed_dictionaries(COLUMNS))) for _ in range(size)]
        for size in sizes
    ]


def in_order(rows: Sequence[Row], sort: Sort) -> list[Row]:
    """The slow plain way: one stable sort per key, the least one first. NULLs are the smallest."""
    found = sorted(rows, key=lambda row: row.uuid, reverse=sort[0][1])
    for name, is_descending in reversed(sort):
        nulls = [row for row in found if row.values[name] is None]
        others = [row for row in found if row.values[name] is not None]
        others.sort(key=lambda row, name=name: row.values[name], reverse=is_descending)
        found = [*others, *nulls] if is_descending else [*nulls, *others]
    return found


def key_of(row: Row, sort: Sort) -> tuple[Any, ...]:
    named = [sort_value(row.values[name], is_descending=down) for name, down in sort]
    return (*named, sort_value(row.uuid, is_descending=sort[0][1]))


def page_of_cell(rows: Sequence[Row], sort: Sort, marker: Row | None, limit: int) -> list[Row]:
    """What a cell's database answers: what comes after the marker, which may be another cell's row."""
    if marker is None:
        return in_order(rows, sort)[:limit]
    table = in_order([*(row for row in rows if row is not marker), marker], sort)
    return table[table.index(marker) + 1 :][:limit]


def pages(cells: list[list[Row]], sort: Sort, limit: int) -> Iterator[list[Row]]:
    """Page after page, as a client reads them."""
    marker = None
    while True:
        merged = merge(
            [page_of_cell(rows, sort, marker, limit) for rows in cells],
            key=lambda row: key_of(row, sort),
            identity=lambda row: row.uuid,
        )
        page = list(itertools.islice(merged, limit))
        yield page
        if len(page) < limit:
            return
        marker = page[-1]


@settings(deadline=None)
@given(cells=cells(), sort=sorts, limit=st.integers(1, 12))
def test_pages_over_cells_equal_one_sorted_table(
    cells: list[list[Row]], sort: Sort, limit: int
) -> None:
    """GET /servers and /servers/detail merge N cells by sort_key and sort_dir with limit and marker, stable on ties.

    Property test: random rows in 1..8 cells; paging equals one sorted table. All sort keys of the API: see
    ``tests/db/test_server_pages.py``.
    """
    everything = [row for rows in cells for row in rows]
    read = [row for page in pages(cells, sort, limit) for row in page]
    assert [row.uuid for row in read] == [row.uuid for row in in_order(everything, sort)]


@settings(deadline=None)
@given(cells=cells(), sort=sorts, limit=st.integers(1, 12), data=st.data())
def test_server_in_transit_is_shown_once(
    cells: list[list[Row]], sort: Sort, limit: int, data: st.DataObject
) -> None:
    """A build request whose server is in its cell already stands in two pages."""
    everything = [row for rows in cells for row in rows]
    in_transit = (
        data.draw(st.lists(st.sampled_from(everything), unique_by=id)) if everything else []
    )
    read = [row for page in pages([*cells, in_transit], sort, limit) for row in page]
    assert [row.uuid for row in read] == [row.uuid for row in in_order(everything, sort)]


def test_merge_reads_no_more_than_it_is_asked_for() -> None:
    def endless() -> Iterator[Row]:
        for number in itertools.count():
            yield Row(f"{number:04}", {})

    merged = merge(
        [endless(), endless()],  # type: ignore[list-item]
        key=lambda row: (sort_value(row.uuid, is_descending=False),),
        identity=lambda row: row.uuid,
    )
    assert [row.uuid for row in itertools.islice(merged, 3)] == ["0000", "0001", "0002"]


@settings(deadline=None)
@given(st.none() | st.integers(), st.none() | st.integers())
def test_descending_key_is_the_ascending_one_turned_round(
    left: int | None, right: int | None
) -> None:
    up = sort_value(left, is_descending=False) < sort_value(right, is_descending=False)
    down = sort_value(right, is_descending=True) < sort_value(left, is_descending=True)
    assert up == down
    assert not (
        up and sort_value(right, is_descending=False) < sort_value(left, is_descending=False)
    )
