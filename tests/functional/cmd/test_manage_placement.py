"""``nova-manage placement`` with a real Placement beside the databases."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from nova.clients.placement import Placement
from nova.clients.providers import Inventory
from nova.db.api.models import aggregate_hosts, aggregates
from nova.db.cell import server_migrations
from nova.db.cell.models import instances
from nova.domain.migration import Migration, MigrationStatus, MigrationType

HEAL = ("placement", "heal_allocations")
SYNC = ("placement", "sync_aggregates")
AUDIT = ("placement", "audit")
NOWHERE = "11111111-1111-1111-1111-111111111111"
SMALL = {"VCPU": 1, "MEMORY_MB": 1, "DISK_GB": 1}
# Of flavors with devices.
DEVICE = "CUSTOM_DEVICE"


@pytest.fixture
def deployed(manage: Any, placement: Placement) -> Any:
    """A cell with one host, which has a provider with room for ten servers."""
    manage.make_cell("cell1")
    add_host(manage, placement, "cell1", "h1")
    return manage


def add_host(manage: Any, placement: Placement, cell: str, host: str) -> str:
    manage.report_host(cell, host)
    manage.succeed("cell_v2", "discover_hosts")
    uuid = str(manage.node_uuid(host))
    placement.create_provider(uuid, host)
    room = {name: Inventory(10) for name in SMALL}
    placement.put_inventories(uuid, room, generation=0)
    return uuid


def add_servers(manage: Any, number: int, *, cell: str = "cell1", host: str = "h1") -> list[str]:
    uuids = [str(uuid4()) for _ in range(number)]
    for uuid in uuids:
        manage.add_server(cell, uuid, host=host)
    return uuids


def claim(placement: Placement, consumer: str, provider: str, **how: Any) -> None:
    amounts = how.pop("amounts", {"VCPU": 1})
    placement.claim(consumer, {provider: amounts}, **{"project_id": "p", "user_id": "u", **how})


def held(placement: Placement, server: str) -> Any:
    found = placement.allocation(server)
    return None if found is None else found.resources


# heal_allocations


def test_missing_allocations_are_made_from_the_flavor(deployed: Any, placement: Placement) -> None:
    lacking, sound = add_servers(deployed, 2)
    claim(placement, sound, deployed.node_uuid("h1"))
    ran = deployed(*HEAL, "--verbose")
    assert (ran.status, ran.out.splitlines()) == (
        0,
        [
            f"Successfully created allocations for instance {lacking}.",
            f"Instance {sound} already has allocations with matching consumer project/user.",
            "Processed 1 instances.",
        ],
    )
    assert held(placement, lacking) == {deployed.node_uuid("h1"): SMALL}
    assert held(placement, sound) == {deployed.node_uuid("h1"): {"VCPU": 1}}
    again = deployed(*HEAL)
    assert (again.status, again.out) == (4, "Processed 0 instances.\n")


def test_a_dry_run_tells_and_does_nothing(deployed: Any, placement: Placement) -> None:
    [uuid] = add_servers(deployed, 1)
    ran = deployed(*HEAL, "--dry-run")
    assert ran.status == 0
    assert ran.out.startswith(f"[dry-run] Create allocations for instance {uuid}: ")
    assert held(placement, uuid) is None


def test_max_count_stops_with_1_and_the_next_run_goes_on(
    deployed: Any, placement: Placement
) -> None:
    uuids = add_servers(deployed, 5)
    portion = (*HEAL, "--max-count", "2")
    assert [deployed(*portion).status for _ in range(4)] == [1, 1, 0, 4]
    assert all(held(placement, uuid) for uuid in uuids)


@pytest.mark.parametrize("url", ["rubbish", "sqlite:////nowhere/lost.db"])
def test_a_cell_that_is_lost_keeps_no_servers_of_others_from_being_healed(
    deployed: Any, placement: Placement, url: str
) -> None:
    lost = deployed.make_cell("cell2")
    deployed.make_cell("cell3")
    add_host(deployed, placement, "cell3", "h3")
    [uuid] = add_servers(deployed, 1, cell="cell3", host="h3")
    change = "UPDATE cell_mappings SET database_connection = :url WHERE name = 'cell2'"
    deployed.execute("api", change, url=url)
    ran = deployed(*HEAL)
    assert ran.status == 255
    assert held(placement, uuid) is not None
    assert ran.out.splitlines()[-1] == "Processed 1 instances."
    (told,) = [line for line in ran.out.splitlines() if line.startswith("ERROR: ")]
    assert lost in told


def test_max_count_that_is_all_there_was_leaves_nothing(
    deployed: Any, placement: Placement
) -> None:
    """Whoever repeats the command until it is done would wait for one that has nothing to do."""
    add_servers(deployed, 4)
    portion = (*HEAL, "--max-count", "2")
    assert [deployed(*portion).status for _ in range(3)] == [1, 0, 4]


def test_force_replaces_what_one_server_holds(deployed: Any, placement: Placement) -> None:
    uuid, other = add_servers(deployed, 2)
    for server in (uuid, other):
        claim(placement, server, deployed.node_uuid("h1"), amounts={"VCPU": 5})
    ran = deployed.succeed(*HEAL, "--force", "--instance", uuid)
    assert ran.out.splitlines()[0] == f"Successfully updated allocations for instance {uuid}."
    assert held(placement, uuid) == {deployed.node_uuid("h1"): SMALL}
    assert held(placement, other) == {deployed.node_uuid("h1"): {"VCPU": 5}}
    assert deployed(*HEAL, "--force", "--instance", uuid).status == 4


def test_what_is_held_is_given_to_the_project_of_the_server(
    deployed: Any, placement: Placement
) -> None:
    [uuid] = add_servers(deployed, 1)
    claim(placement, uuid, deployed.node_uuid("h1"), project_id="sentinel")
    deployed.succeed(*HEAL)
    found = placement.allocation(uuid)
    assert found is not None
    assert (found.project_id, found.resources) == ("p", {deployed.node_uuid("h1"): {"VCPU": 1}})


def test_only_servers_of_the_given_cell_are_healed(deployed: Any, placement: Placement) -> None:
    second = deployed.make_cell("cell2")
    add_host(deployed, placement, "cell2", "h2")
    [first_server] = add_servers(deployed, 1)
    [second_server] = add_servers(deployed, 1, cell="cell2", host="h2")
    deployed.succeed(*HEAL, "--cell", second)
    assert held(placement, first_server) is None
    assert held(placement, second_server) == {deployed.node_uuid("h2"): SMALL}


def test_busy_and_deleted_servers_are_left_alone(deployed: Any, placement: Placement) -> None:
    busy, buried = add_servers(deployed, 2)
    deployed.execute(
        "cell1", "UPDATE instances SET task_state = 'spawning' WHERE uuid = :u", u=busy
    )
    deployed.execute("cell1", "UPDATE instances SET deleted = id WHERE uuid = :u", u=buried)
    ran = deployed(*HEAL, "--verbose")
    assert ran.status == 4
    assert ran.out.splitlines()[0] == (
        f"Instance {busy} is undergoing a task state transition: spawning."
    )


def test_devices_of_child_providers_are_found(deployed: Any, placement: Placement) -> None:
    """A flavor that asks for a device gets the one of this node that is free, whatever traits the node has now."""
    node = deployed.node_uuid("h1")
    [uuid] = add_servers(deployed, 1)
    child = str(uuid4())
    placement.create_provider(child, "h1_device", parent=node)
    placement.put_inventories(child, {DEVICE: Inventory(1)}, generation=0)
    specs = {f"resources1:{DEVICE}": "1", "trait:COMPUTE_NODE": "required"}
    flavor = {"flavorid": "1", "name": "d", "vcpus": 1, "memory_mb": 1, "root_gb": 1}
    with deployed.database("cell1").write() as tx:
        tx.execute(sa.update(instances).values(flavor={**flavor, "extra_specs": specs}))
    deployed.succeed(*HEAL)
    assert held(placement, uuid) == {node: SMALL, child: {DEVICE: 1}}

    [second] = add_servers(deployed, 1)
    with deployed.database("cell1").write() as tx:
        tx.execute(sa.update(instances).values(flavor={**flavor, "extra_specs": specs}))
    ran = deployed(*HEAL)
    assert ran.status == 3
    assert f"Failed to write allocations for instance {second}" in ran.out


def set_flavor(manage: Any, uuid: str, **extra_specs: str) -> None:
    flavor = {"flavorid": "1", "name": "d", "vcpus": 1, "memory_mb": 1, "root_gb": 1}
    with manage.database("cell1").write() as tx:
        tx.execute(
            sa.update(instances)
            .where(instances.c.uuid == uuid)
            .values(flavor={**flavor, "extra_specs": extra_specs})
        )


def add_devices(placement: Placement, node: str, number: int) -> set[str]:
    """So many children of the node with one device each."""
    children = {str(uuid4()) for _ in range(number)}
    for child in children:
        placement.create_provider(child, f"device {child}", parent=node)
        placement.put_inventories(child, {DEVICE: Inventory(1)}, generation=0)
    return children


def share_disk(placement: Placement, *nodes: str) -> str:
    """A pool for these nodes, which have no disk of their own any more; its uuid."""
    pool, aggregate = str(uuid4()), str(uuid4())
    placement.create_provider(pool, "pool")
    generation = placement.put_inventories(pool, {"DISK_GB": Inventory(10)}, generation=0)
    placement.put_traits(pool, {"MISC_SHARES_VIA_AGGREGATE"}, generation=generation)
    for provider in (pool, *nodes):
        placement.change_aggregates(provider, lambda present: present | {aggregate})
    for node in nodes:
        placement.change_inventories(
            node,
            lambda present: {name: each for name, each in present.items() if name != "DISK_GB"},
        )
    return pool


@pytest.mark.parametrize("policy", ["none", "isolate"])
def test_devices_below_the_node_and_disk_beside_it_are_found_together(
    deployed: Any, placement: Placement, policy: str
) -> None:
    """And nothing of the neighbour, which has the same to offer."""
    node, neighbour = (
        deployed.node_uuid("h1"),
        add_host(deployed, placement, "cell1", "h2"),
    )
    pool = share_disk(placement, node, neighbour)
    add_devices(placement, neighbour, 3)
    devices = add_devices(placement, node, 2)
    [uuid] = add_servers(deployed, 1)
    specs = {f"resources{suffix}:{DEVICE}": "1" for suffix in ("_A", "_B")}
    set_flavor(deployed, uuid, **specs, group_policy=policy)
    deployed.succeed(*HEAL)
    assert held(placement, uuid) == {
        node: {"VCPU": 1, "MEMORY_MB": 1},
        pool: {"DISK_GB": 1},
        **{device: {DEVICE: 1} for device in devices},
    }


@pytest.mark.parametrize("in_use", [True, False])
def test_a_closed_inventory_gives_nothing_out(
    deployed: Any, placement: Placement, in_use: bool
) -> None:
    """Nodes keep one while servers hold disk of their own; the pool is where disk belongs."""
    node = deployed.node_uuid("h1")
    pool = share_disk(placement, node)
    placement.change_inventories(
        node, lambda present: {**present, "DISK_GB": Inventory(10, reserved=10 if in_use else 0)}
    )
    [uuid] = add_servers(deployed, 1)
    deployed.succeed(*HEAL)
    where = {pool: {"DISK_GB": 1}, node: {"VCPU": 1, "MEMORY_MB": 1}}
    assert held(placement, uuid) == (where if in_use else {node: SMALL})


def test_a_missing_node_exits_2_and_a_refused_write_3(deployed: Any, placement: Placement) -> None:
    """The others are healed all the same."""
    [sound] = add_servers(deployed, 1)
    deployed.report_host("cell1", "h2")
    [without_provider] = add_servers(deployed, 1, host="h2")
    ran = deployed(*HEAL)
    assert ran.status == 3
    assert f"Failed to write allocations for instance {without_provider}" in ran.out
    assert held(placement, sound) is not None

    [homeless] = add_servers(deployed, 1, host="h3")
    ran = deployed(*HEAL)
    assert ran.status == 2
    assert f"instance {homeless} cannot be healed" in ran.out


@pytest.mark.parametrize(
    "words",
    [
        ("--max-count", "0"),
        ("--force",),
        ("--instance", NOWHERE, "--cell", NOWHERE),
        ("--instance", NOWHERE),
        ("--cell", NOWHERE),
        # A variable of a script that was not set; all servers are not what was asked for.
        ("--instance", ""),
        ("--cell", ""),
        ("--instance", "", "--force"),
    ],
)
def test_bad_input_exits_127(deployed: Any, words: tuple[str, ...]) -> None:
    ran = deployed(*HEAL, *words)
    assert ran.status == 127
    assert ran.line


def test_a_placement_that_does_not_answer_is_an_unexpected_failure(manage: Any) -> None:
    manage.use_placement(1)
    manage.make_cell("cell1")
    add_servers(manage, 1)
    ran = manage(*HEAL)
    assert ran.status == 255
    assert "Placement cannot be reached" in ran.err


# sync_aggregates


def add_aggregate(manage: Any, *hosts: str) -> str:
    uuid = str(uuid4())
    with manage.database("api").write() as tx:
        values = {"uuid": uuid, "name": uuid, "created_at": now()}
        number = tx.execute(sa.insert(aggregates), values).inserted_primary_key[0]
        for host in hosts:
            tx.execute(sa.insert(aggregate_hosts), {"aggregate_id": number, "host": host})
    return uuid


def test_host_aggregates_are_mirrored_to_providers(deployed: Any, placement: Placement) -> None:
    """Over cells; memberships that others gave a provider stay."""
    deployed.make_cell("cell2")
    second = add_host(deployed, placement, "cell2", "h2")
    first = deployed.node_uuid("h1")
    kept = str(uuid4())
    placement.change_aggregates(first, lambda present: present | {kept})
    both, one = add_aggregate(deployed, "h1", "h2"), add_aggregate(deployed, "h1")
    assert deployed.succeed(*SYNC).out == ""
    assert placement.aggregates(first).value == {kept, both, one}
    assert placement.aggregates(second).value == {both}
    assert deployed.succeed(*SYNC, "--verbose").out.splitlines() == [
        f"Already there: host h1 (provider {first}) in aggregate {both}",
        f"Already there: host h1 (provider {first}) in aggregate {one}",
        f"Already there: host h2 (provider {second}) in aggregate {both}",
    ]


def test_sync_aggregates_exit_statuses(deployed: Any, placement: Placement) -> None:
    """1 host with several compute nodes; 2 placement failure; 4 no host mapping; 5 no compute node; 6 no provider"""
    troubles = {"unmapped": 4, "nodeless": 5, "several": 1, "unknown": 6}
    deployed.report_host("cell1", "several", node="n1")
    deployed.report_host("cell1", "nodeless", node=None)
    deployed.report_host("cell1", "unknown")
    deployed.succeed("cell_v2", "discover_hosts", "--by-service")
    deployed.execute(
        "cell1",
        "INSERT INTO compute_nodes (uuid, host, hypervisor_hostname, hypervisor_type, hypervisor_version, vcpus, "
        "memory_mb, local_gb, mapped, created_at) SELECT 'n2', host, 'n2', hypervisor_type, hypervisor_version, "
        "vcpus, memory_mb, local_gb, mapped, created_at FROM compute_nodes WHERE host = 'several'",
    )
    for host, status in troubles.items():
        uuid = add_aggregate(deployed, "h1", host)
        ran = deployed(*SYNC)
        assert ran.status == status
        assert host in ran.line
        assert uuid in placement.aggregates(deployed.node_uuid("h1")).value
        deployed.execute("api", "DELETE FROM aggregate_hosts WHERE host = :host", host=host)

    deployed.use_placement(1)
    ran = deployed(*SYNC)
    assert ran.status == 2
    assert ran.line.startswith("Placement fails: ")


@pytest.mark.parametrize("url", ["rubbish", "sqlite:////nowhere/lost.db"])
def test_a_cell_that_is_lost_keeps_no_hosts_of_others_from_being_mirrored(
    deployed: Any, placement: Placement, url: str
) -> None:
    deployed.make_cell("cell2")
    deployed.report_host("cell2", "a-first-host")
    deployed.succeed("cell_v2", "discover_hosts")
    change = "UPDATE cell_mappings SET database_connection = :url WHERE name = 'cell2'"
    deployed.execute("api", change, url=url)
    uuid = add_aggregate(deployed, "a-first-host", "h1")
    ran = deployed(*SYNC)
    assert ran.status == 255
    assert "The cell of host a-first-host cannot be read: " in ran.line
    assert placement.aggregates(deployed.node_uuid("h1")).value == {uuid}


# audit


def test_audit_finds_and_deletes_what_no_server_holds(deployed: Any, placement: Placement) -> None:
    """0 none; 3 found; 4 found and deleted; what servers and moves hold stays"""
    node = deployed.node_uuid("h1")
    living, deleted, building, unmapped = add_servers(deployed, 4)
    lost, moving = str(uuid4()), add_move(deployed, living, MigrationStatus.FINISHED)
    deployed.execute("cell1", "UPDATE instances SET deleted = id WHERE uuid = :u", u=deleted)
    deployed.execute("cell1", "DELETE FROM instances WHERE uuid = :u", u=building)
    deployed.execute(
        "api", "UPDATE instance_mappings SET cell_id = NULL WHERE instance_uuid = :u", u=building
    )
    deployed.execute("api", "DELETE FROM instance_mappings WHERE instance_uuid = :u", u=unmapped)
    for consumer in (living, building, unmapped):
        claim(placement, consumer, node)
    claim(placement, moving, node, consumer_type="MIGRATION")
    assert deployed(*AUDIT).out == "Processed 0 allocations.\n"

    for consumer in (deleted, lost):
        claim(placement, consumer, node)
    ran = deployed(*AUDIT, "--verbose")
    assert ran.status == 3
    first, second = sorted((deleted, lost))
    where = f"on Resource Provider {node}"
    assert ran.out.splitlines() == [
        f"Looking at resource provider h1 ({node})",
        f"Allocations for consumer UUID {first} {where} can be deleted: VCPU: 1",
        f"Allocations for consumer UUID {second} {where} can be deleted: VCPU: 1",
        "Processed 2 allocations.",
    ]
    ran = deployed(*AUDIT, "--delete")
    assert ran.status == 4
    assert f"Deleted allocations for consumer UUID {first} {where}: VCPU: 1" in ran.out
    assert set(placement.held_from(node)) == {living, building, unmapped, moving}
    assert deployed(*AUDIT, "--delete").status == 0


def add_move(manage: Any, server: str, status: MigrationStatus) -> str:
    """A move of a server of cell1; its uuid."""
    move = Migration(
        uuid=str(uuid4()),
        server_uuid=server,
        project_id="p",
        user_id="u",
        migration_type=MigrationType.RESIZE,
        status=status,
        created_at=now(),
    )
    with manage.database("cell1").write() as tx:
        server_migrations.insert_if_absent(tx, move)
    return move.uuid


def test_audit_knows_moves_that_have_ended_or_never_were(
    deployed: Any, placement: Placement
) -> None:
    node = deployed.node_uuid("h1")
    [server] = add_servers(deployed, 1)
    ended = {
        add_move(deployed, server, status)
        for status in (MigrationStatus.CONFIRMED, MigrationStatus.REVERTED, MigrationStatus.ERROR)
    }
    alive = {
        add_move(deployed, server, status)
        for status in (MigrationStatus.PRE_MIGRATING, MigrationStatus.REVERTING)
    }
    never, stranger = str(uuid4()), str(uuid4())
    for consumer in (*ended, *alive, never):
        claim(placement, consumer, node, consumer_type="MIGRATION")
    claim(placement, stranger, node, consumer_type="ACCELERATOR_POOL")
    ran = deployed(*AUDIT)
    assert ran.status == 3
    assert {line.split()[4] for line in ran.out.splitlines()[:-1]} == {*ended, never}
    assert deployed(*AUDIT, "--delete").status == 4
    assert set(placement.held_from(node)) == {*alive, stranger}


def test_audit_of_one_provider_leaves_what_is_held_elsewhere(
    deployed: Any, placement: Placement
) -> None:
    first, second = deployed.node_uuid("h1"), add_host(deployed, placement, "cell1", "h2")
    lost = str(uuid4())
    placement.claim(lost, {first: {"VCPU": 1}, second: {"VCPU": 2}}, project_id="p", user_id="u")
    assert deployed(*AUDIT, "--resource_provider", first, "--delete").status == 4
    assert held(placement, lost) == {second: {"VCPU": 2}}
    assert deployed(*AUDIT, "--resource_provider", NOWHERE).status == 127
    assert deployed(*AUDIT, "--resource_provider", "", "--delete").status == 127


def test_audit_judges_nobody_while_a_cell_is_down(deployed: Any, placement: Placement) -> None:
    node = deployed.node_uuid("h1")
    [uuid] = add_servers(deployed, 1)
    claim(placement, uuid, node)
    deployed.execute(
        "api",
        "UPDATE cell_mappings SET database_connection = 'sqlite:////nowhere/lost.db' WHERE name = 'cell1'",
    )
    ran = deployed(*AUDIT, "--delete")
    assert ran.status == 1
    assert set(placement.held_from(node)) == {uuid}
