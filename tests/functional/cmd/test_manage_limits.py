"""``nova-manage limits migrate_to_unified_limits`` with a fake Keystone beside the API database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from groundwork.columns import now
from nova.db.api import builds, flavors, quotas
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from tests.fakes.keystone import ENDPOINT, REGION, SERVICE, FakeKeystone
from tests.functional.embedded.plane import serve

COMMAND = ("limits", "migrate_to_unified_limits")
DEFAULTS = {
    "servers": 10,
    "class:VCPU": 20,
    "class:MEMORY_MB": 51200,
    "server_metadata_items": 128,
    "server_injected_files": 5,
    "server_injected_file_content_bytes": 10240,
    "server_injected_file_path_bytes": 255,
    "server_key_pairs": 100,
    "server_groups": 10,
    "server_group_members": 10,
}


@pytest.fixture
def fake() -> FakeKeystone:
    return FakeKeystone()


@pytest.fixture
def beside(fake: FakeKeystone, manage: Any) -> Iterator[Any]:
    """``nova-manage`` of a deployment that has Keystone, and no flavor."""
    server = serve(fake)
    manage.use_keystone("keystone", server.port)
    manage.use_keystone("oslo_limit", server.port, endpoint_id=ENDPOINT)
    yield manage
    server.stop()


def registered(fake: FakeKeystone) -> dict[str, int]:
    """What is registered, all of it for the compute service in its region."""
    assert {(row["service_id"], row["region_id"]) for row in fake.registered} <= {(SERVICE, REGION)}
    return {row["resource_name"]: row["default_limit"] for row in fake.registered}


def of_projects(fake: FakeKeystone) -> dict[tuple[str, str], int]:
    return {
        (row["project_id"], row["resource_name"]): row["resource_limit"] for row in fake.of_projects
    }


def set_limits(manage: Any) -> None:
    """Limits of the default class, of two projects, and of a user."""
    with manage.database("api").write() as tx:
        quotas.set_class_limits(tx, "default", {"cores": 40})
        quotas.set_project_limits(tx, "p", {"instances": 3, "ram": -1, "floating_ips": 7})
        quotas.set_project_limits(tx, "q", {"key_pairs": 9})
        quotas.set_project_limits(tx, "q", {"instances": 1}, "u")


def add_flavor(manage: Any, **extra_specs: str) -> Flavor:
    specs = {f"resources:{name}": amount for name, amount in extra_specs.items()}
    flavor = Flavor("1", "f", vcpus=1, memory_mb=1, root_gb=1, is_public=False, extra_specs=specs)
    with manage.database("api").write() as tx:
        return flavors.create_flavor(tx, flavor)


def test_defaults_and_limits_of_projects_are_copied(beside: Any, fake: FakeKeystone) -> None:
    set_limits(beside)
    ran = beside.succeed(*COMMAND)
    assert registered(fake) == {**DEFAULTS, "class:VCPU": 40}
    assert of_projects(fake) == {
        ("p", "servers"): 3,
        ("p", "class:MEMORY_MB"): -1,
        ("q", "server_key_pairs"): 9,
    }
    lines = ran.out.splitlines()
    assert lines[0].startswith("Limits of 1 users were left out")
    assert [word.strip() for word in lines[2].split("|")[1:3]] == ["Resource", "Registered Limit"]
    shown = dict(tuple(line.replace("|", " ").split()) for line in lines[4:-1])
    assert shown == {name: str(limit) for name, limit in registered(fake).items()}


def test_what_keystone_has_is_left_and_a_second_run_changes_nothing(
    beside: Any, fake: FakeKeystone
) -> None:
    set_limits(beside)
    fake.register({"servers": 77, "class:VCPU": 40})
    fake.limit("p", {"servers": 5})
    ran = beside.succeed(*COMMAND, "--verbose")
    assert "registered limit servers is there with 77, and left" in ran.out
    assert "registered limit class:MEMORY_MB created with 51200" in ran.out
    assert "limit of project p: servers is there with 5, and left" in ran.out
    assert (registered(fake)["servers"], of_projects(fake)["p", "servers"]) == (77, 5)
    before = registered(fake), of_projects(fake)
    beside.succeed(*COMMAND)
    assert (registered(fake), of_projects(fake)) == before


def test_a_dry_run_does_nothing_and_tells_the_same(beside: Any, fake: FakeKeystone) -> None:
    set_limits(beside)
    dry = beside.succeed(*COMMAND, "--dry-run", "--verbose")
    assert "registered limit servers would be created with 10" in dry.out
    assert "limit of project q: server_key_pairs would be created with 9" in dry.out
    assert (fake.registered, fake.of_projects) == ([], [])
    told = beside.succeed(*COMMAND, "--dry-run").out
    assert beside.succeed(*COMMAND).out == told


def test_one_project_and_another_region(beside: Any, fake: FakeKeystone) -> None:
    set_limits(beside)
    beside.succeed(*COMMAND, "--project-id", "p", "--region-id", "elsewhere")
    assert set(of_projects(fake)) == {("p", "servers"), ("p", "class:MEMORY_MB")}
    assert {row["region_id"] for row in (*fake.registered, *fake.of_projects)} == {"elsewhere"}
    # Those of another region are not those that are looked for.
    beside.succeed(*COMMAND, "--project-id", "p")
    assert len(fake.registered) == 2 * len(DEFAULTS)


def test_the_compute_service_is_found_by_its_type(manage: Any, fake: FakeKeystone) -> None:
    server = serve(fake)
    manage.use_keystone("keystone", server.port)
    manage.succeed(*COMMAND)
    server.stop()
    assert {(row["service_id"], row["region_id"]) for row in fake.registered} == {(SERVICE, None)}


def test_resources_of_flavors_without_registered_limit_exit_3(
    beside: Any, fake: FakeKeystone
) -> None:
    add_flavor(beside, CUSTOM_GPU="1", VCPU="0")
    ran = beside(*COMMAND)
    assert ran.status == 3
    rows = [line.replace("|", " ").split() for line in ran.out.splitlines() if "missing" in line]
    assert rows == [["class:CUSTOM_GPU", "missing"], ["class:DISK_GB", "missing"]]
    assert "class:CUSTOM_GPU, class:DISK_GB" in ran.out.splitlines()[-1]
    fake.register({"class:CUSTOM_GPU": 1, "class:DISK_GB": 1})
    assert beside(*COMMAND).status == 0


def test_flavors_that_servers_were_made_with_count_unless_they_are_left_out(
    beside: Any, fake: FakeKeystone
) -> None:
    fake.register({"class:DISK_GB": 1})
    flavor = add_flavor(beside, CUSTOM_OLD="1")
    spec = RequestSpec(project_id="p", user_id="u", flavor=flavor)
    server = Server("s", "p", "u", None, flavor, vm_state="building", created_at=now())
    journal = {
        "action": "create",
        "request_id": "r",
        "start_time": now(),
        "state": "running",
        "attempts": 0,
        "cancel_requested": False,
    }
    with beside.database("api").write() as tx:
        builds.insert(tx, [server], spec=spec, journal=journal)
        flavors.delete_flavor(tx, "1")
    assert beside(*COMMAND).status == 3
    assert beside(*COMMAND, "--no-embedded-flavor-scan").status == 0


def test_quiet_prints_nothing(beside: Any, fake: FakeKeystone) -> None:
    add_flavor(beside)
    set_limits(beside)
    ran = beside(*COMMAND, "--quiet", "--verbose")
    assert (ran.status, ran.out, ran.err) == (3, "", "")
    assert registered(fake) == {**DEFAULTS, "class:VCPU": 40}


def test_without_database_exits_2(bare: Any) -> None:
    ran = bare(*COMMAND)
    assert ran.status == 2
    assert ran.line.startswith("The API database cannot be read: ")


def test_keystone_that_does_not_answer_exits_1_and_nothing_is_half_registered(
    beside: Any, fake: FakeKeystone
) -> None:
    fake.is_broken = True
    ran = beside(*COMMAND)
    assert (ran.status, fake.registered) == (1, [])
    assert ran.line.startswith("Limits cannot be copied: ")


def test_without_credentials_exits_1(manage: Any) -> None:
    ran = manage(*COMMAND)
    assert ran.status == 1
    assert "set auth_type" in ran.line


def test_a_project_that_keystone_refuses_does_not_keep_others(
    beside: Any, fake: FakeKeystone
) -> None:
    set_limits(beside)
    fake.unknown_projects.add("p")
    ran = beside(*COMMAND)
    assert ran.status == 1
    assert "The limits of project p were not copied: Keystone answers 400" in ran.out
    assert set(of_projects(fake)) == {("q", "server_key_pairs")}
