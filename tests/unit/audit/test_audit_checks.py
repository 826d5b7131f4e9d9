"""What each check of the audit says of rows; nothing is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nova.audit import builds, holdings, hosts, ledger, mappings, operations
from nova.audit.finding import (
    AddMapping,
    CorrectAllocation,
    CorrectMapping,
    DeleteAllocation,
    Finding,
    ForgetHost,
    ForgetMapping,
    Kind,
    Nudge,
    SettleServer,
)
from nova.audit.holdings import Ground, Places
from nova.cells.registry import Cell
from nova.clients.candidates import CandidateQuery
from nova.clients.providers import Allocation, Provider
from nova.db.api.census import Counted, EndedBuild
from nova.db.cell.census import CountedServer, Node, Place, UnansweredMove
from nova.db.cell.services import ServiceRow
from nova.db.journal_census import Standing
from nova.domain.flavor import Flavor

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=10)
CELL = Cell(2, "cell-uuid", "cell1", "rabbit://", "sqlite://")
FLAVOR = Flavor(flavorid="1", name="tiny", vcpus=1, memory_mb=64, root_gb=1)
LARGE = replace(FLAVOR, flavorid="2", vcpus=4)
NODE = Node("root", "host1", "node1")
GROUND = Ground(CELL.uuid, NODE, frozenset({"root"}), frozenset({"shared"}))
RIGHT = {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}


def server(**fields: Any) -> CountedServer:
    return CountedServer(
        **{
            "id": 1,
            "uuid": "one",
            "project_id": "p",
            "user_id": "u",
            "host": "host1",
            "node": "node1",
            "vm_state": "active",
            "task_state": None,
            "vcpus": 1,
            "memory_mb": 64,
            "flavor": FLAVOR,
            "image_ref": "image",
            "image_properties": {},
            "created_at": NOW,
            "updated_at": NOW,
            "is_busy": False,
            **fields,
        }
    )


def mapping(**fields: Any) -> Counted:
    return Counted(
        **{
            "id": 1,
            "instance_uuid": "one",
            "cell_id": 2,
            "project_id": "p",
            "user_id": "u",
            "vcpus": 1,
            "memory_mb": 64,
            "resources": None,
            "queued_for_delete": False,
            "created_at": NOW,
            "updated_at": None,
            **fields,
        }
    )


def as_text(amounts: dict[str, int]) -> str:
    return json.dumps(amounts)


def held(resources: dict[str, dict[str, int]], **fields: Any) -> Allocation:
    return Allocation(
        **{
            "consumer": "one",
            "resources": resources,
            "project_id": "p",
            "user_id": "u",
            "consumer_generation": 5,
            "consumer_type": "INSTANCE",
            **fields,
        }
    )


def standing(**fields: Any) -> Standing:
    return Standing(
        **{
            "id": 17,
            "action": "create",
            "instance_uuid": "one",
            "step": "spawn",
            "place": "host",
            "place_host": "host1",
            "owner": None,
            "incarnation": None,
            "claim": None,
            "blocked_by": None,
            "touched_at": NOW,
            "waits_in_vain": False,
            **fields,
        }
    )


def service(**fields: Any) -> ServiceRow:
    return ServiceRow(
        **{
            "id": 1,
            "uuid": "service",
            "host": "host1",
            "binary": "nova-compute",
            "topic": "compute",
            "version": 1,
            "incarnation": "first",
            "last_seen_up": NOW,
            "report_count": 1,
            "disabled": False,
            "disabled_reason": None,
            "forced_down": False,
            "created_at": NOW,
            "updated_at": NOW,
            **fields,
        }
    )


# Allocations.


def at_root(query: CandidateQuery) -> Mapping[str, Mapping[str, int]]:
    """A node that has all by itself."""
    return {"root": query.groups[0].resources}


def disk_shared(query: CandidateQuery) -> Mapping[str, Mapping[str, int]]:
    """A node without disk, beside a provider that shares it."""
    found: dict[str, dict[str, int]] = {}
    for name, amount in query.groups[0].resources.items():
        found.setdefault("shared" if name == "DISK_GB" else "root", {})[name] = amount
    return found


def nowhere(_query: CandidateQuery) -> None:
    return None


def judge(
    row: CountedServer, ground: Ground, held: Allocation | None, places: Places = at_root
) -> Finding | None:
    return holdings.judge(row, ground, held, places)


@pytest.mark.parametrize(
    ("row", "resources"),
    [
        (server(), {"root": RIGHT}),
        # Disk from a shared provider.
        (server(), {"root": {"VCPU": 1, "MEMORY_MB": 64}, "shared": {"DISK_GB": 1}}),
        # The root disk is a volume.
        (server(image_ref=None), {"root": {"VCPU": 1, "MEMORY_MB": 64}}),
        # Bandwidth was claimed for a port, no flavor stands for it.
        (server(), {"root": {**RIGHT, "NET_BW_EGR_KILOBIT_PER_SEC": 1000}}),
        # The image wants CPUs of its own.
        (
            server(image_properties={"hw_cpu_policy": "dedicated"}),
            {"root": {"PCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}},
        ),
        # Bare metal.
        (
            server(
                flavor=replace(
                    FLAVOR,
                    extra_specs={
                        "resources:VCPU": "0",
                        "resources:MEMORY_MB": "0",
                        "resources:DISK_GB": "0",
                        "resources:CUSTOM_GOLD": "1",
                    },
                )
            ),
            {"root": {"CUSTOM_GOLD": 1}},
        ),
    ],
)
def test_an_allocation_that_fits_is_no_finding(
    row: CountedServer, resources: dict[str, dict[str, int]]
) -> None:
    assert judge(row, GROUND, held(resources)) is None


def test_nothing_held_is_claimed_from_the_node() -> None:
    found = judge(server(), GROUND, None)
    assert found is not None
    assert (found.kind, found.subject) == (Kind.ALLOCATION_MISSING, "one")
    assert found.repair == CorrectAllocation(
        "one", CELL.uuid, "host1", "node1", {"root": RIGHT}, None
    )


@pytest.mark.parametrize(
    ("resources", "text", "wanted"),
    [
        (
            {"root": {**RIGHT, "VCPU": 3}},
            "is on host1, but holds VCPU 3 (needs 1)",
            {"root": RIGHT},
        ),
        (
            {"root": {"VCPU": 1, "PCPU": 2, "MEMORY_MB": 64, "CUSTOM_X": 4}},
            "is on host1, but holds DISK_GB 0 (needs 1), PCPU 2 (needs 0)",
            {"root": {**RIGHT, "CUSTOM_X": 4}},
        ),
        (
            {"root": RIGHT, "elsewhere": RIGHT},
            "is on host1, but holds something from elsewhere",
            {"root": RIGHT},
        ),
        (
            {"elsewhere": RIGHT},
            "is on host1, but holds something from elsewhere",
            {"root": RIGHT},
        ),
    ],
)
def test_what_does_not_fit_is_corrected(
    resources: dict[str, dict[str, int]], text: str, wanted: dict[str, dict[str, int]]
) -> None:
    found = judge(server(), GROUND, held(resources))
    assert found is not None
    assert (found.kind, found.text) == (Kind.ALLOCATION_WRONG, text)
    assert found.repair == CorrectAllocation("one", CELL.uuid, "host1", "node1", wanted, 5)


def test_which_device_a_server_gets_is_not_for_the_audit_to_choose() -> None:
    specs = {"resources_gpu:VGPU": "1"}
    row = server(flavor=replace(FLAVOR, extra_specs=specs))
    ground = replace(GROUND, tree=frozenset({"root", "gpu1"}))
    fitting = {"root": RIGHT, "gpu1": {"VGPU": 1}}
    assert judge(row, ground, held(fitting)) is None
    found = judge(row, ground, held({"root": RIGHT}))
    assert found is not None
    assert found.repair is None
    # But what it holds elsewhere besides can go.
    found = judge(row, ground, held({**fitting, "elsewhere": {"VCPU": 1}}))
    assert found is not None
    assert isinstance(found.repair, CorrectAllocation)
    assert found.repair.wanted == fitting


@pytest.mark.parametrize("places", [at_root, disk_shared, nowhere])
def test_disk_on_a_shared_provider_is_not_moved_to_the_node(places: Places) -> None:
    resources = {"root": {"VCPU": 2, "MEMORY_MB": 64}, "shared": {"DISK_GB": 1}}
    found = judge(server(), GROUND, held(resources), places)
    assert found is not None
    assert found.kind is Kind.ALLOCATION_WRONG
    assert isinstance(found.repair, CorrectAllocation)
    assert found.repair.wanted == {
        "root": {"VCPU": 1, "MEMORY_MB": 64},
        "shared": {"DISK_GB": 1},
    }


@pytest.mark.parametrize(
    "resources",
    [
        None,
        {"root": {"VCPU": 1, "MEMORY_MB": 64}},
        {"shared": {"DISK_GB": 3}},
        {"root": {"PCPU": 1}},
    ],
)
def test_what_the_node_lacks_is_claimed_from_what_it_shares(resources: Any) -> None:
    holding = None if resources is None else held(resources)
    found = judge(server(), GROUND, holding, disk_shared)
    assert found is not None
    assert isinstance(found.repair, CorrectAllocation)
    assert found.repair.wanted == {
        "root": {"VCPU": 1, "MEMORY_MB": 64},
        "shared": {"DISK_GB": 1},
    }


def test_what_cannot_be_had_is_not_repaired() -> None:
    found = judge(server(), GROUND, None, nowhere)
    assert found is not None
    assert (found.kind, found.repair) == (Kind.ALLOCATION_MISSING, None)


def test_one_class_in_two_places_is_left_to_people() -> None:
    resources = {"root": RIGHT, "shared": {"DISK_GB": 1}}
    found = judge(server(), GROUND, held(resources))
    assert found is not None
    assert (found.kind, found.repair) == (Kind.ALLOCATION_WRONG, None)


MOVE = UnansweredMove(
    "move", FLAVOR, server(host="host2", node="node2", vm_state="resized", flavor=LARGE)
)


def judge_move(held: Allocation | None, places: Places = at_root) -> Finding | None:
    return holdings.judge_move(MOVE, GROUND, held, places)


def test_a_move_holds_what_the_server_was() -> None:
    kept = held({"root": RIGHT}, consumer="move", consumer_type="MIGRATION")
    assert judge_move(kept) is None

    found = judge_move(None)
    assert found is not None
    assert (found.kind, found.subject) == (Kind.ALLOCATION_MISSING, "move")
    assert found.text == (
        "keeps host1 for server one until it is answered and holds nothing in Placement: "
        "the host may be overcommitted"
    )
    assert found.repair == CorrectAllocation(
        "one", CELL.uuid, "host1", "node1", {"root": RIGHT}, None, "move"
    )

    found = judge_move(replace(kept, resources={"root": {**RIGHT, "VCPU": 4}}))
    assert found is not None
    assert (found.kind, found.subject) == (Kind.ALLOCATION_WRONG, "move")
    assert isinstance(found.repair, CorrectAllocation)
    assert (found.repair.wanted, found.repair.seen_generation) == ({"root": RIGHT}, 5)

    found = judge_move(None, nowhere)
    assert found is not None
    assert found.repair is None


def test_a_server_without_host_holds_nothing() -> None:
    ground = Ground(CELL.uuid, None, frozenset(), frozenset())
    row = server(host=None, node=None, vm_state="error")
    assert judge(row, ground, None) is None
    found = judge(row, ground, held({"root": RIGHT}))
    assert found is not None
    assert found.text == "is on no host, but holds something from root"
    assert found.repair == CorrectAllocation("one", CELL.uuid, None, None, {}, 5)


def test_a_flavor_that_makes_no_sense_is_not_judged() -> None:
    row = server(flavor=replace(FLAVOR, extra_specs={"resources:VCPU": "many"}))
    assert judge(row, GROUND, held({"root": {"VCPU": 9}})) is None


def test_an_orphan_is_deleted_as_it_was_seen() -> None:
    orphan = held({"root": RIGHT, "a": {"VCPU": 1}})
    found = holdings.judge_orphan(orphan)
    assert (found.kind, found.subject) == (Kind.ALLOCATION_ORPHANED, "one")
    assert found.text.startswith("holds something from a, root,")
    assert found.repair == DeleteAllocation(orphan)


# The ledger.


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        (server(), mapping()),
        (server(), mapping(resources=as_text(RIGHT))),
        (server(), mapping(resources='{"MEMORY_MB": 64, "VCPU": 1, "DISK_GB": 1}')),
        (
            server(image_properties={"hw_cpu_policy": "dedicated"}),
            mapping(resources=as_text({"PCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1})),
        ),
        # In motion.
        (server(is_busy=True), mapping(vcpus=2)),
        (server(task_state="resize_finish"), mapping(vcpus=2)),
        (server(vm_state="resized"), mapping(vcpus=2)),
        (server(vm_state="resized"), mapping(resources=as_text({**RIGHT, "VCPU": 2}))),
        (server(vm_state="soft-delete"), mapping(queued_for_delete=True)),
        (server(is_busy=True, task_state="deleting"), mapping(queued_for_delete=True)),
        (server(), mapping(queued_for_delete=True, updated_at=NOW)),
        # Its mapping is somebody else's matter.
        (server(), mapping(cell_id=None, vcpus=2)),
        (server(), mapping(cell_id=3, vcpus=2)),
    ],
)
def test_what_counts_rightly_or_is_in_motion_is_no_finding(
    row: CountedServer, counted: Counted
) -> None:
    assert list(ledger.judge_living(CELL, [row], {"one": counted}, SINCE)) == []


def test_a_server_without_mapping_is_not_the_ledgers_matter() -> None:
    assert list(ledger.judge_living(CELL, [server()], {}, SINCE)) == []


@pytest.mark.parametrize(
    ("row", "counted", "kind", "values"),
    [
        (
            server(),
            mapping(vcpus=2),
            Kind.WRONG_COUNT,
            {"vcpus": 1, "memory_mb": 64},
        ),
        (
            server(memory_mb=128),
            mapping(),
            Kind.WRONG_COUNT,
            {"vcpus": 1, "memory_mb": 128},
        ),
        (
            server(),
            mapping(queued_for_delete=True, updated_at=SINCE - timedelta(seconds=1)),
            Kind.NOT_COUNTED,
            {"queued_for_delete": False, "vcpus": 1, "memory_mb": 64},
        ),
    ],
)
def test_a_living_server_counts_for_what_it_is(
    row: CountedServer, counted: Counted, kind: Kind, values: dict[str, Any]
) -> None:
    [found] = ledger.judge_living(CELL, [row], {"one": counted}, SINCE)
    assert (found.kind, found.repair) == (kind, CorrectMapping(counted, values, CELL.uuid))


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            {"VCPU": 77, "DISK_GB": 500},
            "counts for DISK_GB 500, VCPU 77, but takes DISK_GB 1, MEMORY_MB 64, VCPU 1",
        ),
        ({}, "counts for nothing, but takes DISK_GB 1, MEMORY_MB 64, VCPU 1"),
    ],
)
def test_a_living_server_counts_for_what_it_takes_of_each_class(
    resources: dict[str, int], said: str
) -> None:
    counted = mapping(resources=as_text(resources))
    [found] = ledger.judge_living(CELL, [server()], {"one": counted}, SINCE)
    assert (found.kind, found.text) == (Kind.WRONG_COUNT, said)
    values = {"vcpus": 1, "memory_mb": 64, "resources": RIGHT}
    assert found.repair == CorrectMapping(counted, values, CELL.uuid)


def test_amounts_that_make_no_sense_are_corrected() -> None:
    for text in ("{", "[1]", '{"VCPU": "many"}'):
        [found] = ledger.judge_living(CELL, [server()], {"one": mapping(resources=text)}, SINCE)
        assert found.text.startswith("counts for nothing, but takes ")


def test_a_deleted_server_counts_for_nothing() -> None:
    found = ledger.judge_deleted(CELL, mapping())
    assert found.kind is Kind.COUNTED_THOUGH_DELETED
    assert found.repair == CorrectMapping(mapping(), {"queued_for_delete": True})


# Mappings.


def test_a_row_has_a_mapping_to_its_cell() -> None:
    found = mappings.judge_row(CELL, server(), None, ())
    assert found.kind is Kind.SERVER_WITHOUT_MAPPING
    assert found.repair == AddMapping(
        CELL.uuid,
        {
            "instance_uuid": "one",
            "cell_id": 2,
            "project_id": "p",
            "user_id": "u",
            "vcpus": 1,
            "memory_mb": 64,
            "resources": RIGHT,
        },
    )
    for cell_id, words in ((None, "no cell"), (9, "cell number 9")):
        wrong = mapping(cell_id=cell_id)
        found = mappings.judge_row(CELL, server(), wrong, ())
        assert (found.kind, found.repair) == (
            Kind.MAPPED_ELSEWHERE,
            CorrectMapping(wrong, {"cell_id": 2}, CELL.uuid),
        )
        assert words in found.text


def test_nobody_but_people_can_tell_which_of_two_rows_is_right() -> None:
    found = mappings.judge_row(CELL, server(), mapping(cell_id=9), {"b", "a"})
    assert (found.kind, found.repair) == (Kind.IN_TWO_CELLS, None)
    assert found.text == "lives in cell cell-uuid and also in a, b"


def test_a_mapping_has_a_row() -> None:
    lost = mapping(cell_id=None)
    found = mappings.judge_lost(lost)
    assert (found.kind, found.repair) == (Kind.MAPPING_WITHOUT_SERVER, ForgetMapping(lost))
    found = mappings.judge_lost(mapping())
    assert (found.kind, found.repair) == (
        Kind.MAPPING_WITHOUT_SERVER,
        CorrectMapping(mapping(), {"queued_for_delete": True}),
    )


# Operations.

OWNED = {"owner": "nova-compute@host1", "incarnation": "first", "claim": "token"}


@pytest.mark.parametrize(
    "each",
    [
        standing(),
        standing(touched_at=SINCE),
        # At work, however long.
        standing(**OWNED, touched_at=NOW - timedelta(days=1)),
        # Waiting for one that is alive.
        standing(blocked_by=3, touched_at=NOW - timedelta(days=1)),
    ],
)
def test_an_operation_in_living_hands_or_about_to_be_is_no_finding(each: Standing) -> None:
    known = operations.by_owner([service()])
    assert list(operations.judge(CELL, [each], known, SINCE)) == []


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "which does not exist any more"),
        ([service(host="host2")], "which does not exist any more"),
        ([service(incarnation="second")], "which has been started anew since"),
        ([service(forced_down=True)], "which is forced down"),
        ([service(last_seen_up=None)], "which was last seen never"),
        ([service(last_seen_up=SINCE - timedelta(seconds=1))], "which was last seen 2026-03-01"),
    ],
)
def test_a_dead_owner_loses_the_operation(rows: list[ServiceRow], why: str) -> None:
    known = operations.by_owner(rows)
    [found] = operations.judge(CELL, [standing(**OWNED)], known, SINCE)
    assert (found.kind, found.subject) == (Kind.DEAD_OWNER, "one")
    assert why in found.text
    assert found.repair == Nudge(CELL.uuid, 17, "nova-compute@host1", "first")


def test_conductors_of_both_levels_may_have_one_name() -> None:
    cell, above = (
        service(binary="nova-conductor", incarnation=level) for level in ("cell", "above")
    )
    known = operations.by_owner([above, cell])
    for level, is_dead in (("cell", False), ("above", False), ("other", True)):
        each = standing(owner="nova-conductor@host1", incarnation=level, claim="token")
        assert (operations.why_dead(each, known, SINCE) is not None) == is_dead


def test_an_operation_that_waits_too_long_is_nudged() -> None:
    idle = standing(touched_at=SINCE - timedelta(seconds=1))
    [found] = operations.judge(CELL, [idle], {}, SINCE)
    assert (found.kind, found.repair) == (Kind.IDLE_OPERATION, Nudge(CELL.uuid, 17))
    assert found.text == (
        "create (operation 17) waits at host1 for step spawn since 2026-03-01 11:49:59"
    )
    vain = standing(blocked_by=3, waits_in_vain=True)
    [found] = operations.judge(CELL, [vain], {}, SINCE)
    assert (found.kind, found.repair) == (Kind.BLOCKED_IN_VAIN, Nudge(CELL.uuid, 17))


def test_a_task_without_operation_is_settled() -> None:
    rows = [server(task_state="rebooting"), server(uuid="two", vm_state="building")]
    first, second = operations.judge_unattended(CELL, rows)
    assert first.text == "task_state rebooting, but no operation is under way"
    assert second.text == "still building, but no operation is under way"
    assert first.repair == SettleServer("one", CELL.uuid, "active", "rebooting", NOW)


# Builds.


def test_a_build_at_work_or_new_is_no_finding() -> None:
    super_conductor = service(binary="nova-conductor", host="above")
    known = operations.by_owner([super_conductor])
    mine = {"owner": "nova-conductor@above", "incarnation": "first", "claim": "token"}
    old = NOW - timedelta(days=1)
    for each in (standing(), standing(**mine, touched_at=old)):
        assert list(builds.judge([each], known, SINCE, {})) == []
    # Without cell0 nobody can tell who is alive.
    assert list(builds.judge([standing(**mine, touched_at=old)], None, SINCE, {})) == []


def test_a_build_that_stands_still_is_nudged_and_freed_from_a_dead_owner_only() -> None:
    idle = standing(touched_at=SINCE - timedelta(seconds=1))
    [found] = builds.judge([idle], {}, SINCE, {})
    assert (found.kind, found.repair) == (Kind.IDLE_BUILD, Nudge(None, 17))
    [found] = builds.judge([standing(**OWNED)], {}, SINCE, {})
    assert found.repair == Nudge(None, 17, "nova-compute@host1", "first")
    known = operations.by_owner([service()])
    [found] = builds.judge([standing(**OWNED)], known, SINCE, {"one": ["b", "a"]})
    assert (found.kind, found.repair) == (Kind.BUILD_IN_CELL, Nudge(None, 17))
    assert "lives in cell a, b as well" in found.text


def test_a_build_that_has_ended_is_left_to_people() -> None:
    found = builds.judge_ended(EndedBuild("one", "failed", NOW))
    assert (found.kind, found.repair) == (Kind.IDLE_BUILD, None)


# Hosts.


def judge_hosts(**more: Any) -> list[tuple[Kind, str, Any]]:
    given: dict[str, Any] = {
        "mapped": {"host1"},
        "serving": {"host1"},
        "nodes": [NODE],
        "busy": [Place("host1", "node1", 2)],
        **more,
    }
    return [(f.kind, f.subject, f.repair) for f in hosts.judge_hosts(CELL, **given)]


def test_hosts_known_alike_are_no_finding() -> None:
    assert judge_hosts() == []
    # Not discovered yet; bare metal without nodes yet.
    assert judge_hosts(mapped=set()) == []
    assert judge_hosts(mapped={"host1", "host2"}, serving={"host1", "host2"}) == []


def test_what_is_known_in_one_place_only() -> None:
    assert judge_hosts(mapped={"host1", "gone"}) == [
        (Kind.HOST_MAPPING_ORPHANED, "gone", ForgetHost(CELL.uuid, "gone"))
    ]
    assert judge_hosts(mapped={"gone"}, busy=[Place("gone", None, 1)]) == [
        (Kind.HOST_MAPPING_ORPHANED, "gone", None),
        (Kind.SERVERS_WITHOUT_NODE, "gone/None", None),
    ]
    assert judge_hosts(serving=set()) == [(Kind.NODE_WITHOUT_SERVICE, "node1", None)]


def test_nodes_and_providers_are_the_same() -> None:
    provider = Provider("root", "node1", 1, None, "root")
    assert list(hosts.judge_nodes(CELL, [NODE], {"root": provider})) == []
    assert list(hosts.judge_providers({"root": provider}, {"root"})) == []
    [found] = hosts.judge_nodes(CELL, [NODE], {})
    assert (found.kind, found.subject) == (Kind.NODE_WITHOUT_PROVIDER, "node1")
    [found] = hosts.judge_providers({"root": provider}, ())
    assert (found.kind, found.subject) == (Kind.PROVIDER_WITHOUT_NODE, "root")
