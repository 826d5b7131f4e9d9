"""The audit on a running plane: each invariant is broken by hand, reported, repaired, and found whole again."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from nova.audit.auditor import Auditor, Report, Scope
from nova.audit.daemon import AuditDaemon
from nova.audit.finding import Check, Kind
from nova.audit.healing import Healed, heal
from nova.audit.repairs import Repairer, Silence
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.lifecycle.operations import OPERATIONS
from nova.saga.journal import Journal
from nova.saga.store import BuildStore, CellStore
from tests.functional.embedded.plane import (
    ADMIN,
    PATIENCE_S,
    PROJECT,
    Cloud,
    held_spawns,
    silent_scheduler,
    wait_for,
)

MAPPINGS = api_models.instance_mappings
INSTANCES = cell_models.instances


class Inspector:
    """The auditor and the repairer of one plane."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        plane = cloud.embedded.plane
        self.auditor = self.make_auditor(lambda _seconds: None)
        self.repairer = Repairer(
            api_database=plane.api_database,
            placement=plane.placement,
            builds=Journal(plane.api_database, BuildStore(), OPERATIONS, Silence()),
            journal_of=lambda cell: Journal(
                plane.targets.database(plane.registry.by_uuid(cell)),
                CellStore(),
                OPERATIONS,
                Silence(),
            ),
        )

    def make_auditor(self, sleep: Callable[[float], object]) -> Auditor:
        plane = self.cloud.embedded.plane
        return Auditor(
            api_database=plane.api_database,
            cells=plane.registry.all,
            databases=plane.targets,
            placement=plane.placement,
            idle_s=600,
            grace_s=0,
            sleep=sleep,
        )

    def report(self) -> Report:
        found = self.auditor.audit(Scope())
        assert found.is_complete, found
        return found

    def assert_clean(self) -> None:
        assert list(self.report().findings) == []

    def assert_found_and_healed(self, *expected: tuple[Kind, str]) -> dict[Any, str]:
        """Exactly these (kind, subject) are found; all are repaired; a second repair does no harm."""
        report = self.report()
        assert sorted((f.kind, f.subject) for f in report.findings) == sorted(expected)
        healed = heal(self.auditor, self.repairer, report, wait_s=PATIENCE_S)
        assert list(healed.rest.findings) == [], healed
        self.assert_journalled(healed)
        self.wait_idle()
        for finding in report.findings:
            self.repairer.heal(finding)
        self.wait_idle()
        self.assert_clean()
        return dict(healed.outcomes)

    def assert_journalled(self, healed: Healed) -> None:
        """The last records are of these repairs, in their order, and tell how each ended."""
        written = self.cloud.rows("api", api_models.audit_repairs)[-len(healed.outcomes) :]
        assert {(row.check_name, row.kind, row.subject): row.outcome for row in written} == {
            key: outcome.text for key, outcome in healed.outcomes.items()
        }

    def wait_idle(self) -> None:
        """No operation is left in any cell: a repair that came too late has ended."""
        wait_for(
            "the end of all operations",
            lambda: (
                not any(
                    row.state in ("running", "undoing")
                    for cell in self.cloud.cells
                    for row in self.cloud.rows(cell.name, cell_models.instance_actions)
                )
            ),
        )


@pytest.fixture
def inspector(cloud: Cloud) -> Iterator[Inspector]:
    inspector = Inspector(cloud)
    inspector.assert_clean()
    yield inspector
    inspector.wait_idle()


def change(cloud: Cloud, database: str, statement: sa.Executable) -> None:
    with cloud.database(database).write() as tx:
        tx.execute(statement)


def allocation(cloud: Cloud, consumer: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.placement.get(f"/allocations/{consumer}")
    return found


def put_allocation(cloud: Cloud, consumer: str, held: dict[str, dict[str, int]]) -> None:
    """Let the consumer hold that, whatever it held."""
    present = allocation(cloud, consumer)
    body = {
        "allocations": {uuid: {"resources": on} for uuid, on in held.items()},
        "project_id": PROJECT,
        "user_id": "fake",
        "consumer_generation": present.get("consumer_generation"),
        "consumer_type": "INSTANCE",
    }
    cloud.placement("PUT", f"/allocations/{consumer}", body, status=204)


def resources(cloud: Cloud, consumer: str) -> dict[str, dict[str, int]]:
    return resources_of(allocation(cloud, consumer))


def resources_of(held: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {provider: on["resources"] for provider, on in held["allocations"].items()}


def repairs(cloud: Cloud, server: str) -> list[tuple[str, str | None]]:
    """The (event, details) of the server's repairs."""
    cell = cloud.cell_of(server)
    assert cell is not None
    actions = {
        row.id
        for row in cloud.rows(cell, cell_models.instance_actions)
        if (row.instance_uuid, row.action) == (server, "repair")
    }
    return [
        (row.event, row.details)
        for row in cloud.rows(cell, cell_models.instance_actions_events)
        if row.action_id in actions
    ]


def provider_elsewhere(cloud: Cloud, server: str) -> str:
    """The provider of a host on which the server is not."""
    here = resources(cloud, server)
    providers = cloud.placement.get("/resource_providers")["resource_providers"]
    return next(each["uuid"] for each in providers if each["uuid"] not in here)


def test_a_plane_at_rest_is_clean(inspector: Inspector, cloud: Cloud) -> None:
    living, deleted = cloud.build()["id"], cloud.build()["id"]
    failed = cloud.create(flavorRef="huge")
    cloud.wait_until_error(failed)
    cloud.delete(deleted)
    cloud.wait_gone(deleted)
    assert cloud.cell_of(living) in ("cell1", "cell2")
    inspector.assert_clean()


def test_a_lost_allocation_is_claimed_again(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    before = resources(cloud, server)
    cloud.placement("DELETE", f"/allocations/{server}", status=204)
    inspector.assert_found_and_healed((Kind.ALLOCATION_MISSING, server))
    assert resources(cloud, server) == before
    assert repairs(cloud, server)[0] == (
        "conductor_correct_allocation",
        "the allocation was corrected",
    )
    path = f"/servers/{server}/os-instance-actions"
    actions = cloud.compute.get(path, token=ADMIN)["instanceActions"]
    # The second repair came too late, found all in order and said so.
    assert [(each["action"], each["message"]) for each in actions] == [
        ("repair", None),
        ("repair", None),
        ("create", None),
    ]
    assert cloud.show(server)["status"] == "ACTIVE"


@pytest.mark.parametrize("amount", [1, 3])
def test_wrong_amounts_are_corrected(inspector: Inspector, cloud: Cloud, amount: int) -> None:
    cloud.make_flavor(f"double{amount}", vcpus=2)
    server = cloud.build(flavorRef=f"double{amount}")["id"]
    right = resources(cloud, server)
    [(provider, sizes)] = right.items()
    put_allocation(cloud, server, {provider: {**sizes, "VCPU": amount}})
    inspector.assert_found_and_healed((Kind.ALLOCATION_WRONG, server))
    assert resources(cloud, server) == right


def test_what_is_held_from_another_host_is_given_back(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    right = resources(cloud, server)
    put_allocation(cloud, server, {**right, provider_elsewhere(cloud, server): {"VCPU": 1}})
    inspector.assert_found_and_healed((Kind.ALLOCATION_WRONG, server))
    assert resources(cloud, server) == right


def test_an_allocation_of_nobody_is_deleted(inspector: Inspector, cloud: Cloud) -> None:
    nobody = str(uuid.uuid4())
    server = cloud.build()["id"]
    put_allocation(cloud, nobody, {provider_elsewhere(cloud, server): {"VCPU": 1}})
    inspector.assert_found_and_healed((Kind.ALLOCATION_ORPHANED, nobody))
    assert resources(cloud, nobody) == {}


def test_a_move_is_no_finding_and_what_is_left_of_one_is(
    inspector: Inspector, cloud: Cloud
) -> None:
    """The migration holds the old host while the server waits for an answer, and nothing afterwards."""
    cloud.make_flavor("twice", vcpus=2)
    uuid = cloud.build()["id"]
    action = f"/servers/{uuid}/action"
    cloud.compute("POST", action, {"resize": {"flavorRef": "twice"}}, status=202)
    cloud.wait_until(uuid, "VERIFY_RESIZE")
    inspector.assert_clean()
    path = f"/os-migrations?instance_uuid={uuid}"
    [move] = cloud.compute.get(path, token=ADMIN)["migrations"]
    kept = cloud.placement.get(f"/allocations/{move['uuid']}")
    cloud.compute("POST", action, {"confirmResize": None}, status=204)
    cloud.wait_until(uuid, "ACTIVE")
    inspector.assert_clean()

    body = {**kept, "consumer_generation": None}
    cloud.placement("PUT", f"/allocations/{move['uuid']}", body, status=204)
    inspector.assert_found_and_healed((Kind.ALLOCATION_ORPHANED, move["uuid"]))
    assert resources(cloud, move["uuid"]) == {}


def moved(cloud: Cloud, flavor: str) -> tuple[str, str, dict[str, Any]]:
    """A server that waits for an answer, its move, and what that holds."""
    cloud.make_flavor(flavor, vcpus=2)
    server = cloud.build()["id"]
    action = f"/servers/{server}/action"
    cloud.compute("POST", action, {"resize": {"flavorRef": flavor}}, status=202)
    cloud.wait_until(server, "VERIFY_RESIZE")
    path = f"/os-migrations?instance_uuid={server}"
    [move] = cloud.compute.get(path, token=ADMIN)["migrations"]
    return server, move["uuid"], allocation(cloud, move["uuid"])


def test_a_move_whose_source_is_lost_holds_it_again(inspector: Inspector, cloud: Cloud) -> None:
    """And can be taken back then."""
    server, move, kept = moved(cloud, "lost")
    cloud.placement("DELETE", f"/allocations/{move}", status=204)
    inspector.assert_found_and_healed((Kind.ALLOCATION_MISSING, move))
    healed = allocation(cloud, move)
    assert resources_of(healed) == resources_of(kept)
    assert healed["consumer_type"] == "MIGRATION"
    assert repairs(cloud, server)[0] == (
        "conductor_correct_source",
        "the allocation was corrected",
    )
    cloud.compute("POST", f"/servers/{server}/action", {"revertResize": None}, status=202)
    cloud.wait_until(server, "ACTIVE")
    assert resources(cloud, server) == resources_of(kept)
    inspector.assert_clean()


def test_a_move_that_holds_too_much_is_corrected(inspector: Inspector, cloud: Cloud) -> None:
    _, move, kept = moved(cloud, "much")
    [(provider, on)] = resources_of(kept).items()
    body = {**kept, "allocations": {provider: {"resources": {**on, "VCPU": 3}}}}
    cloud.placement("PUT", f"/allocations/{move}", body, status=204)
    inspector.assert_found_and_healed((Kind.ALLOCATION_WRONG, move))
    assert resources(cloud, move) == resources_of(kept)


def test_a_claim_made_since_is_not_taken_away(inspector: Inspector, cloud: Cloud) -> None:
    """1. The audit sees an orphan. 2. Somebody claims under that uuid. 3. The repair comes too late."""
    nobody = str(uuid.uuid4())
    server = cloud.build()["id"]
    there = provider_elsewhere(cloud, server)
    put_allocation(cloud, nobody, {there: {"VCPU": 1}})
    [orphan] = inspector.report().findings
    put_allocation(cloud, nobody, {there: {"VCPU": 2}})
    assert inspector.repairer.heal(orphan).text == "left alone: it has changed meanwhile"
    assert resources(cloud, nobody) == {there: {"VCPU": 2}}
    cloud.placement("DELETE", f"/allocations/{nobody}", status=204)


def test_a_consumer_that_is_no_server_is_left_alone(inspector: Inspector, cloud: Cloud) -> None:
    """Another service of the cloud may hold what it likes."""
    stranger = str(uuid.uuid4())
    provider = provider_elsewhere(cloud, cloud.build()["id"])
    body = {
        "allocations": {provider: {"resources": {"VCPU": 1}}},
        "project_id": PROJECT,
        "user_id": "fake",
        "consumer_generation": None,
        "consumer_type": "ACCELERATOR_POOL",
    }
    cloud.placement("PUT", f"/allocations/{stranger}", body, status=204)
    inspector.assert_clean()
    cloud.placement("DELETE", f"/allocations/{stranger}", status=204)


def test_without_room_the_repair_says_so_and_the_finding_stays(
    inspector: Inspector, cloud: Cloud
) -> None:
    server = cloud.build()["id"]
    [provider] = resources(cloud, server)
    filler = str(uuid.uuid4())
    cloud.placement("DELETE", f"/allocations/{server}", status=204)
    inventory = cloud.placement.get(f"/resource_providers/{provider}/inventories")["inventories"]
    total = inventory["DISK_GB"]["total"]
    body = {
        "allocations": {provider: {"resources": {"DISK_GB": total}}},
        "project_id": PROJECT,
        "user_id": "fake",
        "consumer_generation": None,
        "consumer_type": "ACCELERATOR_POOL",
    }
    cloud.placement("PUT", f"/allocations/{filler}", body, status=204)
    [missing] = inspector.report().findings
    inspector.repairer.heal(missing)
    inspector.wait_idle()
    [(_, details)] = repairs(cloud, server)
    assert (
        details
        == f"left alone: {cloud.show(server)['OS-EXT-SRV-ATTR:host']} has no room for "
        + ("what the server uses")
    )
    assert [f.kind for f in inspector.report().findings] == [Kind.ALLOCATION_MISSING]
    cloud.placement("DELETE", f"/allocations/{filler}", status=204)
    inspector.assert_found_and_healed((Kind.ALLOCATION_MISSING, server))


def test_a_mapping_follows_its_row(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    wrong = next(cell for cell in cloud.cells if cell.name not in ("cell0", cloud.cell_of(server)))
    change(
        cloud,
        "api",
        sa.update(MAPPINGS).where(MAPPINGS.c.instance_uuid == server).values(cell_id=wrong.id),
    )
    assert cloud.compute("GET", f"/servers/{server}").status_code == 404
    inspector.assert_found_and_healed((Kind.MAPPED_ELSEWHERE, server))
    assert cloud.show(server)["status"] == "ACTIVE"
    assert [event for event, _ in repairs(cloud, server)] == ["conductor_correct_mapping"]


def test_a_lost_mapping_is_made_anew(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    change(cloud, "api", sa.delete(MAPPINGS).where(MAPPINGS.c.instance_uuid == server))
    inspector.assert_found_and_healed((Kind.SERVER_WITHOUT_MAPPING, server))
    assert cloud.show(server)["status"] == "ACTIVE"
    [row] = [row for row in cloud.rows("api", MAPPINGS) if row.instance_uuid == server]
    assert (row.vcpus, row.memory_mb, row.project_id) == (1, 64, PROJECT)
    assert row.resources == {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}


def test_a_mapping_to_nowhere_stops_counting(inspector: Inspector, cloud: Cloud) -> None:
    lost = str(uuid.uuid4())
    values = {
        "instance_uuid": lost,
        "cell_id": cloud.cells[-1].id,
        "project_id": PROJECT,
        "user_id": "fake",
        "vcpus": 1,
        "memory_mb": 1,
        "queued_for_delete": False,
        "created_at": now(),
    }
    change(cloud, "api", sa.insert(MAPPINGS).values(**values))
    inspector.assert_found_and_healed((Kind.MAPPING_WITHOUT_SERVER, lost))
    change(cloud, "api", sa.delete(MAPPINGS).where(MAPPINGS.c.instance_uuid == lost))


def test_a_server_in_two_cells_is_left_to_people(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    home = str(cloud.cell_of(server))
    other = next(cell.name for cell in cloud.cells if cell.name not in ("cell0", home))
    [row] = [row for row in cloud.rows(home, INSTANCES) if row.uuid == server]
    # Without a host: on that host's audit its guest would be unwanted.
    copy = {**row._mapping, "id": None, "host": None, "node": None}
    del copy["id"]
    change(cloud, other, sa.insert(INSTANCES).values(**copy))
    [found] = inspector.report().findings
    assert (found.kind, found.subject, found.repair) == (Kind.IN_TWO_CELLS, server, None)
    assert inspector.repairer.heal(found).text == "not repaired: it needs an operator"
    change(cloud, other, sa.delete(INSTANCES).where(INSTANCES.c.uuid == server))
    inspector.assert_clean()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"vcpus": 7}, Kind.WRONG_COUNT),
        ({"memory_mb": 1}, Kind.WRONG_COUNT),
        ({"resources": {"VCPU": 77, "DISK_GB": 500}}, Kind.WRONG_COUNT),
        (
            {"queued_for_delete": True, "updated_at": now() - timedelta(hours=1)},
            Kind.NOT_COUNTED,
        ),
    ],
)
def test_the_ledger_follows_the_living(
    inspector: Inspector, cloud: Cloud, values: dict[str, Any], kind: Kind
) -> None:
    server = cloud.build()["id"]
    mine = MAPPINGS.c.instance_uuid == server
    change(cloud, "api", sa.update(MAPPINGS).where(mine).values(**values))
    inspector.assert_found_and_healed((kind, server))
    [row] = [row for row in cloud.rows("api", MAPPINGS) if row.instance_uuid == server]
    assert (row.vcpus, row.memory_mb, row.queued_for_delete) == (1, 64, False)
    assert row.resources == {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}
    assert [event for event, _ in repairs(cloud, server)] == ["conductor_correct_mapping"]


def test_amounts_that_people_wrote_are_corrected_too(inspector: Inspector, cloud: Cloud) -> None:
    """Another text of the same amounts is no finding, and one of others does not escape the compare-and-swap."""
    server = cloud.build()["id"]
    mine = MAPPINGS.c.instance_uuid == server
    for text in ('{"DISK_GB": 1,  "MEMORY_MB": 64, "VCPU": 1}', '{ "VCPU": 77 }'):
        inspector.assert_clean()
        raw = sa.literal(text, sa.Text)
        change(cloud, "api", sa.update(MAPPINGS).where(mine).values(resources=raw))
    inspector.assert_found_and_healed((Kind.WRONG_COUNT, server))


def test_a_deleted_server_stops_counting(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    cloud.delete(server)
    cloud.wait_gone(server)
    inspector.wait_idle()
    mine = MAPPINGS.c.instance_uuid == server
    change(cloud, "api", sa.update(MAPPINGS).where(mine).values(queued_for_delete=False))
    inspector.assert_found_and_healed((Kind.COUNTED_THOUGH_DELETED, server))


def test_a_build_whose_request_is_lost_leaves_nothing(inspector: Inspector, cloud: Cloud) -> None:
    """Its claim is there as well: the scheduler was at work on it."""
    with silent_scheduler(cloud):
        server = cloud.create()
        table = api_models.build_requests
        wait_for("the build", lambda: cloud.rows("api", table)[0].claim)
        change(cloud, "api", sa.delete(table).where(table.c.instance_uuid == server))
    wait_for("the claim", lambda: resources(cloud, server))
    inspector.assert_found_and_healed(
        (Kind.MAPPING_WITHOUT_SERVER, server), (Kind.ALLOCATION_ORPHANED, server)
    )
    assert not [row for row in cloud.rows("api", MAPPINGS) if row.instance_uuid == server]


@pytest.mark.parametrize(
    ("values", "after"),
    [({"task_state": "resize_prep"}, "ACTIVE"), ({"vm_state": "building"}, "ERROR")],
)
def test_a_task_that_is_no_operation_is_ended(
    inspector: Inspector, cloud: Cloud, values: dict[str, str], after: str
) -> None:
    server = cloud.build()["id"]
    change(
        cloud,
        str(cloud.cell_of(server)),
        sa.update(INSTANCES).where(INSTANCES.c.uuid == server).values(**values),
    )
    inspector.assert_found_and_healed((Kind.UNATTENDED_SERVER, server))
    shown = cloud.show(server)
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == (after, None)
    assert ("abandoned" in shown.get("fault", {}).get("message", "")) == (after == "ERROR")


def test_a_host_that_no_cell_knows_is_unmapped(inspector: Inspector, cloud: Cloud) -> None:
    table = api_models.host_mappings
    values = {"host": "gone", "cell_id": cloud.cells[-1].id, "created_at": now()}
    change(cloud, "api", sa.insert(table).values(**values))
    inspector.assert_found_and_healed((Kind.HOST_MAPPING_ORPHANED, "gone"))
    assert "gone" not in {row.host for row in cloud.rows("api", table)}


def test_a_provider_that_is_no_node_is_reported(inspector: Inspector, cloud: Cloud) -> None:
    stray = str(uuid.uuid4())
    cloud.placement("POST", "/resource_providers", {"uuid": stray, "name": "stray"}, status=200)
    path = f"/resource_providers/{stray}"
    body = {"resource_provider_generation": 0, "traits": ["COMPUTE_NODE"]}
    cloud.placement("PUT", f"{path}/traits", body, status=200)
    [found] = inspector.report().findings
    assert (found.kind, found.subject, found.repair) == (Kind.PROVIDER_WITHOUT_NODE, stray, None)
    cloud.placement("DELETE", path, status=204)


def test_servers_in_motion_are_no_finding(inspector: Inspector, cloud: Cloud) -> None:
    """Held at the scheduler, and held at the hypervisor: claimed, mapped, and not there yet."""
    with silent_scheduler(cloud) as release:
        first = cloud.create()
        inspector.assert_clean()
        release.set()
        cloud.wait_until(first, "ACTIVE")
    with held_spawns(cloud) as release:
        second = cloud.create()
        wait_for("the claim", lambda: resources(cloud, second))
        wait_for("the cell", lambda: cloud.cell_of(second))
        inspector.assert_clean()
        release.set()
        cloud.wait_until(second, "ACTIVE")
    inspector.assert_clean()


class Users:
    """Servers come and go all the time; ``rounds`` tells how many have gone all the way."""

    def __init__(self, cloud: Cloud, *, count: int) -> None:
        self.rounds = 0
        self._cloud = cloud
        self._count = count
        self._is_over = Event()

    def _come_and_go(self) -> None:
        while not self._is_over.is_set():
            server = self._cloud.build()["id"]
            self._cloud.delete(server)
            self._cloud.wait_gone(server)
            self.rounds += 1

    def wait_rounds(self, count: int) -> None:
        until = self.rounds + count
        wait_for("servers to come and go", lambda: self.rounds >= until)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """What went wrong for a user goes wrong here."""
        with ThreadPoolExecutor(self._count) as threads:
            working = [threads.submit(self._come_and_go) for _ in range(self._count)]
            try:
                yield
            finally:
                self._is_over.set()
        for each in working:
            each.result()


def test_a_busy_plane_yields_no_finding(inspector: Inspector, cloud: Cloud) -> None:
    """Between two looks a few servers have gone all the way."""
    users = Users(cloud, count=2)
    auditor = inspector.make_auditor(lambda _seconds: users.wait_rounds(4))
    with users.busy():
        for _ in range(5):
            report = auditor.audit(Scope())
            assert report.is_complete
            assert list(report.findings) == []
            users.wait_rounds(2)


def test_repairs_of_what_is_merely_in_motion_do_no_harm(inspector: Inspector, cloud: Cloud) -> None:
    """Single looks, so things in motion are found; each repair sees that they have moved, and leaves them alone."""
    users = Users(cloud, count=3)
    with users.busy():
        for _ in range(20):
            for finding in inspector.auditor.look(Scope()).findings:
                inspector.repairer.heal(finding)
        users.wait_rounds(3)
    cloud.assert_nothing_is_left()
    inspector.assert_clean()


def test_the_periodic_audit_counts_and_warns(
    inspector: Inspector, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = str(uuid.uuid4())
    put_allocation(cloud, nobody, {provider_elsewhere(cloud, cloud.build()["id"]): {"VCPU": 1}})
    daemon = AuditDaemon(lambda _sleep: inspector.auditor, interval_s=3600)
    daemon.start()
    try:
        counts = wait_for("an audit", lambda: daemon.counts)
    finally:
        daemon.stop()
    assert (counts.total, counts.by_kind[Kind.ALLOCATION_ORPHANED]) == (1, 1)
    assert (
        'nova_audit_findings{check="allocations",kind="allocation-orphaned"} 1' in counts.render()
    )
    assert "audit: 1 findings {'allocation-orphaned': 1}" in caplog.text
    assert resources(cloud, nobody)
    cloud.placement("DELETE", f"/allocations/{nobody}", status=204)


def test_the_options_switch_the_periodic_audit_and_its_export_on(
    inspector: Inspector, cloud: Cloud, tmp_path: Path
) -> None:
    plane = cloud.embedded.plane
    assert list(plane.audit()) == []
    file = tmp_path / "nova.prom"
    options = {"interval": 3600, "metrics_file": str(file)}
    for name, value in options.items():
        plane.conf.set_override(name, value, group="audit")
    try:
        [daemon] = plane.audit()
    finally:
        for name in options:
            plane.conf.clear_override(name, group="audit")
    daemon.run()
    assert daemon.counts is not None
    assert daemon.counts.total == 0
    assert all(daemon.counts.is_done.values())
    assert file.read_text() == daemon.counts.render()


def test_the_command_beside_a_running_plane(inspector: Inspector, cloud: Cloud) -> None:
    """It is on no bus: the cell's conductor finds by itself what the repair has begun."""
    server = cloud.build()["id"]
    cloud.placement("DELETE", f"/allocations/{server}", status=204)
    config = cloud.folder / "manage.conf"
    config.write_text(f"[api_database]\nconnection = sqlite:///{cloud.folder}/api.db\n")
    program = [sys.executable, "-c", "from nova.cmd.manage import main; main()"]
    files = ["--config-file", str(cloud.folder / "nova.conf"), "--config-file", str(config)]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*program, *files, "audit", "--grace", "0", "--json", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)

    ran = run("--repair")
    assert ran.returncode == 2, ran.stderr
    [found] = json.loads(ran.stdout)["findings"]
    assert (found["kind"], found["is_repaired"]) == ("allocation-missing", True)
    assert resources(cloud, server)
    ran = run()
    assert (ran.returncode, json.loads(ran.stdout)["findings"]) == (0, []), ran.stderr


def test_one_cell_is_looked_through_alone(inspector: Inspector, cloud: Cloud) -> None:
    server = cloud.build()["id"]
    cloud.placement("DELETE", f"/allocations/{server}", status=204)
    home = cloud.cell_of(server)
    found = {
        cell.name: inspector.auditor.audit(Scope(tuple(Check), cell.uuid)).findings
        for cell in cloud.cells
    }
    assert {name: [f.key[1:] for f in findings] for name, findings in found.items()} == {
        name: [(Kind.ALLOCATION_MISSING, server)] if name == home else [] for name in found
    }
    inspector.assert_found_and_healed((Kind.ALLOCATION_MISSING, server))
