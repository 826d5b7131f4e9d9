"""``/servers/{id}/tags`` over two cells and cell0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nova.api.compute.server_tags.operations import ServerTags
from nova.cells.servers import Servers
from nova.domain.server import Server
from tests.api.deployment import Deployment, sample

MISSING = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"
MEMBER = "member,reader"
READER = "reader"


class TagCloud(Deployment):
    """Serves tags."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        servers = Servers(
            api_database=self.api_database,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
        )
        self.serve(ServerTags(servers=servers, scatter=self.scatter, links=self.links))

    def ask(self, server: Server | str, tag: str = "", *, status: int = 200, **how: Any) -> Any:
        """The JSON of an answer with this status; None when it has no body."""
        uuid = server if isinstance(server, str) else server.uuid
        path = f"/servers/{uuid}/tags{tag}"
        answer = self.request(path, **{"version": "2.26", "roles": MEMBER, **how})
        assert answer.status_int == status, answer.text
        return answer.json if answer.body else None

    def put(self, server: Server, *tags: Any, status: int = 200, **how: Any) -> Any:
        return self.ask(server, method="PUT", body={"tags": list(tags)}, status=status, **how)

    def tags(self, server: Server) -> list[str]:
        found: list[str] = self.ask(server)["tags"]
        return found


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[TagCloud]:
    deployment = TagCloud(tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def server(cloud: TagCloud) -> Server:
    return cloud.add_server("cell2", tags=("one", "two"))


def test_answers_look_as_documented(cloud: TagCloud, server: Server) -> None:
    asked = sample("os-server-tags/v2.26/server-tags-put-all-req.json")
    answer = cloud.ask(server, method="PUT", body=asked)
    assert answer == sample("os-server-tags/v2.26/server-tags-put-all-resp.json")
    assert cloud.ask(server) == sample("os-server-tags/v2.26/server-tags-index-resp.json")


def test_all_are_replaced_each_once(cloud: TagCloud, server: Server) -> None:
    assert cloud.put(server, "two", "three", "two") == {"tags": ["three", "two"]}
    assert cloud.tags(server) == ["three", "two"]
    assert cloud.put(server) == {"tags": []}


def test_all_are_taken_away(cloud: TagCloud, server: Server) -> None:
    assert cloud.ask(server, method="DELETE", status=204) is None
    assert cloud.tags(server) == []
    cloud.ask(server, method="DELETE", status=204)


def test_one_is_put_looked_for_and_taken_away(cloud: TagCloud, server: Server) -> None:
    path = f"/servers/{server.uuid}/tags/a%20b"
    first = cloud.request(path, method="PUT", version="2.26", roles=MEMBER)
    assert (first.status_int, first.body) == (201, b"")
    assert first.headers["Location"] == f"http://openstack.example.com/v2.1{path}"
    again = cloud.request(path, method="PUT", version="2.26", roles=MEMBER)
    assert (again.status_int, "Location" in again.headers) == (204, False)
    assert cloud.tags(server) == ["a b", "one", "two"]
    assert cloud.ask(server, "/a%20b", status=204) is None
    cloud.ask(server, "/a%20b", method="DELETE", status=204)
    for method in ("GET", "DELETE"):
        cloud.ask(server, "/a%20b", method=method, status=404)


def test_upper_and_lower_case_are_different_tags(cloud: TagCloud, server: Server) -> None:
    assert cloud.put(server, "web", "Web") == {"tags": ["Web", "web"]}
    cloud.ask(server, "/WEB", status=404)


def test_blanks_at_the_end_are_no_part_of_a_tag(cloud: TagCloud, server: Server) -> None:
    """MariaDB takes "a" and "a " for the same."""
    assert cloud.put(server, "a", "a ", " a") == {"tags": [" a", "a"]}
    cloud.ask(server, "/a%20", method="PUT", status=204)
    cloud.put(server, "  ", status=400)


def test_no_server_has_more_than_fifty(cloud: TagCloud, server: Server) -> None:
    many = [f"tag{number}" for number in range(50)]
    assert len(cloud.put(server, *many)["tags"]) == 50
    cloud.put(server, *many, "one more", status=400)
    told = cloud.ask(server, "/one-more", method="PUT", status=400)
    assert "50" in told["badRequest"]["message"]
    cloud.ask(server, "/tag7", method="PUT", status=204)
    assert len(cloud.tags(server)) == 50


@pytest.mark.parametrize("tag", ["", "a,b", "a/b", "x" * 61, "nul\0", 7, None])
def test_what_can_be_no_tag_is_refused(cloud: TagCloud, server: Server, tag: Any) -> None:
    cloud.put(server, tag, status=400)
    assert cloud.tags(server) == ["one", "two"]


@pytest.mark.parametrize("tag", ["a,b", "x" * 61, "%20"])
def test_path_with_what_can_be_no_tag_is_refused(cloud: TagCloud, server: Server, tag: str) -> None:
    cloud.ask(server, f"/{tag}", method="PUT", status=400)


@pytest.mark.parametrize("body", [None, {}, {"tags": "one"}, {"tags": [], "more": 1}])
def test_bad_body_is_refused(cloud: TagCloud, server: Server, body: Any) -> None:
    cloud.ask(server, method="PUT", body=body, status=400)


@pytest.mark.parametrize("vm_state", ["building", "error", "rescued", "resized", "shelved"])
def test_states_that_do_not_permit_a_change(cloud: TagCloud, vm_state: str) -> None:
    server = cloud.add_server("cell1", vm_state=vm_state, tags=("kept",))
    told = cloud.put(server, "new", status=409)
    assert vm_state in told["conflictingRequest"]["message"]
    cloud.ask(server, method="DELETE", status=409)
    cloud.ask(server, "/new", method="PUT", status=409)
    cloud.ask(server, "/kept", method="DELETE", status=409)
    assert cloud.tags(server) == ["kept"]


@pytest.mark.parametrize("vm_state", ["active", "paused", "suspended", "stopped"])
def test_states_that_permit_a_change(cloud: TagCloud, vm_state: str) -> None:
    server = cloud.add_server("cell1", vm_state=vm_state, locked_by="owner")
    cloud.put(server, "new")


def test_server_of_another_project_is_not_there(cloud: TagCloud, server: Server) -> None:
    cloud.ask(server, status=404, project=OTHER)
    cloud.put(server, "mine", status=404, project=OTHER)
    cloud.ask(server, project=OTHER, roles="admin")
    cloud.ask(MISSING, status=404)


def test_readers_read(cloud: TagCloud, server: Server) -> None:
    cloud.ask(server, roles=READER)
    cloud.ask(server, "/one", roles=READER, status=204)
    cloud.put(server, "x", roles=READER, status=403)
    cloud.ask(server, method="DELETE", roles=READER, status=403)
    cloud.ask(server, "/x", method="PUT", roles=READER, status=403)
    cloud.ask(server, "/one", method="DELETE", roles=READER, status=403)


def test_tags_came_with_2_26(cloud: TagCloud, server: Server) -> None:
    cloud.ask(server, version="2.25", status=404)
    cloud.ask(server, "?odd=1", version="2.74")
    cloud.ask(server, "?odd=1", version="2.75", status=400)


def test_other_cells_may_be_down(cloud: TagCloud, server: Server) -> None:
    lost = cloud.add_server("cell1", tags=("lost",))
    cloud.silence("cell1")
    cloud.silence("cell0")
    assert cloud.put(server, "there") == {"tags": ["there"]}
    cloud.ask(lost, status=503)
    cloud.put(lost, "new", status=503)
