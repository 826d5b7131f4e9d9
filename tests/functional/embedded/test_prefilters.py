"""Aggregates and traits that narrow what Placement offers, over both cells and a real Placement.

The AvailabilityZoneFilter is not enabled: it is asked after all others, and of what the question leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.embedded.aggregates import aggregate
from tests.functional.embedded.plane import ADMIN, OTHER_PROJECT, PROJECT, Cloud

TRAIT = "CUSTOM_LICENSED"


@pytest.fixture(scope="module")
def _narrow_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(
        tmp_path_factory.mktemp("narrow"),
        scheduler={
            "limit_tenants_to_placement_aggregate": True,
            "query_placement_for_image_type_support": True,
            "enable_isolated_aggregate_filtering": True,
        },
        filter_scheduler={"enabled_filters": "ComputeFilter"},
        fake_driver={"vcpus": 8, "memory_mb": 8000, "local_gb": 100},
        default={"cpu_allocation_ratio": 1.0, "initial_cpu_allocation_ratio": 1.0},
    )
    try:
        cloud.make_flavor("tiny")
        cloud.make_flavor("whole", vcpus=8)
        cloud.make_flavor("licensed")
        specs = {"extra_specs": {f"trait:{TRAIT}": "required"}}
        cloud.compute("POST", "/flavors/licensed/os-extra_specs", specs, token=ADMIN, status=200)
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def cloud(_narrow_cloud: Cloud) -> Iterator[Cloud]:
    """The plane. A test that leaves something behind (rows, allocations, guests) fails, and so does what held it."""
    yield _narrow_cloud
    _narrow_cloud.clear()
    _narrow_cloud.assert_nothing_is_left()


def dry_run(cloud: Cloud, **more: Any) -> dict[str, Any]:
    body = cloud.body(**more)
    found: dict[str, Any] = cloud.compute(
        "POST", "/os-scheduler-dry-run", body, token=ADMIN, status=200
    ).json()
    return found


def refused(cloud: Cloud, **more: Any) -> tuple[str, dict[str, int], list[str]]:
    """What the fault and the dry run tell alike: the sentence, what each constraint removed, and changes that help."""
    answer = dry_run(cloud, **more)
    assert answer["would_fit"] is False
    uuid = cloud.create(**more)
    fault = cloud.wait_until_error(uuid)["fault"]
    assert fault["message"] == answer["message"]
    removed = {one["name"]: one["removed"] for one in answer["constraints"]}
    for name, number in removed.items():
        assert f": {name} removed {number}" in fault["details"]
    cloud.delete(uuid)
    cloud.wait_gone(uuid)
    return answer["message"], removed, [one["change"] for one in answer["smallest_changes"]]


def hosts_of(cloud: Cloud, count: int, **more: Any) -> set[str]:
    """Where so many servers go; the dry run names the same hosts."""
    planned = {plan["host"] for _ in range(count) for plan in dry_run(cloud, **more)["hosts"]}
    built = {cloud.build(**more)["OS-EXT-SRV-ATTR:host"] for _ in range(count)}
    assert planned <= built
    return built


def test_projects_stay_on_the_hosts_of_their_aggregates(cloud: Cloud) -> None:
    first, second, third, fourth = sorted(cloud.drivers())
    told = f"member of the aggregates of project {PROJECT}"
    with (
        aggregate(cloud, "mine", second, filter_tenant_id=PROJECT),
        aggregate(
            cloud, "shared", fourth, filter_tenant_id1=OTHER_PROJECT, filter_tenant_id2=PROJECT
        ),
        aggregate(cloud, "other", first, third, filter_tenant_id=OTHER_PROJECT),
    ):
        assert hosts_of(cloud, 4, flavorRef="tiny") == {second, fourth}
        cloud.clear()
        cloud.assert_nothing_is_left()
        for _ in range(2):
            cloud.build(flavorRef="whole")
        sentence, removed, changes = refused(cloud, flavorRef="tiny")
        assert f"{told} removed 2" in sentence
        assert removed[told] == 2
        assert removed["VCPU (1 asked)"] == 2
        assert changes == ["without prefilter limit_tenants_to_placement_aggregate"]
    # Without aggregates a project may go anywhere.
    assert cloud.build(flavorRef="tiny")["OS-EXT-SRV-ATTR:host"] in {first, third}


def test_servers_stay_in_the_zone_that_was_asked_for(cloud: Cloud) -> None:
    first, *_, last = sorted(cloud.drivers())
    told = "member of the aggregates of availability zone far"
    with aggregate(cloud, "far", first, last, availability_zone="far"):
        asked = {"flavorRef": "whole", "availability_zone": "far"}
        assert hosts_of(cloud, 2, **asked) == {first, last}
        sentence, removed, changes = refused(cloud, **asked)
        assert f"{told} removed 2" in sentence
        assert removed[told] == 2
        assert changes == [
            "ask for availability zone nova instead of far",
            "without availability zone far",
        ]
        # The default zone is that of hosts without an aggregate: nothing but the filter knows them.
        assert dry_run(cloud, flavorRef="tiny", availability_zone="nova")["would_fit"]
        # A forced host is taken as it is.
        cloud.clear()
        cloud.assert_nothing_is_left()
        forced = cloud.build(flavorRef="tiny", availability_zone=f"nova:{last}", token=ADMIN)
        assert forced["OS-EXT-SRV-ATTR:host"] == last


def test_isolated_aggregates_are_for_those_who_ask_for_their_traits(cloud: Cloud) -> None:
    hosts = sorted(cloud.drivers())
    cloud.placement("PUT", f"/traits/{TRAIT}", status=201)
    told = f"not member of isolated aggregate licensed ({TRAIT} not asked for)"
    with aggregate(cloud, "licensed", *hosts[:3], **{f"trait:{TRAIT}": "required"}):
        assert hosts_of(cloud, 2, flavorRef="tiny") == {hosts[3]}
        sentence, removed, changes = refused(cloud, flavorRef="whole")
        assert f"{told} removed 3" in sentence
        assert removed[told] == 3
        assert "without prefilter enable_isolated_aggregate_filtering" in changes
        with_trait(cloud, hosts[1])
        assert hosts_of(cloud, 2, flavorRef="licensed") == {hosts[1]}


def with_trait(cloud: Cloud, host: str) -> None:
    """Give the host's provider the trait, again when the host's own report was faster."""
    [provider] = cloud.placement.get(f"/resource_providers?name={host}")["resource_providers"]
    path = f"/resource_providers/{provider['uuid']}/traits"
    for _ in range(10):
        body = cloud.placement.get(path)
        body["traits"].append(TRAIT)
        if cloud.placement("PUT", path, body).status_code == 200:
            return
    pytest.fail("the trait cannot be set")


def test_hosts_without_the_format_of_the_image_are_left_out(cloud: Cloud) -> None:
    """The fake driver reports that it can use raw images, which those of the tests are."""
    message = dry_run(cloud, flavorRef="tiny")
    assert {one["name"]: one["removed"] for one in message["constraints"]}[
        "COMPUTE_IMAGE_TYPE_RAW"
    ] == 0
