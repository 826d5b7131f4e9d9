"""The fixtures that the published files name. Their names are not ours to choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from gabbi.fixture import GabbiFixture

from tests.conformance.gabbits import worlds
from tests.conformance.gabbits.building import Builder
from tests.conformance.placement_service import Options, PlacementService

# Which rules hold is said by each fixture, since the files with "legacy" in their names want the older defaults.
_OLDER_RULES: Options = {"oslo_policy": {"enforce_new_defaults": False}}


class APIFixture(GabbiFixture):  # type: ignore[misc]
    """An empty deployment for one file, and the uuids that the file will use."""

    service: ClassVar[PlacementService]
    options: ClassVar[Options] = _OLDER_RULES
    open_policy: ClassVar[bool] = False
    world: ClassVar[Callable[[Builder], None] | None] = None

    def start_fixture(self) -> None:
        worlds.name_things()
        self.service.renew(self.options, open_policy=self.open_policy)
        world = type(self).world
        if world is not None:
            world(Builder(self.service.port))


class LegacyRBACPolicyFixture(APIFixture):
    """With the default rules of older releases beside the present ones."""


class SecureRBACPolicyFixture(APIFixture):
    """With the present default rules only."""

    options = {"oslo_policy": {"enforce_new_defaults": True}}


class OpenPolicyFixture(APIFixture):
    """With rules that let everybody in."""

    open_policy = True


class CORSFixture(APIFixture):
    """With one foreign site whose pages may call."""

    options = {
        **_OLDER_RULES,
        "cors": {
            "allowed_origin": "http://valid.example.com",
            "allow_headers": "openstack-api-version",
        },
    }


class AllocationFixture(APIFixture):
    world = worlds.with_allocations


class SharedStorageFixture(APIFixture):
    world = worlds.with_shared_storage


class NUMAAggregateFixture(APIFixture):
    world = worlds.with_storage_by_numa_node


class NonSharedStorageFixture(APIFixture):
    world = worlds.with_three_local_disks


class NUMANetworkFixture(APIFixture):
    world = worlds.with_numa_and_networks


class DeepNUMANetworkFixture(APIFixture):
    world = worlds.with_numa_and_networks_in_a_deep_tree


class GranularFixture(APIFixture):
    world = worlds.with_granular_groups


class NeutronQoSMultiSegmentFixture(APIFixture):
    world = worlds.with_multisegment_networks
