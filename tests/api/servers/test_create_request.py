"""What ``POST /servers`` takes and refuses, and what it records. Nothing is built here."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from nova.db.api import builds, key_pairs, quotas
from nova.db.api.key_pairs import KeyPair
from nova.db.api.models import build_requests, instance_mappings, request_specs
from nova.domain.server import Server
from nova.lifecycle.unique_names import NameScope
from tests.api.deployment import PROJECT
from tests.api.servers.service import IMAGE, ServerCloud

USER = "member,reader"
READER = "reader"
NEWEST = "2.103"
OTHER_PROJECT = "0123456789abcdef0123456789abcdef"


def body(hints: Any = None, **server: Any) -> dict[str, Any]:
    """A create request; None takes a key away."""
    full = {"name": "one", "imageRef": IMAGE, "flavorRef": "1", "networks": "none", **server}
    found: dict[str, Any] = {"server": {k: v for k, v in full.items() if v is not None}}
    return found if hints is None else {**found, "os:scheduler_hints": hints}


def create(
    cloud: ServerCloud, *, hints: Any = None, how: Any = None, **server: Any
) -> list[Server]:
    """The servers that a request promises, in the order of their numbers."""
    cloud.answer(
        "/servers",
        method="POST",
        body=body(hints, **server),
        status=202,
        **{"version": NEWEST, **(how or {})},
    )
    with cloud.api_database.read() as tx:
        found = [build.server for build in builds.visible(tx)]
    return sorted(found, key=lambda each: each.launch_index)


def refused(
    cloud: ServerCloud, status: int = 400, *, hints: Any = None, how: Any = None, **server: Any
) -> str:
    """The text of a refusal, after which nothing is recorded."""
    text = cloud.refused(
        "/servers",
        status,
        method="POST",
        body=body(hints, **server),
        **{"version": NEWEST, **(how or {})},
    )
    for table in (build_requests, instance_mappings, request_specs):
        assert cloud.rows(table) == []
    return text


def test_every_field_is_kept(cloud: ServerCloud) -> None:
    cloud.add_zone("us-west", "h1")
    cloud.add_group(str(uuid.UUID(int=1)))
    with cloud.api_database.write() as tx:
        key_pairs.create_key_pair(
            tx,
            KeyPair(
                user_id="admin", name="key", type="ssh", fingerprint="f", public_key="ssh-rsa A"
            ),
            limit=-1,
        )
    [server] = create(
        cloud,
        hints={"group": str(uuid.UUID(int=1)), "own": ["x"]},
        name="one",
        adminPass="secret",
        metadata={"k": "v"},
        **{"OS-DCF:diskConfig": "MANUAL"},
        accessIPv4="1.2.3.4",
        accessIPv6="fd00::1",
        availability_zone="us-west",
        config_drive="on",
        key_name="key",
        security_groups=[{"name": "web"}, {"name": "db"}],
        user_data="aGVsbG8=",
        description="a server",
        tags=["b", "a"],
        trusted_image_certificates=["c1"],
        hostname="one.example.com",
    )
    assert server.metadata == {"k": "v"}
    assert not server.auto_disk_config
    assert (server.access_ip_v4, server.access_ip_v6) == ("1.2.3.4", "fd00::1")
    assert (server.availability_zone, server.pinned_availability_zone) == ("us-west", "us-west")
    assert server.config_drive
    assert (server.key_name, server.key_data) == ("key", "ssh-rsa A")
    assert server.security_groups == ("web", "db")
    assert server.user_data == "aGVsbG8="
    assert server.display_description == "a server"
    assert server.tags == ("a", "b")
    assert server.trusted_certs == ("c1",)
    assert server.hostname == "one.example.com"
    assert server.scheduler_hints == {"group": str(uuid.UUID(int=1)), "own": ["x"]}
    assert server.image_properties["architecture"] == "x86_64"
    [row] = cloud.rows(request_specs)
    assert row.spec["availability_zone"] == "us-west"
    assert row.spec["scheduler_hints"]["own"] == ["x"]


def test_defaults(cloud: ServerCloud) -> None:
    [server] = create(cloud)
    assert (server.vm_state, server.task_state) == ("building", "scheduling")
    assert server.security_groups == ("default",)
    assert server.auto_disk_config
    assert server.hostname == "one"
    assert server.display_description is None
    assert (server.availability_zone, server.key_name, server.user_data) == (None, None, None)
    assert server.reservation_id
    assert server.reservation_id.startswith("r-")


def test_description_is_the_name_until_2_18(cloud: ServerCloud) -> None:
    [server] = create(cloud, networks=None, how={"version": "2.18"})
    assert server.display_description == "one"


def test_hostname_of_a_name_of_which_nothing_is_left(cloud: ServerCloud) -> None:
    [server] = create(cloud, name="日本")
    assert server.hostname == f"server-{server.uuid}".replace("server", "Server")


def test_answer_names_the_first_server_and_its_password(cloud: ServerCloud) -> None:
    answer = cloud.request("/servers", method="POST", body=body(), version=NEWEST)
    shown = answer.json["server"]
    assert set(shown) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert len(shown["adminPass"]) == 12
    assert answer.headers["Location"] == shown["links"][0]["href"]
    assert answer.headers["Location"].endswith(f"/v2.1/servers/{shown['id']}")
    given = cloud.answer(
        "/servers", method="POST", body=body(adminPass="mine"), version=NEWEST, status=202
    )
    assert given["server"]["adminPass"] == "mine"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"min_count": 2}, ["one-1", "one-2"]),
        ({"max_count": 3}, ["one-1", "one-2", "one-3"]),
        ({"min_count": "2", "max_count": "2"}, ["one-1", "one-2"]),
        ({"min_count": 1, "max_count": 1}, ["one"]),
    ],
)
def test_several_servers_are_numbered(
    cloud: ServerCloud, asked: dict[str, Any], names: list[str]
) -> None:
    found = create(cloud, **asked)
    assert [server.display_name for server in found] == names
    assert [server.hostname for server in found] == names
    assert [server.launch_index for server in found] == list(range(len(names)))
    assert len({server.reservation_id for server in found}) == 1
    assert len({server.uuid for server in found}) == len(names)


def test_own_hostname_is_numbered_too(cloud: ServerCloud) -> None:
    found = create(cloud, max_count=2, hostname="web")
    assert [server.hostname for server in found] == ["web-1", "web-2"]


def test_reservation_id_instead_of_the_server(cloud: ServerCloud) -> None:
    asked = body(max_count=2, return_reservation_id=True)
    answer = cloud.answer("/servers", method="POST", body=asked, version=NEWEST, status=202)
    assert list(answer) == ["reservation_id"]
    listed = cloud.answer(f"/servers?reservation_id={answer['reservation_id']}")["servers"]
    assert len(listed) == 2


def test_as_many_as_the_quota_allows_between_the_two_counts(cloud: ServerCloud) -> None:
    cloud.serve_servers(instances=3)
    assert len(create(cloud, min_count=2, max_count=9)) == 3


def test_quota_is_told_as_clients_know_it(cloud: ServerCloud) -> None:
    cloud.serve_servers(instances=1, cores=2, metadata_items=1)
    assert refused(cloud, 403, min_count=3) == (
        "Quota exceeded for cores, instances: Requested 3, 3, but already used 0, 0 of 2, 1 cores, instances"
    )
    assert "metadata items exceeds 1" in refused(cloud, 403, metadata={"a": "1", "b": "2"})
    with cloud.api_database.write() as tx:
        quotas.set_project_limits(tx, PROJECT, {"metadata_items": 0}, "admin")
    assert "metadata items exceeds 0" in refused(cloud, 403, metadata={"a": "1"})
    create(cloud)
    text = cloud.refused("/servers", 403, method="POST", body=body(), version=NEWEST)
    assert text == "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances"


def file(path: str = "/etc/motd", size: int = 5) -> dict[str, str]:
    """A file of that many bytes, as bodies have it."""
    return {"path": path, "contents": base64.b64encode(b"x" * size).decode()}


def test_injected_files_have_limits_of_number_path_and_content(cloud: ServerCloud) -> None:
    cloud.serve_servers(
        injected_files=2, injected_file_path_bytes=10, injected_file_content_bytes=6
    )
    how = {"version": "2.56"}

    def told(*files: dict[str, str]) -> str:
        return refused(cloud, 403, personality=[*files], how=how)

    assert "file limit exceeded: 3, at most 2" in told(file(), file(), file())
    # In bytes, not in characters or in base64.
    assert "path exceeded: 11, at most 10" in told(file("/etc/aa/\u20ac"))
    assert "content exceeded: 7, at most 6" in told(file(size=7))
    create(cloud, personality=[file("/etc/a/\u20ac", 6), file(size=0)], how=how)
    [build] = journal_payloads(cloud)
    assert [(each["path"], len(each["contents"])) for each in build["files"]] == [
        ("/etc/a/\u20ac", 8),
        ("/etc/motd", 0),
    ]


def test_injected_files_are_limited_by_user_project_and_class(cloud: ServerCloud) -> None:
    cloud.serve_servers(injected_files=9)

    def most() -> str:
        text = refused(cloud, 403, personality=[file()] * 10, how={"version": "2.56"})
        return text.split("at most ")[1].split()[0]

    assert most() == "9"
    with cloud.api_database.write() as tx:
        quotas.set_class_limits(tx, "default", {"injected_files": 8})
    assert most() == "8"
    with cloud.api_database.write() as tx:
        quotas.set_project_limits(tx, PROJECT, {"injected_files": 7})
    assert most() == "7"
    with cloud.api_database.write() as tx:
        quotas.set_project_limits(tx, PROJECT, {"injected_files": 6}, "admin")
    assert most() == "6"


def journal_payloads(cloud: ServerCloud) -> list[dict[str, Any]]:
    """What the journals of builds hold for their steps."""
    with cloud.api_database.read() as tx:
        rows = tx.execute(sa.select(build_requests.c.payload)).scalars().all()
    return [payload["values"] for payload in rows]


ABSENT = str(uuid.UUID(int=99))

#: A body that is refused, and a word of the reason.
BAD: list[tuple[dict[str, Any], str]] = [
    ({"colour": "blue"}, "colour"),
    ({"name": None}, "name"),
    ({"name": ""}, "name"),
    ({"name": " edge "}, "name"),
    ({"name": "x" * 256}, "name"),
    ({"name": 7}, "name"),
    ({"name": "a\u0007"}, "name"),
    ({"imageRef": None}, "imageRef"),
    ({"imageRef": ""}, "imageRef"),
    ({"imageRef": "tiny"}, "imageRef"),
    ({"imageRef": ABSENT}, "image"),
    ({"flavorRef": None}, "flavorRef"),
    ({"flavorRef": "lost"}, "lost"),
    ({"flavorRef": {}}, "flavorRef"),
    ({"networks": None}, "networks"),
    ({"networks": "all"}, "networks"),
    ({"networks": [{"uuid": ABSENT}]}, "network"),
    ({"networks": [{"uuid": "x"}]}, "uuid"),
    ({"networks": [{"colour": "blue"}]}, "colour"),
    ({"metadata": {"k": 7}}, "k"),
    ({"metadata": {"k" * 256: "v"}}, "metadata"),
    ({"metadata": {"k": "v" * 256}}, "k"),
    ({"metadata": {"": "v"}}, "metadata"),
    ({"metadata": []}, "metadata"),
    ({"accessIPv4": "fd00::1"}, "accessIPv4"),
    ({"accessIPv6": "1.2.3.4"}, "accessIPv6"),
    ({"OS-DCF:diskConfig": "SOMETIMES"}, "diskConfig"),
    ({"config_drive": "perhaps"}, "config_drive"),
    ({"key_name": "lost"}, "key_name"),
    ({"min_count": 0}, "min_count"),
    ({"min_count": "0"}, "min_count"),
    ({"max_count": -1}, "max_count"),
    ({"max_count": "x"}, "max_count"),
    ({"max_count": ""}, "max_count"),
    ({"min_count": 3, "max_count": 2}, "min_count"),
    ({"user_data": "not base64!"}, "user_data"),
    ({"description": "x" * 256}, "description"),
    ({"tags": ["a/b"]}, "a/b"),
    ({"tags": [str(n) for n in range(51)]}, "tags"),
    ({"tags": ["x" * 61]}, "too long"),
    ({"trusted_image_certificates": []}, "trusted_image_certificates"),
    ({"hostname": "a b"}, "hostname"),
    ({"availability_zone": "lost"}, "zone"),
    ({"availability_zone": "a:b:c:d"}, "availability_zone"),
    ({"availability_zone": "nova:lost"}, "lost"),
    ({"host": "lost"}, "lost"),
    ({"host": "h1", "availability_zone": "nova:h1"}, "zone:host:node"),
    ({"personality": []}, "personality"),
    ({"block_device_mapping": [], "block_device_mapping_v2": []}, "block_device_mapping"),
    ({"block_device_mapping": [{"volume_id": ABSENT, "device_name": "vda"}]}, "volume"),
    (
        {"block_device_mapping_v2": [{"source_type": "volume", "uuid": ABSENT, "boot_index": 0}]},
        "boot sequence",
    ),
    (
        {
            "block_device_mapping_v2": [
                {
                    "source_type": "image",
                    "destination_type": "local",
                    "uuid": ABSENT,
                    "boot_index": 0,
                }
            ]
        },
        "image",
    ),
    ({"security_groups": [{"name": ""}]}, "name"),
    ({"security_groups": "default"}, "security_groups"),
]


@pytest.mark.parametrize(("server", "word"), BAD, ids=[str(bad)[:60] for bad, _ in BAD])
def test_bad_body_is_refused_with_a_reason(
    cloud: ServerCloud, server: dict[str, Any], word: str
) -> None:
    cloud.add_compute("cell1", "h1")
    assert word in refused(cloud, **server)


@pytest.mark.parametrize(
    "hints",
    [{"group": "x"}, {"different_host": "x"}, {"cidr": "24"}, {"build_near_host_ip": "x"}, [], "x"],
)
def test_bad_hints_are_refused(cloud: ServerCloud, hints: Any) -> None:
    assert refused(cloud, hints=hints)


@pytest.mark.parametrize("whole", [None, {}, [], {"server": []}, {"server": {}, "more": 1}, "x"])
def test_body_that_is_no_create_request(cloud: ServerCloud, whole: Any) -> None:
    assert cloud.refused("/servers", 400, method="POST", body=whole, version=NEWEST)


#: A key, a good value, and the versions in which it is taken: first, last.
FIELDS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"description": "d"}, "2.19", None),
    ({"tags": ["a"]}, "2.52", None),
    ({"trusted_image_certificates": ["c"]}, "2.63", None),
    ({"host": "h1"}, "2.74", None),
    ({"hypervisor_hostname": "h1"}, "2.74", None),
    ({"hostname": "web"}, "2.90", None),
    ({"hostname": "web.example.com"}, "2.94", None),
    ({"networks": "none"}, "2.37", None),
]


@pytest.mark.parametrize(("server", "first", "last"), FIELDS, ids=[str(f[0]) for f in FIELDS])
def test_fields_by_version(
    cloud: ServerCloud, server: dict[str, Any], first: str, last: str | None
) -> None:
    cloud.add_compute("cell1", "h1")
    before = f"2.{int(first[2:]) - 1}"
    full = {"networks": None if int(before[2:]) < 37 else "none", **server}
    assert refused(cloud, how={"version": before}, **full)
    full = {"networks": None if int(first[2:]) < 37 else "none", **server}
    assert len(create(cloud, how={"version": first}, **full)) == 1


def test_hostname_is_a_label_until_2_93(cloud: ServerCloud) -> None:
    for hostname in ("-a", "a-", "a.b", "x", "x" * 64):
        assert "hostname" in refused(cloud, hostname=hostname, how={"version": "2.93"})


def test_file_injection_ends_with_2_56(cloud: ServerCloud) -> None:
    files = [{"path": "/etc/motd", "contents": "aGVsbG8="}]
    assert "personality" in refused(cloud, personality=files, how={"version": "2.57"})
    nonsense = [{"path": "/etc/motd", "contents": "a"}]
    assert "contents" in refused(cloud, personality=nonsense, how={"version": "2.56"})
    assert len(create(cloud, personality=[], how={"version": "2.56"})) == 1
    assert len(create(cloud, personality=files, how={"version": "2.56"})) == 2


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("nova", ("nova", None, None)),
        ("us-west", ("us-west", None, None)),
        ("us-west:h1", ("us-west", "h1", None)),
        ("us-west:h1:n1", ("us-west", "h1", "n1")),
        ("us-west::n1", ("us-west", None, "n1")),
        (":h1", (None, "h1", None)),
        ("us-west:", ("us-west", None, None)),
    ],
)
def test_zone_may_name_host_and_node(
    cloud: ServerCloud, zone: str, expected: tuple[str | None, str | None, str | None]
) -> None:
    cloud.add_compute("cell1", "h1")
    cloud.add_zone("us-west", "h1")
    [server] = create(cloud, availability_zone=zone)
    [row] = cloud.rows(request_specs)
    names = ("availability_zone", "forced_host", "forced_node")
    assert tuple(row.spec[name] for name in names) == expected
    assert server.availability_zone == expected[0]


def test_host_and_node_of_2_74_are_requested_and_not_forced(cloud: ServerCloud) -> None:
    cloud.add_compute("cell1", "h1")
    create(cloud, host="h1", hypervisor_hostname="n1")
    [row] = cloud.rows(request_specs)
    assert (row.spec["requested_host"], row.spec["requested_node"]) == ("h1", "n1")
    assert (row.spec["forced_host"], row.spec["forced_node"]) == (None, None)


@pytest.mark.parametrize(
    ("server", "rule"),
    [
        ({"availability_zone": "nova:h1"}, "os_compute_api:servers:create:forced_host"),
        ({"host": "h1"}, "compute:servers:create:requested_destination"),
        ({"hypervisor_hostname": "h1"}, "compute:servers:create:requested_destination"),
    ],
)
def test_choosing_the_host_is_for_administrators(
    cloud: ServerCloud, server: dict[str, Any], rule: str
) -> None:
    cloud.add_compute("cell1", "h1")
    assert rule in refused(cloud, 403, how={"roles": USER}, **server)
    assert len(create(cloud, **server)) == 1


def test_readers_create_nothing(cloud: ServerCloud) -> None:
    assert "os_compute_api:servers:create" in refused(cloud, 403, how={"roles": READER})


def test_private_flavor_of_others_does_not_exist(cloud: ServerCloud) -> None:
    cloud.add_flavor("secret", is_public=False)
    assert "secret" in refused(cloud, flavorRef="secret", how={"roles": USER})
    assert len(create(cloud, flavorRef="secret")) == 1


def test_disk_of_nothing_is_for_administrators(cloud: ServerCloud) -> None:
    cloud.add_flavor("zero", root_gb=0)
    assert "volume-backed" in refused(cloud, 403, flavorRef="zero", how={"roles": USER})
    assert len(create(cloud, flavorRef="zero")) == 1


def test_build_request_is_shown_listed_and_deleted(cloud: ServerCloud) -> None:
    [server] = create(cloud)
    shown = cloud.answer(f"/servers/{server.uuid}", version=NEWEST)["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("BUILD", "scheduling")
    assert shown["hostId"] == ""
    assert shown["OS-EXT-SRV-ATTR:host"] is None
    assert shown["host_status"] == ""
    assert [each["id"] for each in cloud.answer("/servers")["servers"]] == [server.uuid]
    assert cloud.answer("/servers?status=active")["servers"] == []
    assert [each["id"] for each in cloud.answer("/servers?status=build")["servers"]] == [
        server.uuid
    ]
    cloud.answer(f"/servers/{server.uuid}", method="DELETE", status=204)
    assert cloud.answer("/servers")["servers"] == []
    for method in ("GET", "DELETE"):
        assert cloud.refused(f"/servers/{server.uuid}", 404, method=method)
    # It counts no more although the record waits for the conductor to clear it away.
    assert [row.queued_for_delete for row in cloud.rows(instance_mappings)] == [True]


def test_build_request_of_others_is_not_theirs(cloud: ServerCloud) -> None:
    [server] = create(cloud)
    stranger = {"roles": USER, "project": OTHER_PROJECT}
    for method in ("GET", "DELETE"):
        assert server.uuid in cloud.refused(
            f"/servers/{server.uuid}", 404, method=method, **stranger
        )
    assert cloud.answer("/servers", **stranger)["servers"] == []
    assert cloud.answer(f"/servers/{server.uuid}")["server"]["id"] == server.uuid


@pytest.mark.parametrize(
    ("extra_specs", "text"),
    [
        ({"hw:numa_nodes": "3"}, "cannot be divided evenly among 3 NUMA nodes"),
        ({"hw:numa_nodes": "many"}, "hw:numa_nodes=many is no whole number"),
        ({"hw:cpu_thread_policy": "isolate"}, "no meaning without hw:cpu_policy=dedicated"),
        ({"hw:mem_page_size": "huge"}, "no page size"),
        ({"pci_passthrough:alias": "gpu:1"}, "PCI alias gpu is not defined"),
        ({"hw:pci_numa_affinity_policy": "near"}, "is none of required"),
    ],
)
def test_wishes_for_hardware_that_make_no_sense(
    cloud: ServerCloud, extra_specs: dict[str, str], text: str
) -> None:
    cloud.add_flavor("odd", extra_specs=extra_specs)
    assert text in refused(cloud, flavorRef="odd")


def test_names_are_taken_once_where_the_operator_wants_it(cloud: ServerCloud) -> None:
    """Whether the first is a build request still or has a cell; what it is called in another project is free."""
    [first] = create(cloud)
    assert len(create(cloud)) == 2, "without the option any number may have a name"

    cloud.serve_servers(names=NameScope.PROJECT)
    asked = {"method": "POST", "version": NEWEST}
    for _ in range(2):
        text = cloud.refused("/servers", 409, body=body(name="ONE"), **asked)
        assert text == "A server with the name one already exists."
        with cloud.api_database.read() as tx:
            waiting = {build.server.uuid for build in builds.visible(tx)}
        for uuid_ in waiting:
            cloud.move_to_cell(uuid_, "cell1")
    cloud.answer("/servers", status=202, body=body(name="two"), **asked)
    assert first.uuid in waiting or not waiting

    cloud.serve_servers(names=NameScope.GLOBAL)
    other = {**asked, "project": OTHER_PROJECT}
    cloud.refused("/servers", 409, body=body(name="Two"), **other)
