"""Pages, slices and orders out of queries."""

from __future__ import annotations

import pytest

from groundwork.errors import Invalid
from groundwork.operations import Query
from nova.api.paging import Page, Paging, Slice, sort_of

PAGING = Paging(max_limit=1000)
DEFAULT = (("created_at", "desc"), ("id", "desc"))


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(1000)),
        ({"limit": ["5"]}, Page(5)),
        ({"limit": ["0"]}, Page(0)),
        ({"limit": ["99999"]}, Page(1000)),
        ({"limit": ["9" * 90]}, Page(1000)),
        ({"marker": ["a", "b"]}, Page(1000, "b")),
    ],
)
def test_page(query: dict[str, list[str]], page: Page) -> None:
    assert PAGING.page(Query(query)) == page


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Slice(1000)),
        ({"limit": ["0"], "offset": ["3"]}, Slice(1000, 3)),
        ({"limit": ["5"]}, Slice(5)),
    ],
)
def test_slice(query: dict[str, list[str]], wanted: Slice) -> None:
    assert PAGING.slice(Query(query)) == wanted


@pytest.mark.parametrize("text", ["-1", "", "x", "1.5", " 1", "1\n", "٣", "²", "9" * 5000])
def test_bad_limits(text: str) -> None:
    with pytest.raises(Invalid):
        PAGING.page(Query({"limit": [text]}))
    with pytest.raises(Invalid):
        PAGING.slice(Query({"offset": [text]}))


@pytest.mark.parametrize(
    ("limit", "rows", "full"), [(2, 2, True), (2, 1, False), (0, 0, False), (2, 0, False)]
)
def test_full_page(limit: int, rows: int, full: bool) -> None:
    assert Page(limit).is_full(rows) is full


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, DEFAULT),
        ({"sort_dir": ["asc"]}, (("created_at", "asc"), ("id", "desc"))),
        ({"sort_key": ["a"]}, (("a", "desc"),)),
        ({"sort_key": ["a", "b"], "sort_dir": ["asc"]}, (("a", "asc"), ("b", "asc"))),
        ({"sort_key": ["a", "b"], "sort_dir": ["asc", "desc"]}, (("a", "asc"), ("b", "desc"))),
    ],
)
def test_order(query: dict[str, list[str]], wanted: tuple[tuple[str, str], ...]) -> None:
    assert sort_of(Query(query), default=DEFAULT, default_direction="desc") == wanted


@pytest.mark.parametrize(
    "query", [{"sort_dir": ["asc"] * 3}, {"sort_key": ["a"], "sort_dir": ["asc"] * 2}]
)
def test_more_directions_than_keys(query: dict[str, list[str]]) -> None:
    with pytest.raises(Invalid):
        sort_of(Query(query), default=DEFAULT, default_direction="desc")
