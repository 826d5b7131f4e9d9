"""Pages of servers out of real databases: each engine sorts, filters and continues as one plain table would."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwork.database import Database
from groundwork.errors import Invalid
from nova.cells.registry import CELL0_UUID, Registry
from nova.cells.scatter import Scatter
from nova.cells.servers import Servers, selects
from nova.cells.target import Targets
from nova.db.api import builds
from nova.db.api.models import build_requests, cell_mappings, instance_mappings, request_specs
from nova.db.cell import faults, server_order, server_pages, servers, services
from nova.db.cell.models import instances, tags
from nova.db.cell.models import services as service_rows
from nova.db.cell.server_query import ServerQuery, Sort, States, TagFilter
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
NEWEST_FIRST = (Sort("created_at", True),)

TEXTS = st.sampled_from(
    [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\t",
        "ab",
        "b",
        "B",
        "Z",
        "_",
        "-",
        "ä",
        "Ä",
        "é",
        "ß",
        "日本",
        "\uffe0",
    ]
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
    st.builds(Sort, st.sampled_from(sorted(server_order.SORT_COLUMNS)), st.booleans()),
    min_size=1,
    max_size=3,
)

with_a_database = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
        return [found.open().server for found in server_pages.page(tx, query)]


def pages_of(database: Database, query: ServerQuery) -> list[str]:
    def page(marker: Server | None) -> list[Server]:
        after = server_order.position(marker, query.sort) if marker else None
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
    texts = [None, None, "", "a", "A", "a ", "a\t", "Ä", "ä", "b", "日本", "\uffe0"]
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
    for key in sorted(server_order.SORT_COLUMNS):
        sort = (Sort(key, is_descending),)
        for limit in (1, 4):
            read = pages_of(cell_database, ServerQuery(sort=sort, limit=limit))
            if read != in_order(found, sort):
                wrong.append((key, limit))
    assert wrong == []


def test_text_beyond_the_basic_plane_is_kept(cell_database: Database) -> None:
    """Any printable character may stand in a server's name."""
    names = ["\uffe0", "\U0001f600"]
    store(cell_database, [make_server(at, display_name=name) for at, name in enumerate(names)])
    sort = (Sort("display_name", False),)
    found = page_of(cell_database, ServerQuery(sort=sort, limit=5))
    assert [server.display_name for server in found] == names


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
    names = st.sampled_from([(), ("blue",), ("blue", "red"), ("green", "lost"), ("BLUE",)])
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
    """List filters (status, name, host, tags, ip, changes-since, deleted, all_tenants) are pushed down to the cells.

    The two must agree, or a server would appear in a list or vanish from it when its cell is chosen. ``ip`` (and
    ``ip6``) never come here: servers have no addresses as long as there is no network service, so the API answers them
    with an empty list (``ServerLists.read``).
    """
    found = make_servers(table)
    store(cell_database, found)
    selected = [server for server in found if selects(query, server)]
    assert pages_of(cell_database, query) == in_order(selected, query.sort)


ANY_TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20
) | st.sampled_from(
    ['"', "\\", '\\"', "\x01\x1f\x7f", "\u2028", "\U0001f600", "null", "[1]", "a'b", "%s :x"]
)
ANY_FIELDS: dict[str, st.SearchStrategy[Any]] = FIELDS | {
    **dict.fromkeys(
        (
            "display_name",
            "display_description",
            "key_name",
            "locked_reason",
            "user_data",
            "key_data",
        ),
        st.none() | ANY_TEXT,
    ),
    "created_at": st.timedeltas(timedelta(0), timedelta(days=20_000)).map(MIDNIGHT.__add__),
    "deleted": st.just(0),
    "metadata": st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3),
    "image_properties": st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers(0, 9), max_size=3),
    "security_groups": st.lists(ANY_TEXT, max_size=3).map(tuple),
    "scheduler_hints": st.none()
    | st.dictionaries(ANY_TEXT, ANY_TEXT | st.lists(ANY_TEXT), max_size=2),
    "trusted_certs": st.none() | st.lists(ANY_TEXT, max_size=2).map(tuple),
}


@with_a_database
@given(fields=st.fixed_dictionaries(ANY_FIELDS), names=st.lists(ANY_TEXT, unique=True, max_size=3))
def test_a_page_gives_servers_as_they_were_stored(
    cell_database: Database, fields: dict[str, Any], names: list[str]
) -> None:
    """Whatever is in their texts: the databases quote them, and no engine does so by the rules of another."""
    server = make_server(1, **fields, tags=tuple(sorted(names)))
    store(cell_database, [server])
    with cell_database.read() as tx:
        [found] = server_pages.page(tx, ServerQuery(sort=NEWEST_FIRST, limit=10))
        alone = server_pages.find(tx, server.uuid)
        known = servers.find(tx, server.uuid)
    assert known is not None
    assert found.open().server == msgspec.structs.replace(server, id=known.id)
    assert alone is not None
    assert alone.server == found.open().server


@with_a_database
@given(
    fields=st.fixed_dictionaries(FIELDS),
    sort=st.lists(st.sampled_from(sorted(server_order.SORT_COLUMNS)), max_size=3, unique=True),
)
def test_a_place_is_where_the_whole_server_stands(
    cell_database: Database, fields: dict[str, Any], sort: list[str]
) -> None:
    server = make_server(1, **fields)
    store(cell_database, [server])
    keys = [Sort(key, is_descending=True) for key in sort]
    with cell_database.read() as tx:
        found = server_order.find_place(tx, server.uuid, keys)
        assert server_order.find_place(tx, str(uuid.uuid4()), keys) is None
    assert found == server_order.Place(server.project_id, server_order.position(server, keys))


def test_fault_comes_with_servers_in_error_only(cell_database: Database) -> None:
    failed, well = make_server(1, vm_state="error"), make_server(2)
    store(cell_database, [failed, well])
    fault = faults.Fault(500, "No valid host was found.", "", MIDNIGHT)
    with cell_database.write() as tx:
        for server in (failed, well):
            faults.add(tx, server.uuid, replace(fault, message="an old one"))
            faults.add(tx, server.uuid, fault)
    with cell_database.read() as tx:
        page = server_pages.page(tx, ServerQuery(sort=NEWEST_FIRST, limit=10))
    found = [each.open() for each in page]
    assert {row.server.uuid: row.fault for row in found} == {failed.uuid: fault, well.uuid: None}


def test_how_hosts_are_comes_when_asked_for(cell_database: Database) -> None:
    """Of the compute service alone, whatever else runs there; nothing of a host that has none."""
    names = ["well", "kept out", "dead", "never seen", "gone", None]
    stored = [make_server(number, host=name) for number, name in enumerate(names)]
    store(cell_database, stored)
    later = MIDNIGHT + timedelta(microseconds=20)
    with cell_database.write() as tx:
        for host in ("well", "kept out", "dead"):
            services.register(tx, host, "nova-compute", "1", version=1, now=later)
            services.heartbeat(tx, host, "nova-compute", "1", now=later)
        services.register(tx, "never seen", "nova-compute", "1", version=1, now=MIDNIGHT)
        services.register(tx, "gone", "nova-conductor", "1", version=1, now=MIDNIGHT)
        service = sa.update(service_rows).where(service_rows.c.binary == "nova-compute")
        tx.execute(service.where(service_rows.c.host == "kept out").values(disabled=True))
        tx.execute(service.where(service_rows.c.host == "dead").values(forced_down=True))
        tx.execute(service.where(service_rows.c.host == "never seen").values(last_seen_up=None))
    expected = {
        "well": services.Condition(False, False, later),
        "kept out": services.Condition(True, False, later),
        "dead": services.Condition(False, True, later),
        "never seen": services.Condition(False, False, None),
        "gone": None,
        None: None,
    }
    query = ServerQuery(sort=NEWEST_FIRST, limit=10)
    with cell_database.read() as tx:
        page = [f.open() for f in server_pages.page(tx, replace(query, with_hosts=True))]
        alone = [server_pages.find(tx, server.uuid, with_host=True) for server in stored]
        unasked = [f.open() for f in server_pages.page(tx, query)]
        assert server_pages.find(tx, stored[0].uuid) in unasked
    assert {row.server.host: row.host for row in page} == expected
    assert {row.server.host: row.host for row in alone if row} == expected
    assert [row.server for row in unasked] == [row.server for row in page]
    assert {row.host for row in unasked} == {None}


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


class Cloud:
    """Two cells, cell0 and an API database, all on one engine; ``find`` and ``page`` of :class:`Servers` over them."""

    def __init__(self, make_database: Callable[..., Database]) -> None:
        self.api_database = make_database("api")
        cells = {str(uuid.UUID(int=number)): make_database("cell") for number in range(1, 3)} | {
            CELL0_UUID: make_database("cell")
        }
        with self.api_database.write() as tx:
            for cell_uuid, database in cells.items():
                tx.execute(
                    sa.insert(cell_mappings).values(
                        uuid=cell_uuid,
                        name=cell_uuid[-1],
                        transport_url="none:///",
                        database_connection=database.url,
                        created_at=MIDNIGHT,
                    )
                )
        by_url = {database.url: database for database in cells.values()}
        self.registry = Registry(self.api_database)
        self.cells = self.registry.all()
        self.databases = [by_url[cell.database_url] for cell in self.cells]
        self.targets = Targets(
            open_database=lambda url: by_url.get(url) or Database(url), open_bus=lambda url: None
        )  # type: ignore[arg-type, return-value]
        self.scatter = Scatter(self.targets, threads=4, deadline_s=60)
        self.servers = Servers(
            api_database=self.api_database,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
        )

    def store(self, places: Sequence[Sequence[Server]]) -> None:
        """One list per cell, and those without a cell yet. Replaces what was there."""
        *in_cells, waiting = places
        for database, found in zip(self.databases, in_cells, strict=True):
            store(database, found)
        with self.api_database.write() as tx:
            for table in (instance_mappings, request_specs, build_requests):
                tx.execute(sa.delete(table))
            if waiting:
                builds.insert(tx, waiting, spec=SPEC, journal=JOURNAL)
            for cell, found in zip(self.cells, in_cells, strict=True):
                for server in found:
                    tx.execute(
                        sa.insert(instance_mappings).values(
                            instance_uuid=server.uuid,
                            cell_id=cell.id,
                            project_id=server.project_id,
                            user_id=server.user_id,
                            vcpus=1,
                            memory_mb=1,
                            created_at=MIDNIGHT,
                        )
                    )

    def pages(self, query: ServerQuery, project_id: str | None = None) -> list[str]:
        def page(marker: Server | None) -> list[Server]:
            found = self.servers.page(
                query, project_id=project_id, marker=marker.uuid if marker else None
            )
            assert found.missing == ()
            return [row.server for row in found.rows]

        return read_pages(page, query.limit)


SPEC = RequestSpec(project_id="p", user_id="u", flavor=FLAVORS[0])
JOURNAL = {
    "action": "create",
    "request_id": "req-1",
    "start_time": MIDNIGHT,
    "state": "running",
    "step": "schedule",
    "place": "super",
    "attempts": 0,
    "cancel_requested": False,
}


@pytest.fixture
def cloud(make_database: Callable[..., Database]) -> Any:
    made = Cloud(make_database)
    yield made
    made.scatter.close()


@settings(with_a_database, max_examples=10)
@given(
    table=st.lists(
        st.tuples(st.fixed_dictionaries(FIELDS), TAGS, st.integers(0, 3)), min_size=1, max_size=12
    ),
    query=queries(),
    sort=sorts,
)
def test_pages_over_cells_and_build_requests_equal_one_sorted_table(
    cloud: Cloud,
    table: list[tuple[dict[str, Any], list[str], int]],
    query: ServerQuery,
    sort: list[Sort],
) -> None:
    found = make_servers([(fields, names) for fields, names, _ in table])
    places: list[list[Server]] = [[], [], [], []]
    for server, (_, _, place) in zip(found, table, strict=True):
        places[place].append(server)
    cloud.store(places)
    everything = ServerQuery(sort=tuple(sort), limit=query.limit)
    assert cloud.pages(everything) == in_order(found, sort)
    selected = [server for server in found if selects(query, server)]
    assert cloud.pages(query) == in_order(selected, query.sort)


def test_server_in_transit_is_listed_once(cloud: Cloud) -> None:
    """Its build request is still there although its cell has it already; what differs between the two may matter."""
    there = make_server(1, host="h", task_state=None)
    waiting = msgspec.structs.replace(there, host=None, task_state="scheduling")
    other = make_server(2)
    cloud.store([[there], [other], [], []])
    with cloud.api_database.write() as tx:
        tx.execute(sa.delete(instance_mappings))
        builds.insert(tx, [waiting], spec=SPEC, journal=JOURNAL)
        tx.execute(sa.update(instance_mappings).values(cell_id=cloud.cells[0].id))
    for key in ("created_at", "host", "task_state"):
        sort = (Sort(key, False),)
        page = cloud.servers.page(ServerQuery(sort=sort, limit=5), project_id=None)
        assert sorted(row.server.uuid for row in page.rows) == sorted([there.uuid, other.uuid])


def test_page_goes_on_after_a_server_that_was_deleted_meanwhile(cloud: Cloud) -> None:
    found = [make_server(number) for number in range(4)]
    cloud.store([found[:2], found[2:], [], []])
    query = ServerQuery(sort=NEWEST_FIRST, limit=2)
    first = [row.server for row in cloud.servers.page(query, project_id="p").rows]
    for database in cloud.databases:
        with database.write() as tx:
            servers.mark_deleted(tx, first[-1].uuid, now=MIDNIGHT)
    second = cloud.servers.page(query, project_id="p", marker=first[-1].uuid)
    rest = [uuid for uuid in in_order(found, NEWEST_FIRST) if uuid not in {s.uuid for s in first}]
    assert [row.server.uuid for row in second.rows] == rest


def test_marker_of_nobody_or_of_a_stranger_is_refused(cloud: Cloud) -> None:
    stranger = make_server(1, project_id="q")
    cloud.store([[stranger], [], [], []])
    query = ServerQuery(sort=NEWEST_FIRST, limit=2)
    for marker in (stranger.uuid, str(uuid.uuid4()), "no uuid", "a\0b"):
        with pytest.raises(Invalid, match="marker .* not found"):
            cloud.servers.page(query, project_id="p", marker=marker)
    assert cloud.servers.page(query, project_id=None, marker=stranger.uuid).rows == ()


def test_cell_that_does_not_answer_is_named_and_the_others_are_shown(cloud: Cloud) -> None:
    here, lost, waiting = (make_server(number) for number in range(3))
    cloud.store([[here], [lost], [], [waiting]])
    with cloud.api_database.write() as tx:
        tx.execute(
            sa.update(cell_mappings)
            .where(cell_mappings.c.id == cloud.cells[1].id)
            .values(database_connection="sqlite:////nowhere/lost.db")
        )
    cloud.registry.forget()
    page = cloud.servers.page(ServerQuery(sort=NEWEST_FIRST, limit=5), project_id="p")
    assert [cell.uuid for cell in page.missing] == [cloud.cells[1].uuid]
    assert {row.server.uuid for row in page.rows} == {here.uuid, waiting.uuid}


def test_pattern_that_a_database_cannot_use_is_refused_and_not_a_silent_cell(
    cloud: Cloud, engine_name: str
) -> None:
    """What one engine takes for a regular expression need not be one for every database."""
    cloud.store([[make_server(1)], [], [], []])
    # SQLite searches with the API's own, which refuses what that cannot compile before it comes here.
    pattern = {"sqlite": "(", "mysql": r"\N{DIGIT ONE}", "postgresql": "(?P<name>x)"}[engine_name]
    query = ServerQuery(sort=NEWEST_FIRST, limit=5, matches={"display_name": (pattern,)})
    with pytest.raises(Invalid, match="regular expression"):
        cloud.servers.page(query, project_id="p")


def test_pattern_that_backtracks_answers_soon_and_holds_nobody_up(cloud: Cloud) -> None:
    """A tenant could freeze the process for minutes by a pattern like this and a name made for it."""
    name = "a" * 28 + "!"
    cloud.store([[make_server(1, display_name=name)], [], [], [make_server(2, display_name=name)]])
    query = ServerQuery(sort=NEWEST_FIRST, limit=5, matches={"display_name": ("(a+)+$",)})
    cloud.servers.page(replace(query, matches={}), project_id="p")
    ended = threading.Event()
    turns = [time.monotonic()]

    def look_on() -> None:
        while not ended.wait(0.01):
            turns.append(time.monotonic())

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        assert cloud.servers.page(query, project_id="p").rows == ()
    finally:
        ended.set()
        thread.join()
    turns.append(time.monotonic())
    assert turns[-1] - turns[0] < 1
    assert max(later - sooner for sooner, later in itertools.pairwise(turns)) < 0.5


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_only_cells_of_the_project_are_asked_when_so_configured(cloud: Cloud) -> None:
    own = make_server(1)
    cloud.store([[own], [make_server(2, project_id="q")], [], []])
    asked: list[str] = []

    def open_database(url: str) -> Database:
        asked.append(url)
        return Database(url)

    targets = Targets(open_database=open_database, open_bus=lambda url: None)  # type: ignore[arg-type, return-value]
    scatter = Scatter(targets, threads=2, deadline_s=60)
    sparing = Servers(
        api_database=cloud.api_database,
        registry=cloud.registry,
        targets=targets,
        scatter=scatter,
        only_cells_of_project=True,
    )
    query = ServerQuery(sort=NEWEST_FIRST, limit=5, equals={"project_id": ("p",)})
    assert [row.server.uuid for row in sparing.page(query, project_id="p").rows] == [own.uuid]
    assert asked == [cloud.cells[0].database_url]
    scatter.close()
    targets.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_page_of_no_rows_still_checks_its_marker(cloud: Cloud) -> None:
    with pytest.raises(Invalid):
        cloud.servers.page(
            ServerQuery(sort=NEWEST_FIRST, limit=0), project_id="p", marker=str(uuid.uuid4())
        )
    assert cloud.servers.page(ServerQuery(sort=NEWEST_FIRST, limit=0), project_id="p").rows == ()
