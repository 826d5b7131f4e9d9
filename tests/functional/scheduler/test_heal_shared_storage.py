"""Allocations of servers whose disk is on a pool: lost behind everybody's back, and made again by both commands."""

from __future__ import annotations

from typing import Any

import pytest

from nova.cmd.manage.program import run
from tests.functional.embedded.plane import Cloud
from tests.functional.scheduler.test_shared_storage import (
    allocation,
    boot_on,
    make_pool,
    pool_for_all,
    usage,
)

AUDIT = ("audit", "--grace", "0", "--repair", "--check", "allocations")
HEAL = ("placement", "heal_allocations")
# Exit statuses of both.
REPAIRED, FOUND = 2, 1
HEALED, UNWRITTEN = 0, 3


def manage(cloud: Cloud, *words: str) -> int:
    """``nova-manage`` beside the running plane; its exit status."""
    config = cloud.folder / "manage.conf"
    config.write_text(f"[api_database]\nconnection = {cloud.database('api').url}\n")
    files = ["--config-file", str(cloud.folder / "nova.conf"), "--config-file", str(config)]
    return run([*files, *words])


def boot(cloud: Cloud) -> tuple[str, dict[str, dict[str, int]]]:
    """An ACTIVE server on cell1's first host, and what it holds."""
    server = boot_on(cloud, "cell1")
    cloud.wait_until(server, "ACTIVE")
    return server, allocation(cloud, server)


def lose(cloud: Cloud, server: str) -> None:
    cloud.placement("DELETE", f"/allocations/{server}", status=204)


def put(cloud: Cloud, consumer: str, held: dict[str, dict[str, int]], **more: Any) -> None:
    """Let the consumer hold that."""
    body = {
        "allocations": {uuid: {"resources": on} for uuid, on in held.items()},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
        **more,
    }
    cloud.placement("PUT", f"/allocations/{consumer}", body, status=204)


@pytest.mark.parametrize(("words", "status"), [(AUDIT, REPAIRED), (HEAL, HEALED)])
def test_a_lost_allocation_is_made_again_where_it_was(
    cloud: Cloud, words: tuple[str, ...], status: int
) -> None:
    with pool_for_all(cloud, 100) as (pool, hosts):
        server, before = boot(cloud)
        assert before == {hosts["cell1-host1"]: {"VCPU": 1, "MEMORY_MB": 64}, pool: {"DISK_GB": 1}}
        lose(cloud, server)
        assert manage(cloud, *words) == status
        assert allocation(cloud, server) == before


def test_force_replaces_what_does_not_fit(cloud: Cloud) -> None:
    with pool_for_all(cloud, 100) as (_pool, hosts):
        server, before = boot(cloud)
        lose(cloud, server)
        put(cloud, server, {hosts["cell1-host1"]: {"VCPU": 5}})
        assert manage(cloud, *HEAL, "--instance", server, "--force") == HEALED
        assert allocation(cloud, server) == before


@pytest.mark.parametrize(
    "change",
    [
        # Amounts are corrected where they are, and what is missing is claimed where it belongs.
        lambda root, pool: {root: {"VCPU": 3, "MEMORY_MB": 64}, pool: {"DISK_GB": 1}},
        lambda root, pool: {root: {"VCPU": 1, "MEMORY_MB": 64}, pool: {"DISK_GB": 7}},
        lambda root, _pool: {root: {"VCPU": 1, "MEMORY_MB": 64}},
        lambda _root, pool: {pool: {"DISK_GB": 1}},
    ],
)
def test_the_audit_corrects_what_is_wrong(cloud: Cloud, change: Any) -> None:
    with pool_for_all(cloud, 100) as (pool, hosts):
        server, before = boot(cloud)
        lose(cloud, server)
        put(cloud, server, change(hosts["cell1-host1"], pool))
        assert manage(cloud, *AUDIT) == REPAIRED
        assert allocation(cloud, server) == before


def test_of_several_pools_all_looks_choose_the_same(cloud: Cloud) -> None:
    with pool_for_all(cloud, 100) as (pool, _hosts):
        other = make_pool(cloud, "second pool", {"DISK_GB": 100})
        server, before = boot(cloud)
        lose(cloud, server)
        assert manage(cloud, *AUDIT) == REPAIRED
        healed = allocation(cloud, server)
        assert len(healed.keys() & {pool, other}) == 1
        assert sorted(map(sorted, healed.values())) == sorted(map(sorted, before.values()))
        cloud.clear()
        cloud.placement("DELETE", f"/resource_providers/{other}", status=204)


@pytest.mark.parametrize(("words", "status"), [(AUDIT, FOUND), (HEAL, UNWRITTEN)])
def test_a_full_pool_is_told_and_nothing_is_held(
    cloud: Cloud, words: tuple[str, ...], status: int
) -> None:
    with pool_for_all(cloud, 2) as (pool, _hosts):
        server, before = boot(cloud)
        lose(cloud, server)
        filler = "f" * 8 + "-0000-0000-0000-000000000000"
        put(cloud, filler, {pool: {"DISK_GB": 2}}, consumer_type="ACCELERATOR_POOL")
        assert manage(cloud, *words) == status
        assert allocation(cloud, server) == {}
        cloud.placement("DELETE", f"/allocations/{filler}", status=204)
        assert manage(cloud, *HEAL) == HEALED
        assert allocation(cloud, server) == before
        assert usage(cloud, pool) == {"DISK_GB": 1}
