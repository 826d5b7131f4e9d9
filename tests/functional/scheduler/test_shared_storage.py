"""A storage pool that computes of both cells share, from the aggregate to the allocation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.functional.embedded.plane import ADMIN, Cloud, wait_for

AGGREGATE = str(uuid.uuid5(uuid.NAMESPACE_DNS, "aggregate"))
SHARES = "MISC_SHARES_VIA_AGGREGATE"


def providers(cloud: Cloud) -> dict[str, str]:
    """Name to uuid."""
    found = cloud.placement.get("/resource_providers")["resource_providers"]
    return {provider["name"]: provider["uuid"] for provider in found}


def inventories(cloud: Cloud, provider: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = cloud.placement.get(
        f"/resource_providers/{provider}/inventories"
    )["inventories"]
    return found


def usage(cloud: Cloud, provider: str) -> dict[str, int]:
    found: dict[str, int] = cloud.placement.get(f"/resource_providers/{provider}/usages")["usages"]
    return found


def allocation(cloud: Cloud, server: str) -> dict[str, dict[str, int]]:
    """Provider to class to amount."""
    held = cloud.placement.get(f"/allocations/{server}")["allocations"]
    return {provider: on["resources"] for provider, on in held.items()}


def put(cloud: Cloud, provider: str, part: str, value: Any) -> None:
    """Replace a part of a provider as an operator would, again when the host's own report was faster."""
    path = f"/resource_providers/{provider}"

    def written() -> bool:
        generation = cloud.placement.get(path)["generation"]
        body = {part: value, "resource_provider_generation": generation}
        answer = cloud.placement("PUT", f"{path}/{part}", body)
        assert answer.status_code in (200, 409), answer.text
        return answer.status_code == 200

    wait_for(f"{part} of {provider}", written)


def make_pool(cloud: Cloud, name: str, totals: Mapping[str, int]) -> str:
    pool = str(uuid.uuid4())
    cloud.placement("POST", "/resource_providers", {"name": name, "uuid": pool}, status=200)
    put(cloud, pool, "inventories", {kind: {"total": total} for kind, total in totals.items()})
    put(cloud, pool, "traits", [SHARES])
    put(cloud, pool, "aggregates", [AGGREGATE])
    return pool


def join(cloud: Cloud) -> dict[str, str]:
    """Put every host into the pool's aggregate; the hosts, name to uuid."""
    hosts = {name: found for name, found in providers(cloud).items() if name in cloud.drivers()}
    for host in hosts.values():
        put(cloud, host, "aggregates", [AGGREGATE])
    return hosts


@contextmanager
def pool_for_all(cloud: Cloud, size_gb: int) -> Iterator[tuple[str, dict[str, str]]]:
    """A pool with every host in its aggregate, and hosts that know it; afterwards all is as before."""
    pool = make_pool(cloud, "pool", {"DISK_GB": size_gb})
    hosts = join(cloud)
    try:
        wait_until_disk_is(cloud, hosts, there=False)
        yield pool, hosts
    finally:
        leave(cloud, hosts, pool)


def leave(cloud: Cloud, hosts: Mapping[str, str], *pools: str) -> None:
    cloud.clear()
    for pool in pools:
        wait_for("an empty pool", lambda pool=pool: not any(usage(cloud, pool).values()))
    for host in hosts.values():
        put(cloud, host, "aggregates", [])
    for pool in pools:
        cloud.placement("DELETE", f"/resource_providers/{pool}", status=204)
    wait_until_disk_is(cloud, hosts, there=True)


def wait_until_disk_is(cloud: Cloud, hosts: Mapping[str, str], *, there: bool) -> None:
    wait_for(
        f"hosts whose own disk is there: {there}",
        lambda: all(("DISK_GB" in inventories(cloud, host)) == there for host in hosts.values()),
    )


def boot_on(cloud: Cloud, cell: str, **more: Any) -> str:
    """A server on the first host of the cell; its uuid."""
    zone = f"nova:{cell}-host1"
    return str(cloud.create(flavorRef="one", availability_zone=zone, token=ADMIN, **more))


def test_candidates_have_their_disk_on_the_pool(cloud: Cloud) -> None:
    """MISC_SHARES_VIA_AGGREGATE provider gives DISK_GB to computes in its aggregate in candidates: as many candidates
    as computes, disk on the pool."""
    with pool_for_all(cloud, 100) as (pool, hosts):
        path = "/allocation_candidates?resources=VCPU:1,DISK_GB:5"
        found = cloud.placement.get(path)["allocation_requests"]
        ways = [
            {provider: on["resources"] for provider, on in way["allocations"].items()}
            for way in found
        ]
        assert len(ways) == len(hosts)
        for host in hosts.values():
            assert {host: {"VCPU": 1}, pool: {"DISK_GB": 5}} in ways


def test_host_neither_reports_nor_claims_disk(cloud: Cloud) -> None:
    """Compute in a sharing aggregate neither reports nor claims DISK_GB itself (bug 1707256, still open in Nova)

    Boot: usage on the pool only; host inventory has no DISK_GB.
    """
    with pool_for_all(cloud, 100) as (pool, hosts):
        shown = cloud.build(flavorRef="one")
        host = hosts[shown["OS-EXT-SRV-ATTR:host"]]
        assert allocation(cloud, shown["id"]) == {
            host: {"VCPU": 1, "MEMORY_MB": 64},
            pool: {"DISK_GB": 1},
        }
        assert usage(cloud, pool) == {"DISK_GB": 1}
        assert inventories(cloud, host).keys() == {"VCPU", "MEMORY_MB"}


def test_pool_of_two_cells_is_accounted_once(cloud: Cloud) -> None:
    """Pool shared by computes of two cells is accounted once: fill the pool from both cells; last boot refused."""
    with pool_for_all(cloud, 4) as (pool, _hosts):
        made = [boot_on(cloud, cell) for cell in ("cell1", "cell2", "cell1", "cell2")]
        for server in made:
            cloud.wait_until(server, "ACTIVE")
        assert usage(cloud, pool) == {"DISK_GB": 4}
        assert {cloud.cell_of(server) for server in made} == {"cell1", "cell2"}
        for cell in ("cell1", "cell2"):
            fault = cloud.wait_until_error(boot_on(cloud, cell))["fault"]
            assert "No valid host" in fault["message"]
        assert (
            "No valid host"
            in cloud.wait_until_error(cloud.create(flavorRef="one"))["fault"]["message"]
        )
        assert usage(cloud, pool) == {"DISK_GB": 4}
        # What is given back in one cell can be had in the other.
        cloud.delete(made[0])
        cloud.wait_gone(made[0])
        wait_for("room", lambda: usage(cloud, pool) == {"DISK_GB": 3})
        cloud.wait_until(boot_on(cloud, "cell2"), "ACTIVE")


def test_switch_to_a_pool_and_back_while_servers_run(cloud: Cloud) -> None:
    """Existing allocations keep right when a host moves to shared storage and back."""
    name = "cell1-host1"
    own = providers(cloud)[name]
    before = inventories(cloud, own)
    old = boot_on(cloud, "cell1")
    cloud.wait_until(old, "ACTIVE")
    held_by_old = allocation(cloud, old)
    pool = make_pool(cloud, "pool", {"DISK_GB": 50})
    put(cloud, own, "aggregates", [AGGREGATE])
    wait_for("a closed inventory", lambda: closed(inventories(cloud, own)["DISK_GB"]))
    assert allocation(cloud, old) == held_by_old
    assert held_by_old[own]["DISK_GB"] == 1

    new = boot_on(cloud, "cell1")
    cloud.wait_until(new, "ACTIVE")
    held_by_new = allocation(cloud, new)
    assert held_by_new[pool] == {"DISK_GB": 1}
    assert "DISK_GB" not in held_by_new[own]

    # With its last server gone, so is the inventory.
    cloud.delete(old)
    cloud.wait_gone(old)
    wait_until_disk_is(cloud, {name: own}, there=False)

    put(cloud, own, "aggregates", [])
    wait_until_disk_is(cloud, {name: own}, there=True)
    assert inventories(cloud, own) == before
    assert allocation(cloud, new) == held_by_new
    newest = boot_on(cloud, "cell1")
    cloud.wait_until(newest, "ACTIVE")
    assert allocation(cloud, newest)[own]["DISK_GB"] == 1
    leave(cloud, {}, pool)


def closed(inventory: Mapping[str, Any]) -> bool:
    return bool(inventory["reserved"] == inventory["total"])


def test_any_class_can_be_shared(cloud: Cloud) -> None:
    """Any class can be shared (for example IPV4_ADDRESS): candidate query with three classes from two sharing
    providers."""
    with pool_for_all(cloud, 10) as (pool, hosts):
        addresses = make_pool(cloud, "addresses", {"IPV4_ADDRESS": 2})
        path = "/allocation_candidates?resources=VCPU:1,DISK_GB:1,IPV4_ADDRESS:1"
        found = cloud.placement.get(path)["allocation_requests"]
        assert {frozenset(way["allocations"]) for way in found} == {
            frozenset({host, pool, addresses}) for host in hosts.values()
        }
        cloud.make_flavor("addressed")
        specs = {"extra_specs": {"resources:IPV4_ADDRESS": "1"}}
        cloud.compute("POST", "/flavors/addressed/os-extra_specs", specs, token=ADMIN, status=200)
        made = [cloud.build(flavorRef="addressed")["id"] for _ in range(2)]
        assert usage(cloud, addresses) == {"IPV4_ADDRESS": 2}
        cloud.wait_until_error(cloud.create(flavorRef="addressed"))
        for server in made:
            cloud.delete(server)
        wait_for("given back", lambda: not any(usage(cloud, addresses).values()))
        cloud.placement("DELETE", f"/resource_providers/{addresses}", status=204)
