"""Claims over two cells with a real Placement: who makes them, when, and who frees them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from nova.clients.session import Service
from nova.db.cell import models as cell_models
from nova.lifecycle import hand_over
from nova.saga.operation import Run
from tests.functional.embedded.plane import ADMIN, Cloud, held_spawns, refuse_spawn, wait_for
from tests.functional.scheduler.conftest import (
    DISK_GB,
    RESERVED_CPUS,
    RESERVED_MEMORY_MB,
    SLOTS,
)


@contextmanager
def recorded_calls() -> Iterator[list[tuple[str, str, str]]]:
    """What this plane asks of Placement: method, path, and the name of the thread that asks."""
    calls: list[tuple[str, str, str]] = []
    call = Service.call

    def record(self: Service, method: str, path: str, **more: Any) -> Any:
        calls.append((method, path, threading.current_thread().name))
        return call(self, method, path, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Service, "call", record)
        yield calls


@contextmanager
def failing_spawns(cloud: Cloud, *hosts: str) -> Iterator[None]:
    """Hosts whose guests cannot be made."""
    with pytest.MonkeyPatch.context() as patched:
        for host in hosts:
            patched.setattr(cloud.drivers()[host], "spawn", refuse_spawn)
        yield


@contextmanager
def counted_decisions(cloud: Cloud) -> Iterator[list[int]]:
    """For each question to the scheduler, how many servers it was about."""
    asked: list[int] = []
    selector = cloud.scheduler._selector
    choose = selector.select

    def counted(placement: Any, spec: Any, servers: Any, **more: Any) -> Any:
        asked.append(len(servers))
        return choose(placement, spec, servers, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(selector, "select", counted)
        yield asked


def builds_by_status(cloud: Cloud) -> Counter[str]:
    path = "/servers/detail?all_tenants=1&limit=1000"
    shown = cloud.compute.get(path, token=ADMIN)["servers"]
    return Counter(server["status"] for server in shown)


def ask_for(cloud: Cloud, flavor: str, count: int) -> None:
    body = cloud.body("many", flavorRef=flavor, min_count=count, max_count=count)
    cloud.compute("POST", "/servers", body, status=202)


def hosts_that_failed(cloud: Cloud) -> list[str]:
    """The host of every event that ended in an error, over all cells."""
    return [
        row.host
        for cell in cloud.cells
        for row in cloud.rows(cell.name, cell_models.instance_actions_events)
        if row.result == "Error" and row.event == "compute_spawn"
    ]


def test_claim_is_there_before_the_cell(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scheduler asks GET /allocation_candidates, filters, weighs and claims before answering: the allocation exists
    for the chosen host before the cell sees the build."""
    seen: list[tuple[str | None, str | None]] = []
    into_cell = hand_over.into_cell

    def look_first(run: Run, selection: Any) -> None:
        seen.append((cloud.allocations().get(run.server.uuid), cloud.cell_of(run.server.uuid)))
        into_cell(run, selection)

    monkeypatch.setattr(hand_over, "into_cell", look_first)
    with recorded_calls() as calls:
        shown = cloud.build(flavorRef="one")
    assert seen == [(shown["OS-EXT-SRV-ATTR:host"], None)]
    asked = [(method, path) for method, path, _ in calls]
    claim = ("PUT", f"/allocations/{shown['id']}")
    assert asked.index(("GET", "/allocation_candidates")) < asked.index(claim)


def test_dead_host_has_its_claim(cloud: Cloud) -> None:
    """Kill compute: allocation exists for the chosen host before the cell sees the build."""
    with held_spawns(cloud) as release:
        uuid = cloud.create(flavorRef="one")
        wait_for("a half-made guest", lambda: uuid in cloud.guests())
        assert cloud.allocations() == cloud.guests()
        release.set()
        cloud.wait_until(uuid, "ACTIVE")


def test_computes_write_no_allocations(cloud: Cloud) -> None:
    """Compute does not write allocations again: no PUT /allocations from compute during boot."""
    reporting = {id(agent): agent for agent in cloud.embedded._computes}
    with recorded_calls() as calls:
        uuid = cloud.build(flavorRef="one")["id"]
        # Each host reports once more, now that a server is there.
        for agent in reporting.values():
            agent._reported.clear()
            agent._resources.poke()
        wait_for("reports", lambda: all(a._reported.is_set() for a in reporting.values()))
    assert any(thread == "compute-resources" for _, _, thread in calls)
    written = [
        (method, path, thread)
        for method, path, thread in calls
        if "/allocations" in path and method != "GET"
    ]
    # The scheduler's claim is the only one.
    assert [(method, path) for method, path, _ in written] == [("PUT", f"/allocations/{uuid}")]
    assert written[0][2] != "compute-resources"


def test_request_for_several_servers_over_both_cells(cloud: Cloud) -> None:
    """One multi-create request can land on several cells: min_count=max_count=20 on two cells of 10 slots: 20
    ACTIVE."""
    ask_for(cloud, "five", 20)
    wait_for("20 servers", lambda: builds_by_status(cloud) == {"ACTIVE": 20})
    on = Counter(host.partition("-")[0] for host in cloud.allocations().values())
    assert on == {"cell1": 10, "cell2": 10}


def test_all_or_nothing(cloud: Cloud) -> None:
    """If one of N instances of a request cannot be claimed, the claims of the others are undone: max_count=10 with
    room for 9 and min_count=10: zero allocations left."""
    for flavor in ("whole", "whole", "five"):
        cloud.build(flavorRef=flavor)
    before = cloud.allocations()
    ask_for(cloud, "five", 10)
    wait_for("ten failures", lambda: builds_by_status(cloud)["ERROR"] == 10)
    assert cloud.allocations() == before
    ask_for(cloud, "five", 9)
    wait_for("nine servers", lambda: builds_by_status(cloud)["ACTIVE"] == 3 + 9)


def test_many_parallel_boots_fill_every_slot(cloud: Cloud) -> None:
    """Pack-first placement with contention causes no build retries: 100 parallel boots into exactly 100 slots:
    100 ACTIVE, 0 reschedules."""
    slots = 4 * SLOTS
    failed_before = hosts_that_failed(cloud)
    clients = threading.local()

    def boot(number: int) -> None:
        if not hasattr(clients, "own"):
            clients.own = cloud.client()
        body = cloud.body(f"s{number}", flavorRef="one")
        clients.own("POST", "/servers", body, status=202)

    rules = cloud.scheduler._selector._rules
    packing = [w for w in rules.weighers if w.name in ("ram", "cpu", "disk")]
    with counted_decisions(cloud) as decisions, pytest.MonkeyPatch.context() as patched:
        for weigher in packing:
            patched.setattr(weigher, "multiplier", -1.0)
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(boot, range(slots)))
        wait_for("every slot", lambda: sum(builds_by_status(cloud).values()) == slots)
        wait_for("the end of all builds", lambda: not builds_by_status(cloud)["BUILD"])
    assert builds_by_status(cloud) == {"ACTIVE": slots}
    assert Counter(cloud.allocations().values()) == dict.fromkeys(cloud.drivers(), SLOTS)
    assert sum(decisions) == slots, "each server was scheduled once"
    assert hosts_that_failed(cloud) == failed_before


def test_reschedule_within_the_cell(cloud: Cloud) -> None:
    """Reschedule works inside a cell with alternate hosts, without calling the scheduler."""
    first, second = (host for host in sorted(cloud.drivers()) if host.startswith("cell1"))
    for host in cloud.drivers():
        if host.startswith("cell2"):
            cloud.build(flavorRef="whole", availability_zone=f"nova:{host}", token=ADMIN)
    with failing_spawns(cloud, first), counted_decisions(cloud) as decisions:
        # Of equal hosts the first by name is taken.
        shown = cloud.build(flavorRef="five")
    assert decisions == [1]
    assert hosts_that_failed(cloud)[-1] == first
    assert shown["OS-EXT-SRV-ATTR:host"] == second
    held = cloud.allocations()
    assert [host for host in held.values() if host.startswith("cell1")] == [second]


def test_build_that_fails_everywhere_holds_nothing(cloud: Cloud) -> None:
    """Conductor frees the claim on reschedule and on failure; delete and local delete free it: after each path
    GET /allocations/{uuid} is empty.

    Failure and delete are here. That a reschedule leaves the claim on the new host alone is in
    test_reschedule_within_the_cell above; local delete is test_delete_with_the_host_down in
    ``tests/functional/embedded/test_over_cells.py``.
    """
    with failing_spawns(cloud, *cloud.drivers()):
        uuid = cloud.create(flavorRef="one")
        assert cloud.wait_until_error(uuid)["OS-EXT-SRV-ATTR:host"] is None
    wait_for("freed room", lambda: not cloud.placement.get(f"/allocations/{uuid}")["allocations"])
    lives = cloud.build(flavorRef="one")["id"]
    assert cloud.placement.get(f"/allocations/{lives}")["allocations"]
    cloud.delete(lives)
    cloud.wait_gone(lives)
    wait_for("freed room", lambda: not cloud.placement.get(f"/allocations/{lives}")["allocations"])


def test_reservations_and_ratios_are_in_the_inventories(cloud: Cloud) -> None:
    """Hypervisor overhead is covered by reserved_host_cpus, _memory_mb and _disk_mb: inventory reserved equals
    config."""
    providers = cloud.placement.get("/resource_providers")["resource_providers"]
    assert {provider["name"] for provider in providers} == cloud.drivers().keys()
    for provider in providers:
        path = f"/resource_providers/{provider['uuid']}/inventories"
        found = cloud.placement.get(path)["inventories"]
        assert {name: (i["reserved"], i["allocation_ratio"]) for name, i in found.items()} == {
            "VCPU": (RESERVED_CPUS, 1.0),
            "MEMORY_MB": (RESERVED_MEMORY_MB, 2.0),
            # 1500 MiB, in whole GiB.
            "DISK_GB": (2, 1.5),
        }
        assert found["DISK_GB"]["total"] == DISK_GB
