"""Servers get CPUs and devices of their hosts for themselves, whatever goes wrong with whom."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from nova.db.cell import compute_nodes
from nova.db.cell.models import compute_nodes as node_table
from nova.domain.hardware import Hardware, HostCell, Pages, PciDevice, Pins
from nova.domain.numa import PciRequest, PciSpec
from nova.virt.driver import NodeFacts
from tests.harness import readings
from tests.harness.databases import CELL1
from tests.harness.sabotage import Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World

OWN_CPU = {"hw:cpu_policy": "dedicated"}
GPU = (PciRequest("gpu", 1, (PciSpec("10de"),)),)

STEPS = ["schedule", "hand_over", "claim_hardware", "spawn"]
MODES = [Mode.TWICE, Mode.KILL_BEFORE, Mode.KILL_AFTER]


def machine(cpus: int = 2, gpus: int = 2) -> Hardware:
    return Hardware(
        cells=(HostCell(0, (), tuple(range(cpus)), (Pages(4, 1 << 18),)),),
        devices=tuple(PciDevice(f"0000:81:0{n}.0", "10de", "1eb8") for n in range(gpus)),
    )


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    """Two hosts in the cell, each with two dedicated CPUs and two devices."""
    made = World(tmp_path, sabotage)
    made.hardware = {"host1": machine(), "host2": machine()}
    with made.journals[CELL1].database.write() as tx:
        for host in ("host1", "host2"):
            compute_nodes.report(
                tx, host, NodeFacts("model", 1, host, "127.0.0.1", {}, 4, 4096, 100)
            )
    return made


def create(world: World, count: int = 1) -> None:
    world.create(count, extra_specs=OWN_CPU, pci_requests=GPU)


def held(world: World) -> list[tuple[str, list[int], list[str]]]:
    """By server: its host, CPUs and devices."""
    return sorted(
        (
            host,
            [cpu for cell in pins.cells for _, cpu in cell.pins],
            [pinned.device.address for pinned in pins.devices],
        )
        for host, pins in readings.pins(world).values()
    )


def test_a_server_holds_cpus_and_devices_until_it_is_deleted(world: World) -> None:
    [server] = world.create(1, extra_specs=OWN_CPU, pci_requests=GPU)
    world.settle()
    assert held(world) == [("host1", [0], ["0000:81:00.0"])]
    assert ("compute_claim_hardware", "Success") in readings.events(world, server)
    assert_sound(world)
    world.delete(server)
    world.settle()
    assert readings.pins(world) == {}
    assert_sound(world)


def test_a_server_that_asks_for_nothing_holds_nothing(world: World) -> None:
    [server] = world.create()
    world.settle()
    assert readings.pins(world) == {}
    assert "compute_claim_hardware" not in dict(readings.events(world, server))
    assert_sound(world)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", STEPS)
def test_each_step_may_run_twice_and_lose_its_worker(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    """Run twice, a claim is the same."""
    sabotage.plan(step, mode)
    create(world)
    world.settle()
    assert held(world) == [("host1", [0], ["0000:81:00.0"])]
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize("step", ["claim_hardware", "spawn"])
def test_a_step_that_fails_lets_go_of_the_host_and_takes_the_next(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    sabotage.plan(step, mode)
    create(world)
    world.settle()
    assert held(world) == [("host2", [0], ["0000:81:00.0"])]
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.FAIL_AFTER, *MODES])
@pytest.mark.parametrize("undone", ["spawn", "occupy_host"])
def test_each_undo_may_fail_run_twice_and_lose_its_worker(
    world: World, sabotage: Sabotage, undone: str, mode: Mode
) -> None:
    sabotage.plan("spawn", Mode.FAIL_AFTER)
    sabotage.plan(undone, mode, undoing=True)
    create(world)
    world.settle()
    assert held(world) == [("host2", [0], ["0000:81:00.0"])]
    assert_sound(world)


def test_a_build_that_fails_everywhere_holds_nothing(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.FAIL_AFTER, times=9)
    create(world)
    world.settle()
    assert readings.pins(world) == {}
    assert_sound(world)


def test_a_host_that_goes_down_after_the_claim_is_let_go_of(
    world: World, sabotage: Sabotage
) -> None:
    """Nobody has to ask the host for that."""
    sabotage.plan("claim_hardware", Mode.KILL_AFTER)
    create(world)
    world.deliver()
    assert [host for host, _, _ in held(world)] == ["host1"]
    world.census.down_hosts.add("host1")
    world.settle()
    assert held(world) == [("host2", [0], ["0000:81:00.0"])]
    assert_sound(world)


def test_servers_for_which_others_were_faster_go_to_the_next_host(world: World) -> None:
    """The scheduler sent all four to the first host, which has room for two; it is not blamed for that."""
    create(world, 4)
    world.settle()
    assert held(world) == [
        (host, [number], [f"0000:81:0{number}.0"])
        for host in ("host1", "host2")
        for number in (0, 1)
    ]
    with world.journals[CELL1].database.read() as tx:
        failed = tx.execute(sa.select(node_table.c.failed_builds)).scalars().all()
    assert not any(failed)
    assert_sound(world)


def test_a_server_for_which_nothing_is_left_tells_why(world: World) -> None:
    create(world, 4)
    world.settle()
    [late] = world.create(1, extra_specs=OWN_CPU, pci_requests=GPU)
    world.settle()
    found = world.servers.find(late.uuid)
    assert found.server.vm_state == "error"
    assert found.row.fault is not None
    assert "lacks free PCI devices" in found.row.fault.message
    assert late.uuid not in readings.pins(world)
    assert_sound(world)


def test_a_delete_in_the_middle_leaves_nothing(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.KILL_BEFORE)
    [server] = world.create(1, extra_specs=OWN_CPU, pci_requests=GPU)
    world.deliver()
    assert len(readings.pins(world)) == 1
    world.delete(server)
    world.settle()
    assert readings.pins(world) == {}
    assert_sound(world)


def test_a_claim_for_a_server_that_moved_on_is_refused(world: World, sabotage: Sabotage) -> None:
    """1. The first host is thought dead while it claims. 2. The server goes to the second. 3. The claim arrives."""
    from nova.conductor.messages import ClaimHardware
    from nova.errors import HardwareTaken
    from tests.harness.hosts import HardwareDoor

    sabotage.plan("spawn", Mode.FAIL_AFTER)
    [server] = world.create(1, extra_specs=OWN_CPU, pci_requests=GPU)
    world.settle()
    late = ClaimHardware(server=server.uuid, host="host1", node="host1", offered=machine(), pci=GPU)
    with pytest.raises(HardwareTaken, match="is not on host host1"):
        HardwareDoor(world.journals[CELL1]).claim_hardware(late)
    assert [host for host, _, _ in held(world)] == ["host2"]
    assert Pins() not in [pins for _, pins in readings.pins(world).values()]


def test_a_server_that_was_accepted_before_its_flavor_had_to_make_sense_goes_on(
    world: World,
) -> None:
    [server] = world.create(1, extra_specs={"hw:numa_nodes": "x"})
    world.settle()
    assert readings.pins(world) == {}
    assert "compute_claim_hardware" not in dict(readings.events(world, server))
    assert_sound(world)
