"""``/os-migrations`` and ``/servers/{id}/migrations`` over two cells."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from nova.api.compute.migrations.operations import MigrationOperations
from nova.api.compute.server_migrations.operations import ServerMigrations
from nova.cells.migrations import Migrations
from nova.cells.servers import Servers
from nova.domain.migration import Migration, MigrationStatus, MigrationType, Progress
from nova.domain.server import Server
from tests.api.deployment import NOW, PROJECT, Deployment, keys_of, make_server, sample
from tests.api.moves import add_migration

MISSING = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    servers = Servers(
        api_database=deployment.api_database,
        registry=deployment.registry,
        targets=deployment.targets,
        scatter=deployment.scatter,
    )
    deployment.serve(
        MigrationOperations(
            migrations=Migrations(registry=deployment.registry, scatter=deployment.scatter),
            paging=deployment.paging,
            links=deployment.links,
        ),
        ServerMigrations(servers=servers, scatter=deployment.scatter),
    )
    yield deployment
    deployment.close()


@pytest.fixture
def four(cloud: Deployment) -> list[Migration]:
    """As in the documented lists: two of a server in each cell, the newest first."""
    first, second = cloud.add_server("cell1"), cloud.add_server("cell2")
    resize = {"migration_type": MigrationType.RESIZE, "updated_at": NOW + timedelta(minutes=10)}
    return [
        add_migration(cloud, "cell2", second, minute=4, status=MigrationStatus.MIGRATING, **resize),
        add_migration(cloud, "cell2", second, minute=3, status=MigrationStatus.ERROR, **resize),
        add_migration(cloud, "cell1", first, minute=2, status=MigrationStatus.ERROR),
        add_migration(cloud, "cell1", first, minute=1),
    ]


def ask(
    cloud: Deployment, path: str, *, version: str = "2.80", status: int = 200, **more: Any
) -> Any:
    answer = cloud.request(path, version=version, **more)
    assert answer.status_int == status, answer.text
    return answer.json


def listed(cloud: Deployment, query: str = "", **more: Any) -> list[str]:
    return [row["uuid"] for row in ask(cloud, f"/os-migrations{query}", **more)["migrations"]]


def uuids(migrations: list[Migration]) -> list[str]:
    return [migration.uuid for migration in migrations]


@pytest.mark.parametrize(
    ("version", "folder"),
    [("2.1", ""), ("2.23", "v2.23/"), ("2.59", "v2.59/"), ("2.66", "v2.66/"), ("2.80", "v2.80/")],
)
def test_list_looks_as_documented(
    cloud: Deployment, four: list[Migration], version: str, folder: str
) -> None:
    names = {"migrations-get": ""}
    if version >= "2.59":
        names["migrations-get-with-limit"] = "?limit=1"
        names["migrations-get-with-marker"] = f"?marker={four[2].uuid}"
        names["migrations-get-with-changes-since"] = "?changes-since=2026-03-01T12:09:00Z"
    if version >= "2.66":
        names["migrations-get-with-changes-before"] = "?changes-before=2026-03-01T12:01:00Z"
    if version >= "2.80":
        names["migrations-get-with-user-or-project-id"] = f"?project_id={PROJECT}&user_id=fake"
    for name, query in names.items():
        expected = keys_of(sample(f"os-migrations/{folder}{name}.json"))
        answer = keys_of(ask(cloud, f"/os-migrations{query}", version=version))
        if "user-or-project" in name:
            # The documented answer holds migrations of one server only.
            answer["migrations"] = [form for form in answer["migrations"] if "links" not in form]
            expected["migrations"] = [
                form for form in expected["migrations"] if "links" not in form
            ]
        forms = [answer.pop("migrations"), expected.pop("migrations")]
        assert answer == expected, name
        assert sorted(map(str, forms[0])) == sorted(map(str, forms[1])), name


def test_os_migrations_span_cells(cloud: Deployment, four: list[Migration]) -> None:
    """os-migrations, server migrations and os-simple-tenant-usage (paged from 2.40) span cells: the lists."""
    assert listed(cloud) == uuids(four)
    found = ask(cloud, "/os-migrations")["migrations"][3]
    assert found == {
        "id": four[3].id,
        "uuid": four[3].uuid,
        "instance_uuid": four[3].server_uuid,
        "project_id": PROJECT,
        "user_id": "fake",
        "status": "running",
        "migration_type": "live-migration",
        "created_at": "2026-03-01T12:01:00.000000",
        "updated_at": None,
        "source_compute": "compute1",
        "source_node": "node1",
        "dest_compute": "compute2",
        "dest_node": "node2",
        "dest_host": "192.0.2.2",
        "old_instance_type_id": 1,
        "new_instance_type_id": 2,
        "links": [
            {
                "rel": rel,
                "href": f"http://openstack.example.com{version}/servers/{four[3].server_uuid}/migrations/2",
            }
            for rel, version in (("self", "/v2.1"), ("bookmark", ""))
        ],
    }


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_put_together_are_the_list(cloud: Deployment, limit: int) -> None:
    """Migrations of two cells with the same numbers and moments: none is missing, none comes twice."""
    made = [
        add_migration(cloud, cell, minute=minute)
        for minute in (1, 1, 2)
        for cell in ("cell1", "cell2")
    ]
    seen: list[str] = []
    path: str | None = f"/os-migrations?limit={limit}"
    while path is not None:
        page = ask(cloud, path, version="2.59")
        assert len(page["migrations"]) <= limit
        seen += [row["uuid"] for row in page["migrations"]]
        links = page.get("migrations_links")
        parts = urlsplit(links[0]["href"]) if links else None
        path = f"{parts.path.removeprefix('/v2.1')}?{parts.query}" if parts else None
    assert seen == listed(cloud, version="2.59")
    assert sorted(seen) == sorted(uuids(made))


def test_page_of_nothing_is_empty(cloud: Deployment, four: list[Migration]) -> None:
    assert ask(cloud, "/os-migrations?limit=0") == {"migrations": []}


def test_there_are_no_pages_before_2_59(cloud: Deployment, four: list[Migration]) -> None:
    answer = ask(cloud, f"/os-migrations?limit=1&marker={MISSING}&odd=1", version="2.58")
    assert len(answer["migrations"]) == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?status=error", [1, 2]),
        ("?status=error&status=running", [3]),
        ("?migration_type=resize", [0, 1]),
        ("?host=compute2", [0, 1, 2, 3]),
        ("?host=compute1", [0, 1, 2, 3]),
        ("?host=compute", []),
        ("?source_compute=compute1", [0, 1, 2, 3]),
        ("?source_compute=compute2", []),
        ("?hidden=1", []),
        ("?hidden=false", [0, 1, 2, 3]),
        ("?user_id=fake", [0, 1, 2, 3]),
        ("?user_id=nobody", []),
        (f"?project_id={PROJECT}", [0, 1, 2, 3]),
        (f"?project_id={OTHER}", []),
        ("?changes-since=2026-03-01T12:02:00Z", [0, 1, 2]),
        ("?changes-since=2026-03-01T12:02:01", [0, 1]),
        ("?changes-before=2026-03-01T12:02:00Z", [2, 3]),
        ("?changes-since=2026-03-01T12:02:00Z&changes-before=2026-03-01T12:02:00Z", [2]),
    ],
)
def test_filters_reach_every_cell(
    cloud: Deployment, four: list[Migration], query: str, expected: list[int]
) -> None:
    assert listed(cloud, query) == [four[at].uuid for at in expected]


def test_list_of_one_server(cloud: Deployment, four: list[Migration]) -> None:
    assert listed(cloud, f"?instance_uuid={four[0].server_uuid}") == uuids(four[:2])


@pytest.mark.parametrize(
    ("version", "query"),
    [
        ("2.59", "?odd=1"),
        ("2.59", f"?marker={MISSING}"),
        ("2.59", "?limit=-1"),
        ("2.59", "?limit=1&limit=2"),
        ("2.59", "?changes-since=yesterday"),
        ("2.59", "?changes-since=0001-01-01T00:00:00%2B14:00"),
        ("2.59", "?changes-before=2026-03-01T12:02:00Z"),
        ("2.66", "?changes-since=2026-03-01T12:02:01Z&changes-before=2026-03-01T12:02:00Z"),
        ("2.79", "?user_id=fake"),
        ("2.80", "?user_id=fake&user_id=other"),
        ("2.1", "?hidden=perhaps"),
        ("2.1", "?status=a%00b"),
    ],
)
def test_senseless_query_is_refused(
    cloud: Deployment, four: list[Migration], version: str, query: str
) -> None:
    assert "badRequest" in ask(cloud, f"/os-migrations{query}", version=version, status=400)


def test_silent_cell_is_left_out(cloud: Deployment, four: list[Migration]) -> None:
    cloud.silence("cell2")
    assert listed(cloud) == uuids(four[2:])
    assert listed(cloud, f"?marker={four[2].uuid}") == uuids(four[3:])
    # Not told as an unknown marker: the client's place in the list is not lost.
    ask(cloud, f"/os-migrations?marker={four[0].uuid}", status=503)


def test_managers_see_their_own_project_without_hosts(
    cloud: Deployment, four: list[Migration]
) -> None:
    add_migration(cloud, "cell1", make_server(project_id=OTHER), minute=9)
    own = f"?project_id={PROJECT}"
    found = ask(cloud, f"/os-migrations{own}", roles="manager,member,reader")["migrations"]
    assert [row["uuid"] for row in found] == uuids(four)
    for row in found:
        hosts = [name for name in row if name.startswith(("source_", "dest_"))]
        assert {name: row[name] for name in hosts} == dict.fromkeys(hosts), row
    for refused in ("", f"?project_id={OTHER}", f"{own}&host=compute1", f"{own}&source_compute=x"):
        ask(cloud, f"/os-migrations{refused}", roles="manager,member,reader", status=403)
    ask(cloud, f"/os-migrations{own}", roles="member,reader", status=403)


def test_marker_of_another_project_is_unknown(cloud: Deployment, four: list[Migration]) -> None:
    alien = add_migration(cloud, "cell1", make_server(project_id=OTHER), minute=9)
    query = f"/os-migrations?project_id={PROJECT}&marker={alien.uuid}"
    ask(cloud, query, roles="manager,member,reader", status=400)


# Of one server.


@pytest.fixture
def moving(cloud: Deployment) -> tuple[Server, Migration]:
    """A server of the second cell in the middle of a live migration."""
    server = cloud.add_server("cell2")
    cloud.add_server("cell1")
    for status in (MigrationStatus.COMPLETED, MigrationStatus.CANCELLED, MigrationStatus.ERROR):
        add_migration(cloud, "cell2", server, status=status)
    add_migration(
        cloud,
        "cell2",
        server,
        migration_type=MigrationType.RESIZE,
        status=MigrationStatus.FINISHED,
    )
    progress = Progress(123456, 12345, 111111, 234567, 23456, 211111)
    return server, add_migration(cloud, "cell2", server, minute=1, progress=progress)


@pytest.mark.parametrize("version", ["2.23", "2.59", "2.80"])
def test_live_migrations_look_as_documented(
    cloud: Deployment, moving: tuple[Server, Migration], version: str
) -> None:
    server, migration = moving
    path = f"/servers/{server.uuid}/migrations"
    for name, url in (
        ("migrations-index", path),
        ("migrations-get", f"{path}/{migration.id}"),
    ):
        expected = sample(f"server-migrations/v{version}/{name}.json")
        answer = ask(cloud, url, version=version)
        assert keys_of(answer) == keys_of(expected)
        found = answer["migrations"][0] if "migrations" in answer else answer["migration"]
        wanted = expected["migrations"][0] if "migrations" in expected else expected["migration"]
        sizes = [key for key in wanted if key.endswith("_bytes")]
        assert {key: found[key] for key in sizes} == {key: wanted[key] for key in sizes}


def test_server_migrations_span_cells(cloud: Deployment, moving: tuple[Server, Migration]) -> None:
    """os-migrations, server migrations and os-simple-tenant-usage (paged from 2.40) span cells: those of a server."""
    server, migration = moving
    other = cloud.add_server("cell1")
    theirs = add_migration(cloud, "cell1", other)
    for owner, its in ((server, migration), (other, theirs)):
        path = f"/servers/{owner.uuid}/migrations"
        assert [row["uuid"] for row in ask(cloud, path)["migrations"]] == [its.uuid]
        assert ask(cloud, f"{path}/{its.id}")["migration"]["uuid"] == its.uuid


@pytest.mark.parametrize("number", ["0", "1", "4", "77", "x", "9" * 40])
def test_only_live_migrations_in_progress_are_shown(
    cloud: Deployment, moving: tuple[Server, Migration], number: str
) -> None:
    server, migration = moving
    assert str(migration.id) != number
    ask(cloud, f"/servers/{server.uuid}/migrations/{number}", status=404)


def test_migration_of_another_server_is_not_shown(
    cloud: Deployment, moving: tuple[Server, Migration]
) -> None:
    other = cloud.add_server("cell2")
    ask(cloud, f"/servers/{other.uuid}/migrations/{moving[1].id}", status=404)
    assert ask(cloud, f"/servers/{other.uuid}/migrations") == {"migrations": []}


def test_migrations_of_unknown_and_unreachable_servers(
    cloud: Deployment, moving: tuple[Server, Migration]
) -> None:
    ask(cloud, f"/servers/{MISSING}/migrations", status=404)
    ask(cloud, f"/servers/{MISSING}/migrations/1", status=404)
    ask(cloud, f"/servers/{moving[0].uuid}/migrations", version="2.22", status=404)
    ask(cloud, f"/servers/{moving[0].uuid}/migrations?odd=1", version="2.74")
    ask(cloud, f"/servers/{moving[0].uuid}/migrations?odd=1", version="2.75", status=400)
    cloud.silence("cell2")
    ask(cloud, f"/servers/{moving[0].uuid}/migrations", status=503)


def test_managers_see_no_hosts_and_strangers_nothing(
    cloud: Deployment, moving: tuple[Server, Migration]
) -> None:
    path = f"/servers/{moving[0].uuid}/migrations"
    manager = {"roles": "manager,member,reader"}
    [row] = ask(cloud, path, **manager)["migrations"]
    assert row["uuid"] == moving[1].uuid
    assert {row["source_compute"], row["source_node"], row["dest_compute"], row["dest_host"]} == {
        None
    }
    ask(cloud, f"{path}/{moving[1].id}", status=403, **manager)
    ask(cloud, path, status=403, roles="member,reader")
    ask(cloud, path, status=404, project=str(uuid.uuid4()), **manager)
