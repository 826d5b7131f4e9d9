"""``nova-manage audit``: exit statuses, what it prints and writes, and repairs that need no daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.serving import HttpServer
from nova.cells.registry import CELL0_UUID
from nova.db.api.models import instance_mappings
from nova.db.cell.models import instance_actions, instances
from nova.db.journal import CELL
from tests.fakes.placement import INVENTORY, FakePlacement, Provider
from tests.functional.embedded.plane import free_port
from tests.harness.sabotage import Killed

AUDIT = ("audit", "--grace", "0", "--wait", "0")
SIZES = {"VCPU": 1, "MEMORY_MB": 1, "DISK_GB": 1}
FLAVOR = {"flavorid": "1", "name": "tiny", "vcpus": 1, "memory_mb": 1, "root_gb": 1}


class Audited:
    """A deployment with one cell, one host and one server, and a Placement that agrees with it."""

    def __init__(self, manage: Any, placement: FakePlacement, port: int) -> None:
        self.manage = manage
        self.placement = placement
        with manage.config.open("a") as file:
            url = f"http://127.0.0.1:{port}"
            file.write(
                f"[placement]\nauth_type = admin_token\nendpoint = {url}\n"
                f"endpoint_override = {url}\ntoken = admin\n"
            )
        self.cell = manage.make_cell("cell1")
        manage.report_host("cell1", "host1")
        manage.succeed("cell_v2", "discover_hosts")
        self.node = manage.node_uuid("host1")
        room = {name: {"total": 10, **INVENTORY} for name in SIZES}
        placement.providers[self.node] = Provider(
            self.node, "host1", None, inventories=room, traits={"COMPUTE_NODE"}
        )
        self.add_server("one")

    def add_server(self, uuid: str, *, holds: bool = True) -> None:
        self.manage.add_server("cell1", uuid, host="host1")
        mine = instances.c.uuid == uuid
        values = {"node": "host1", "flavor": FLAVOR, "image_ref": "image"}
        self.change("cell1", sa.update(instances).where(mine).values(**values))
        if holds:
            self.hold(uuid)

    def hold(self, consumer: str) -> None:
        self.placement.consumers[consumer] = {
            "allocations": {self.node: dict(SIZES)},
            "project_id": "p",
            "user_id": "u",
            "consumer_type": "INSTANCE",
            "consumer_generation": 1,
        }

    def change(self, database: str, statement: sa.Executable) -> None:
        with self.manage.database(database).write() as tx:
            tx.execute(statement)

    def rows(self, database: str, table: sa.Table) -> list[Any]:
        with self.manage.database(database).read() as tx:
            return list(tx.execute(sa.select(table)))

    def __call__(self, *words: str) -> Any:
        return self.manage(*AUDIT, *words)


@pytest.fixture
def audited(manage: Any) -> Iterator[Audited]:
    placement = FakePlacement()
    server = HttpServer(
        placement, host="127.0.0.1", port=free_port(), threads=4, port_option="none"
    )
    server.start()
    try:
        yield Audited(manage, placement, server.port)
    finally:
        server.stop()


def break_ledger(audited: Audited) -> None:
    mine = instance_mappings.c.instance_uuid == "one"
    audited.change("api", sa.update(instance_mappings).where(mine).values(vcpus=7))


def test_a_clean_deployment_exits_0(audited: Audited) -> None:
    ran = audited()
    assert (ran.status, ran.line) == (0, "Nothing found.")


def test_findings_exit_1_with_a_table(audited: Audited) -> None:
    break_ledger(audited)
    ran = audited()
    assert ran.status == 1
    assert "| ledger | wrong-count | one     |" in ran.out
    assert "counts for 7 vcpus and 1 MiB, but has 1 and 1 | --repair" in ran.out
    assert ran.out.splitlines()[-1] == "1 found, 0 repaired."
    assert audited().status == 1


def test_a_complete_repair_exits_2_and_the_next_audit_0(audited: Audited) -> None:
    break_ledger(audited)
    audited.hold("nobody")
    ran = audited("--repair")
    assert ran.status == 2
    assert "repaired: its mapping was set to vcpus 1, memory_mb 1" in ran.out
    assert "repaired: its allocation was deleted" in ran.out
    assert ran.out.splitlines()[-1] == "2 found, 2 repaired."
    assert list(audited.placement.consumers) == ["one"]
    [action] = audited.rows("cell1", CELL.operations)
    assert (action.action, action.state, action.instance_uuid) == ("repair", "done", "one")
    ran = audited("--repair")
    assert (ran.status, ran.line) == (0, "Nothing found.")


def test_what_is_not_repaired_exits_1(audited: Audited) -> None:
    """Nothing runs in this cell, so the repair of a living server's allocation is begun and waits."""
    audited.add_server("two", holds=False)
    ran = audited("--repair")
    assert ran.status == 1
    assert "operation 1 was begun; make room on its host or move it" in ran.out
    [action] = audited.rows("cell1", CELL.operations)
    assert (action.action, action.state, action.place) == ("repair", "running", "conductor")
    assert action.due_at <= now()
    # Somebody is about to work on it: in motion.
    assert audited().status == 0
    long_ago = now() - timedelta(hours=1)
    audited.change("cell1", sa.update(CELL.operations).values(updated_at=long_ago))
    found = json.loads(audited("--json").out)["findings"]
    assert [each["kind"] for each in found] == ["idle-operation"]


def test_json_golden(audited: Audited) -> None:
    break_ledger(audited)
    ran = audited("--json", "--check", "ledger", "--check", "hosts", "--repair")
    assert ran.status == 2
    assert json.loads(ran.out) == {
        "checks": ["ledger", "hosts"],
        "findings": [
            {
                "check": "ledger",
                "kind": "wrong-count",
                "subject": "one",
                "cell": audited.cell,
                "text": "counts for 7 vcpus and 1 MiB, but has 1 and 1",
                "advice": "correct vcpus, memory_mb and resources in instance_mappings",
                "is_repairable": True,
                "outcome": "its mapping was set to vcpus 1, memory_mb 1",
                "is_repaired": True,
            }
        ],
        "failed_checks": {},
        "unreadable_cells": {},
    }


def test_only_the_named_checks_are_done(audited: Audited) -> None:
    break_ledger(audited)
    assert audited("--check", "allocations").status == 0
    assert audited("--check", "ledger").status == 1


def test_metrics_are_written_whole_and_count_what_is_left(audited: Audited, tmp_path: Path) -> None:
    file = tmp_path / "metrics" / "nova.prom"
    file.parent.mkdir()
    break_ledger(audited)
    assert audited("--metrics", str(file)).status == 1
    lines = file.read_text().splitlines()
    assert 'nova_audit_findings{check="ledger",kind="wrong-count"} 1' in lines
    assert 'nova_audit_findings{check="hosts",kind="node-without-provider"} 0' in lines
    assert 'nova_audit_check_done{check="allocations"} 1' in lines
    assert audited("--metrics", str(file), "--repair").status == 2
    assert 'nova_audit_findings{check="ledger",kind="wrong-count"} 0' in file.read_text()
    assert [path.name for path in file.parent.iterdir()] == ["nova.prom"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_what_was_repaired_can_be_looked_up(audited: Audited) -> None:
    assert json.loads(audited("--history", "--json").out) == []
    break_ledger(audited)
    audited.hold("nobody")
    audited("--repair")
    freed, corrected = json.loads(audited("--history", "--json").out)
    assert (freed["kind"], freed["subject"], freed["cell_uuid"]) == (
        "allocation-orphaned",
        "nobody",
        None,
    )
    assert freed["outcome"] == "its allocation was deleted"
    # Enough to claim it again.
    assert freed["repair"]["repair"] == "DeleteAllocation"
    assert freed["repair"]["seen"]["resources"] == {audited.node: SIZES}
    assert freed["repair"]["seen"]["project_id"] == "p"
    assert corrected["repair"]["seen"]["vcpus"] == 7
    # The server's own journal tells of the same.
    [told] = audited.rows("cell1", instance_actions)
    assert (told.action, told.request_id) == ("repair", corrected["request_id"])
    shown = audited("--history", "1")
    assert shown.status == 0
    assert "| allocation-orphaned | nobody  | -    | its allocation was deleted |" in shown.out
    assert "wrong-count" not in shown.out


@pytest.mark.parametrize("moment", ["Repairer._heal", "repairs.end"])
def test_a_repair_of_a_killed_audit_is_known_to_the_next(audited: Audited, moment: str) -> None:
    """Before its write and after it: what is wrong still is found anew, and the record is ended."""

    def die(*_arguments: Any) -> None:
        raise Killed(moment)

    break_ledger(audited)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(f"nova.audit.repairs.{moment}", die)
        with pytest.raises(Killed):
            audited("--repair")
    [begun] = json.loads(audited("--history", "--json").out)
    assert (begun["subject"], begun["outcome"], begun["ended_at"]) == ("one", None, None)
    # Somebody may be at it still.
    assert "interrupted-repair" not in audited().out
    found = json.loads(audited("--idle", "0", "--repair", "--json").out)["findings"]
    repeated = ["wrong-count"] if moment == "Repairer._heal" else []
    assert [each["kind"] for each in found] == ["interrupted-repair", *repeated]
    assert all(each["is_repaired"] for each in found)
    assert (audited("--idle", "0").status, audited().status) == (0, 0)
    [*_, ended] = json.loads(audited("--history", "--json").out)
    assert ended["id"] == begun["id"]
    assert ended["outcome"].startswith("interrupted")


def test_what_cannot_be_written_down_is_not_done(audited: Audited) -> None:
    audited.hold("nobody")
    audited.change(
        "api",
        sa.text(
            "CREATE TRIGGER full BEFORE INSERT ON audit_repairs BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        ),
    )
    ran = audited("--repair")
    assert ran.status == 1
    assert "not repaired: " in ran.out
    assert "disk full" in ran.out
    assert sorted(audited.placement.consumers) == ["nobody", "one"]


def test_metrics_that_cannot_be_written_are_told(audited: Audited, tmp_path: Path) -> None:
    ran = audited("--metrics", str(tmp_path / "nowhere" / "nova.prom"))
    assert ran.status == 255
    assert "nowhere" in ran.err


def test_a_cell_that_cannot_be_read_exits_3_and_nothing_is_said_to_be_nowhere(
    audited: Audited,
) -> None:
    audited.add_server("two")
    (audited.manage.folder / "cell1.db").rename(audited.manage.folder / "away")
    ran = audited("--repair")
    assert ran.status == 3
    assert ran.line == "Nothing found. Not everything could be looked at."
    assert f"could not be looked at: {audited.cell}: " in ran.err
    assert sorted(audited.placement.consumers) == ["one", "two"]


def test_without_placement_the_other_checks_are_done(audited: Audited) -> None:
    def refuse(_method: str, _path: str) -> None:
        raise OSError("Placement is away")

    audited.placement.interfere = refuse
    ran = audited("--json")
    assert ran.status == 3
    assert sorted(json.loads(ran.out)["failed_checks"]) == ["allocations", "hosts"]
    break_ledger(audited)
    assert audited("--json").status == 1


def test_one_cell(audited: Audited) -> None:
    break_ledger(audited)
    assert audited("--cell", CELL0_UUID).status == 0
    assert audited("--cell", audited.cell).status == 1
    ran = audited("--cell", "11111111-1111-1111-1111-111111111111")
    assert (ran.status, ran.line) == (
        4,
        "Cell 11111111-1111-1111-1111-111111111111 could not be found.",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--check", "nothing"),
        ("--grace", "-1"),
        ("--idle", "nan"),
        ("--history", "0"),
        ("more",),
    ],
)
def test_a_mistake_exits_with_no_status_of_a_result(
    audited: Audited, words: tuple[str, ...]
) -> None:
    assert audited(*words).status == 255


def test_a_host_is_known_alike_everywhere(audited: Audited) -> None:
    manage = audited.manage
    manage.report_host("cell1", "host2")
    audited.placement.providers["node-stray"] = Provider(
        "node-stray", "stray", None, traits={"COMPUTE_NODE"}
    )
    found = json.loads(audited("--json", "--check", "hosts").out)["findings"]
    assert [(each["kind"], each["subject"]) for each in found] == [
        ("node-without-provider", "host2"),
        ("provider-without-node", "node-stray"),
    ]
    with manage.database("cell1").write() as tx:
        tx.execute(sa.text("DELETE FROM services"))
        tx.execute(sa.text("DELETE FROM compute_nodes WHERE host = 'host1'"))
    found = json.loads(audited("--json", "--check", "hosts").out)["findings"]
    assert [(each["kind"], each["subject"], each["is_repairable"]) for each in found] == [
        ("host-mapping-orphaned", "host1", False),
        ("node-without-service", "host2", False),
        ("servers-without-node", "host1/host1", False),
        ("node-without-provider", "host2", False),
        ("provider-without-node", audited.node, False),
        ("provider-without-node", "node-stray", False),
    ]
