"""A plane of two cells for each file of this folder: small hosts, so that slots can be counted and filled.

Not one for the session: buses in one process go by fixed names, so two planes at a time would answer for each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.embedded.plane import Cloud

# Of each of the two hosts in each of the two cells, after what is reserved.
SLOTS = 25
RESERVED_CPUS = 2
RESERVED_MEMORY_MB = 1000
RESERVED_DISK_MB = 1500
DISK_GB = 500


@pytest.fixture(scope="module")
def _slots_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(
        tmp_path_factory.mktemp("slots"),
        default={
            "cpu_allocation_ratio": 1.0,
            "initial_ram_allocation_ratio": 2.0,
            "disk_allocation_ratio": 1.5,
            "reserved_host_cpus": RESERVED_CPUS,
            "reserved_host_memory_mb": RESERVED_MEMORY_MB,
            "reserved_host_disk_mb": RESERVED_DISK_MB,
            "compute_resources_interval": 1,
        },
        fake_driver={"vcpus": SLOTS + RESERVED_CPUS, "memory_mb": 100000, "local_gb": DISK_GB},
        quota={"instances": -1},
        scheduler={"discover_hosts_in_cells_interval": 1},
        filter_scheduler={
            "enabled_filters": "ComputeFilter,ComputeCapabilitiesFilter,SameHostFilter,DifferentHostFilter,JsonFilter",
            "image_props_weight_multiplier": 0.001,
        },
    )
    try:
        # A fifth of a host, and a whole one.
        for name, slots in (("one", 1), ("five", SLOTS // 5), ("whole", SLOTS)):
            cloud.make_flavor(name, vcpus=slots)
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def cloud(_slots_cloud: Cloud) -> Iterator[Cloud]:
    """The plane. A test that leaves something behind (rows, allocations, guests) fails, and so does what held it."""
    yield _slots_cloud
    _slots_cloud.clear()
    _slots_cloud.assert_nothing_is_left()
