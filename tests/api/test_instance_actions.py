"""``/servers/{id}/os-instance-actions`` over two cells, for build requests and deleted servers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from nova.api.compute.instance_actions.operations import InstanceActions
from nova.db.api.models import build_request_events, build_requests
from nova.db.cell.models import instance_actions, instance_actions_events
from nova.domain.server import Server
from tests.api.deployment import NOW, PROJECT, AnyServer, Deployment, keys_of, make_server, sample


class Cloud(Deployment):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.finder = AnyServer(self)
        self.serve(
            InstanceActions(
                servers=self.finder,
                api_database=self.api_database,
                registry=self.registry,
                scatter=self.scatter,
                paging=self.paging,
                links=self.links,
            )
        )

    def ask(self, server: Server, path: str = "", *, status: int = 200, **more: Any) -> Any:
        answer = self.request(f"/servers/{server.uuid}/os-instance-actions{path}", **more)
        assert answer.status_int == status, answer.text
        return answer.json

    def add_action(self, cell: str, server: Server, name: str, *, minute: int, **more: Any) -> None:
        """An action that began ``minute`` minutes after NOW and was changed half a minute later."""
        start = NOW + timedelta(minutes=minute)
        with self.databases[cell].write() as tx:
            action = tx.execute(
                sa.insert(instance_actions).values(
                    action=name,
                    instance_uuid=server.uuid,
                    request_id=f"req-{minute}",
                    user_id="fake",
                    project_id=PROJECT,
                    start_time=start,
                    **{"updated_at": start + timedelta(seconds=30), "state": "done", **more},
                )
            ).inserted_primary_key[0]
            tx.execute(
                sa.insert(instance_actions_events).values(
                    action_id=action, **event_values(name, start)
                )
            )


def event_values(name: str, start: datetime) -> dict[str, Any]:
    return {
        "event": f"compute_{name}_instance",
        "start_time": start,
        "finish_time": start + timedelta(seconds=20),
        "result": "Success",
        "traceback": "Traceback ...",
        "host": "compute",
        "details": "why",
    }


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    deployment = Cloud(tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def server(cloud: Cloud) -> Server:
    """A server in the second cell that was created and stopped."""
    found = cloud.add_server("cell2")
    cloud.add_action("cell2", found, "create", minute=1)
    cloud.add_action("cell2", found, "stop", minute=2)
    return found


FOLDERS = [
    ("2.1", ""),
    ("2.21", "v2.21/"),
    ("2.51", "v2.51/"),
    ("2.58", "v2.58/"),
    ("2.62", "v2.62/"),
    ("2.66", "v2.66/"),
    ("2.84", "v2.84/"),
]


@pytest.mark.parametrize(("version", "folder"), FOLDERS)
def test_list_and_show_look_as_documented(
    cloud: Cloud, server: Server, version: str, folder: str
) -> None:
    names = {"actions-list-resp": "", "action-get-resp": "/req-2"}
    if version >= "2.58":
        names["actions-list-with-limit-resp"] = "?limit=1"
        names["actions-list-with-marker-resp"] = "?marker=req-2"
        names["actions-list-with-changes-since"] = "?changes-since=2026-03-01T12:02:00Z"
    if version >= "2.66":
        names["actions-list-with-changes-before"] = "?changes-before=2026-03-01T12:10:00Z"
    for name, path in names.items():
        expected = sample(f"os-instance-actions/{folder}instance-{name}.json")
        assert keys_of(cloud.ask(server, path, version=version)) == keys_of(expected), name


@pytest.mark.parametrize(("version", "folder"), FOLDERS[2:])
def test_show_to_tenants_looks_as_documented(
    cloud: Cloud, server: Server, version: str, folder: str
) -> None:
    expected = sample(f"os-instance-actions/{folder}instance-action-get-non-admin-resp.json")
    answer = cloud.ask(server, "/req-2", version=version, roles="reader")
    assert keys_of(answer) == keys_of(expected)


def test_tenants_see_no_events_before_2_51(cloud: Cloud, server: Server) -> None:
    answer = cloud.ask(server, "/req-2", version="2.50", roles="reader")
    assert "events" not in answer["instanceAction"]


def test_event_names_its_host_by_a_hash(cloud: Cloud, server: Server) -> None:
    events = cloud.ask(server, "/req-2", version="2.84")["instanceAction"]["events"]
    assert events == [
        {
            "event": "compute_stop_instance",
            "start_time": "2026-03-01T12:02:00.000000",
            "finish_time": "2026-03-01T12:02:20.000000",
            "result": "Success",
            "traceback": "Traceback ...",
            "host": "compute",
            "hostId": hashlib.sha224(f"{PROJECT}compute".encode()).hexdigest(),
            "details": "why",
        }
    ]


def test_newest_action_comes_first(cloud: Cloud, server: Server) -> None:
    found = cloud.ask(server)["instanceActions"]
    assert [row["action"] for row in found] == ["stop", "create"]
    assert {row["instance_uuid"] for row in found} == {server.uuid}


def test_pages_hold_every_action_once(cloud: Cloud, server: Server) -> None:
    for minute in (3, 4, 5):
        cloud.add_action("cell2", server, "reboot", minute=minute)
    path, seen = "?limit=2", []
    while path:
        answer = cloud.ask(server, path, version="2.58")
        seen += [row["request_id"] for row in answer["instanceActions"]]
        links = answer.get("links")
        path = f"?{urlsplit(links[0]['href']).query}" if links else ""
    assert seen == ["req-5", "req-4", "req-3", "req-2", "req-1"]


def test_two_actions_of_one_request_do_not_stop_paging(cloud: Cloud, server: Server) -> None:
    for minute in (3, 4):
        cloud.add_action("cell2", server, "attach_volume", minute=minute)
    with cloud.databases["cell2"].write() as tx:
        tx.execute(
            sa.update(instance_actions)
            .where(instance_actions.c.action == "attach_volume")
            .values(request_id="req-twice")
        )
    answer = cloud.ask(server, "?marker=req-twice&limit=1", version="2.58")
    assert [row["request_id"] for row in answer["instanceActions"]] == ["req-2"]


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("changes-since=2026-03-01T12:01:30", ["stop", "create"]),
        ("changes-since=2026-03-01T12:01:31Z", ["stop"]),
        ("changes-since=2026-03-01T13:01:31%2B01:00", ["stop"]),
        ("changes-before=2026-03-01T12:01:30Z", ["create"]),
        ("changes-since=2026-03-01T12:02:00Z&changes-before=2026-03-01T12:02:10Z", []),
    ],
)
def test_changes_are_those_between_the_times(
    cloud: Cloud, server: Server, query: str, seen: list[str]
) -> None:
    found = cloud.ask(server, f"?{query}", version="2.66")["instanceActions"]
    assert [row["action"] for row in found] == seen


@pytest.mark.parametrize(
    ("path", "version", "status"),
    [
        ("?limit=x", "2.58", 400),
        ("?limit=1&limit=2", "2.58", 400),
        ("?marker=req-nothing", "2.58", 400),
        ("?changes-since=soon", "2.58", 400),
        ("?changes-before=2026-03-01T12:00:00Z", "2.65", 400),
        ("?changes-since=2026-03-02T00:00:00Z&changes-before=2026-03-01T00:00:00Z", "2.66", 400),
        ("?odd=1", "2.57", 200),
        ("?odd=1", "2.58", 400),
        ("/req-nothing", "2.84", 404),
    ],
)
def test_bad_question_is_refused(
    cloud: Cloud, server: Server, path: str, version: str, status: int
) -> None:
    cloud.ask(server, path, version=version, status=status)


def test_deleted_server_is_shown_since_2_21(cloud: Cloud) -> None:
    deleted = cloud.add_server("cell1", deleted=7, vm_state="deleted")
    cloud.add_action("cell1", deleted, "delete", minute=1)
    cloud.ask(deleted, version="2.20", status=404)
    cloud.ask(deleted, "/req-1", version="2.20", status=404)
    assert len(cloud.ask(deleted, version="2.21")["instanceActions"]) == 1
    assert cloud.ask(deleted, "/req-1", version="2.21")["instanceAction"]["action"] == "delete"


def test_build_request_shows_its_create_action(cloud: Cloud) -> None:
    server = make_server()
    cloud.finder.build_requests[server.uuid] = server
    cloud.map_server(server, None)
    with cloud.api_database.write() as tx:
        build = tx.execute(
            sa.insert(build_requests).values(
                instance_uuid=server.uuid,
                project_id=PROJECT,
                user_id="fake",
                server={},
                action="create",
                request_id="req-build",
                start_time=NOW,
                created_at=NOW,
                state="running",
            )
        ).inserted_primary_key[0]
        tx.execute(
            sa.insert(build_request_events).values(action_id=build, **event_values("place", NOW))
        )
    found = cloud.ask(server, version="2.58")["instanceActions"]
    assert [(row["action"], row["request_id"]) for row in found] == [("create", "req-build")]
    shown = cloud.ask(server, "/req-build", version="2.84")["instanceAction"]
    assert [event["event"] for event in shown["events"]] == ["compute_place_instance"]
    cloud.ask(server, "/req-other", version="2.84", status=404)


def test_server_of_a_silent_cell_is_unavailable(cloud: Cloud, server: Server) -> None:
    cloud.finder.build_requests[server.uuid] = server
    cloud.silence("cell2")
    cloud.ask(server, status=503)
    cloud.ask(server, "/req-1", status=503)


def test_stranger_is_refused(cloud: Cloud, server: Server) -> None:
    for path in ("", "/req-2"):
        cloud.ask(server, path, roles="member,reader", project="0" * 32, status=403)
