"""Pages of servers out of real databases: each engine sorts, filters and continues as one plain table would."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwork.database import Database
from nova.cells.servers import selects
from nova.db.cell import faults, server_pages, servers
from nova.db.cell.models import instances, tags
from nova.db.cell.server_pages import ServerQuery, Sort, States, TagFilter
from nova.domain.flavor import Flavor
from nova.domain.server import Server

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
NEWEST_FIRST = (Sort("created_at", True),)

TEXTS = st.sampled_from(
    ["", " ", "a", "A", "a ", "a\t", "ab", "b", "B", "Z", "_", "-", "ä", "Ä", "é", "ß", "日本", "\U0001f600"]
)
TIMES = st.integers(0, 3).map(lambda n: MIDNIGHT + timedelta(microseconds=n % 2, seconds=n // 2))
FLAVORS = [
    Flavor(flavorid=name, name=name, vcpus=1, memory_mb=64, root_gb=1) for name in ("1", "a", "A")
]
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "created_at": TIMES,
    "flavor": st.sampled_from(FLAVORS),
    "vm_state": st.sampled_from(["active", "error", "stopped"]),
    "config_drive": st.booleans(),
    "auto_disk_config": st.booleans(),
    "project_id": st.sampled_from(["p", "q"]),
    "user_id": TEXTS,
    "launch_index": st.integers(0, 2),
    "progress": st.integers(0, 2),
    "power_state": st.none() | st.integers(0, 2),
    "locked_by": st.sampled_from([None, "owner", "admin"]),
    **dict.fromkeys(("launched_at", "terminated_at", "updated_at"), st.none() | TIMES),
    **dict.fromkeys(
        "display_name display_description hostname host node image_ref kernel_id ramdisk_id key_name "
        "availability_zone root_device_name task_state access_ip_v4 access_ip_v6".split(),
        st.none() | TEXTS,
    ),
}
TAGS = st.lists(st.sampled_from(["blue", "green", "red"]), unique=True, max_size=3)
tables = st.lists(st.tuples(st.fixed_dictionaries(FIELDS), TAGS), min_size=1, max_size=10)
sorts = st.lists(
    st.builds(Sort, st.sampled_from(sorted(server_pages.SORT_COLUMNS)), st.booleans()),
    min_size=1,
    max_size=3,
)

with_a_database = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def make_server(number: int = 1, **fields: Any) -> Server:
    return Server(
        **{
            "uuid": str(uuid.UUID(int=number * 7919 % 1000 + 1)),
            "project_id": "p",
            "user_id": "u",
            "display_name": "server",
            "flavor": FLAVORS[0],
            "vm_state": "active",
            "created_at": MIDNIGHT,
            **fields,
        }
    )


def make_servers(table: list[tuple[dict[str, Any], list[str]]]) -> list[Server]:
    return [
        make_server(number, **fields, tags=tuple(sorted(names)))
        for number, (fields, names) in enumerate(table)
    ]


def store(database: Database, found: Sequence[Server]) -> None:
    """Replace whatever the cell held."""
    with database.write() as tx:
        for table in (instances, tags):
            tx.execute(sa.delete(table))
        for server in found:
            servers.insert_if_absent(tx, server)


def value_of(server: Server, key: str) -> Any:
    match key:
        case "instance_type_id":
            return server.flavor.flavorid
        case "locked":
            return server.locked_by is not None
    return getattr(server, key)


def in_order(found: Sequence[Server], sort: Sequence[Sort]) -> list[str]:
    """The slow plain way: one stable sort per key, the least one first. NULLs are the smallest."""
    rows = sorted(found, key=lambda server: server.uuid, reverse=sort[0].is_descending)
    for each in reversed(sort):
        valued = [(value_of(server, each.key), server) for server in rows]
        nulls = [server for value, server in valued if value is None]
        others = [pair for pair in valued if pair[0] is not None]
        others.sort(key=lambda pair: pair[0], reverse=each.is_descending)
        sorted_others = [server for _, server in others]
        rows = [*sorted_others, *nulls] if each.is_descending else [*nulls, *sorted_others]
    return [server.uuid for server in rows]


def read_pages(page: Callable[[Server | None], Sequence[Server]], limit: int) -> list[str]:
    """Page after page, as a client reads them."""
    read: list[str] = []
    marker = None
    while True:
        found = page(marker)
        assert len(found) <= limit
        read += [server.uuid for server in found]
        if len(found) < limit:
            return read
        assert len(read) < 1000, "paging goes round in circles"
        marker = found[-1]


def page_of(database: Database, query: ServerQuery) -> list[Server]:
    with database.read() as tx:
        return [row.server for row in server_pages.page(tx, query)]


def pages_of(database: Database, query: ServerQuery) -> list[str]:
    def page(marker: Server | None) -> list[Server]:
        after = server_pages.position(marker, query.sort) if marker else None
        return page_of(database, replace(query, after=after))

    return read_pages(page, query.limit)


@with_a_database
@given(table=tables, sort=sorts, limit=st.integers(1, 5))
def test_pages_equal_one_sorted_table(
    cell_database: Database,
    table: list[tuple[dict[str, Any], list[str]]],
    sort: list[Sort],
    limit: int,
) -> None:
    found = make_servers(table)
    store(cell_database, found)
    read = pages_of(cell_database, ServerQuery(sort=tuple(sort), limit=limit))
    assert read == in_order(found, sort)


@pytest.mark.parametrize("is_descending", [False, True], ids=["asc", "desc"])
def test_every_sort_key_pages_through_ties_and_nulls(
    cell_database: Database, is_descending: bool
) -> None:
    """All keys for certain, where the properties only probably meet them."""
    texts = [None, None, "", "a", "A", "a ", "a\t", "Ä", "ä", "b", "\U0001f600"]
    found = []
    for number, text in enumerate([*texts, *texts]):
        found.append(
            make_server(
                number,
                **dict.fromkeys(
                    "display_name display_description hostname host node image_ref kernel_id key_name "
                    "ramdisk_id root_device_name task_state access_ip_v4 access_ip_v6 locked_by "
                    "availability_zone".split(),
                    text,
                ),
                user_id=text or "",
                project_id=text or "",
                vm_state=text or "",
                flavor=replace(FLAVORS[0], flavorid=text or ""),
                **dict.fromkeys(
                    ("launched_at", "terminated_at", "updated_at"),
                    MIDNIGHT + timedelta(seconds=number % 3) if text else None,
                ),
                power_state=number % 3 or None,
                launch_index=number % 3,
                progress=number % 2,
                config_drive=number % 2 == 0,
                auto_disk_config=number % 3 == 0,
            )
        )
    store(cell_database, found)
    wrong = []
    for key in sorted(server_pages.SORT_COLUMNS):
        sort = (Sort(key, is_descending),)
        for limit in (1, 4):
            read = pages_of(cell_database, ServerQuery(sort=sort, limit=limit))
            if read != in_order(found, sort):
                wrong.append((key, limit))
    assert wrong == []


PATTERNS = st.sampled_from(["a", "^a", "b$", "[aA]", "ä", "^$", ".", "a|b", "日"])


@st.composite
def queries(draw: st.DrawFn) -> ServerQuery:
    equals = st.dictionaries(
        st.sampled_from(["host", "image_ref", "task_state", "key_name", "user_id"]),
        st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
        max_size=1,
    )
    numbers = st.dictionaries(
        st.sampled_from(["power_state", "launch_index", "progress"]),
        st.tuples(st.integers(0, 2)),
        max_size=1,
    )
    flags = st.dictionaries(
        st.sampled_from(["config_drive", "auto_disk_config"]), st.tuples(st.booleans()), max_size=1
    )
    names = st.sampled_from([(), ("blue",), ("blue", "red"), ("green", "lost")])
    states = st.lists(
        st.builds(
            States,
            st.sampled_from(["active", "error", "lost"]),
            st.sampled_from([None, ("a", "b")]),
        ),
        max_size=2,
    )
    return ServerQuery(
        sort=NEWEST_FIRST,
        limit=draw(st.integers(1, 4)),
        equals={**draw(equals), **draw(numbers), **draw(flags)},
        matches=draw(
            st.dictionaries(
                st.sampled_from(["display_name", "hostname", "access_ip_v4"]),
                st.lists(PATTERNS, min_size=1, max_size=2).map(tuple),
                max_size=1,
            )
        ),
        states=draw(st.none() | states.map(tuple)),
        tags=TagFilter(draw(names), draw(names), draw(names), draw(names)),
        is_locked=draw(st.sampled_from([None, None, False, True])),
        changes_since=draw(st.none() | TIMES),
        changes_before=draw(st.none() | TIMES),
    )


@with_a_database
@given(table=tables, query=queries())
def test_the_database_filters_as_python_filters_build_requests(
    cell_database: Database, table: list[tuple[dict[str, Any], list[str]]], query: ServerQuery
) -> None:
    """The two must agree, or a server would appear in a list or vanish from it when its cell is chosen."""
    found = make_servers(table)
    store(cell_database, found)
    selected = [server for server in found if selects(query, server)]
    assert pages_of(cell_database, query) == in_order(selected, query.sort)


def test_fault_comes_with_servers_in_error_only(cell_database: Database) -> None:
    failed, well = make_server(1, vm_state="error"), make_server(2)
    store(cell_database, [failed, well])
    fault = faults.Fault(500, "No valid host was found.", "", MIDNIGHT)
    with cell_database.write() as tx:
        for server in (failed, well):
            faults.add(tx, server.uuid, replace(fault, message="an old one"))
            faults.add(tx, server.uuid, fault)
    with cell_database.read() as tx:
        found = server_pages.page(tx, ServerQuery(sort=NEWEST_FIRST, limit=10))
    assert {row.server.uuid: row.fault for row in found} == {failed.uuid: fault, well.uuid: None}


def test_deleted_servers_come_when_asked_for(cell_database: Database) -> None:
    gone, here = make_server(1, host="h"), make_server(2)
    store(cell_database, [gone, here])
    with cell_database.write() as tx:
        assert servers.mark_deleted(tx, gone.uuid, now=MIDNIGHT)
    query = ServerQuery(sort=NEWEST_FIRST, limit=10)

    def found(is_deleted: bool | None) -> set[str]:
        return {each.uuid for each in page_of(cell_database, replace(query, is_deleted=is_deleted))}

    assert found(False) == {here.uuid}
    assert found(True) == {gone.uuid}
    assert found(None) == {gone.uuid, here.uuid}
