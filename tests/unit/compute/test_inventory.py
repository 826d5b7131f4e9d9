"""What Placement gets to know of a node, and what is left as others made it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oslo_config import cfg

from groundwork.errors import Conflict, Unavailable
from nova.clients.placement import Placement
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.compute.inventory import ROUNDS, ClassPolicy, InventoryReporter, policies_from_conf
from nova.conf import compute_inventory
from nova.virt.fake import FakeDriver
from nova.virt.fake.driver import FakeOptions
from nova.virt.fake.faults import parse_fault
from nova.virt.provider_tree import Inventory, ProviderTree
from tests.fakes.placement import INVENTORY, FakePlacement, Provider
from tests.unit.clients.services import make_service

NODE = "6b2d04e8-7f5b-44c6-9c4d-0b8c1c1c3a01"
OTHER = "6b2d04e8-7f5b-44c6-9c4d-0b8c1c1c3a02"
SERVER = "11111111-0000-4000-8000-000000000000"
LATER = "11111111-0000-4000-8000-000000000001"
AGG = "22222222-0000-4000-8000-000000000000"
POOL = "33333333-0000-4000-8000-000000000000"


def policies(text: str = "") -> dict[str, ClassPolicy]:
    conf = cfg.ConfigOpts()
    conf.register_opts(compute_inventory.OPTIONS)
    for line in text.splitlines():
        name, value = line.split(" = ")
        conf.set_override(name, value)
    conf([])
    return policies_from_conf(conf)


class TreeDriver(FakeDriver):
    """The fake driver with devices below the node: ``devices`` name -> total of CUSTOM_GPU."""

    devices: dict[str, int] = {}

    def update_provider_tree(self, tree: ProviderTree, node: str) -> None:
        super().update_provider_tree(tree, node)
        for name, total in self.devices.items():
            tree.ensure_child(name, parent=node)
            tree.set_inventories(name, {"CUSTOM_GPU": Inventory(total)})
            tree.set_traits(name, ["CUSTOM_GPU_FAST"], within=("CUSTOM_GPU_",))
        for child in tree.children(node):
            if child.name.startswith("gpu") and child.name not in self.devices:
                tree.remove(child.name)


@pytest.fixture
def fake():
    return FakePlacement()


@pytest.fixture
def placement(fake):
    return Placement(make_service(application=fake), sleep=lambda delay_s: None)


@pytest.fixture
def options(tmp_path):
    return FakeOptions(host="host1", directory=tmp_path, vcpus=8, memory_mb=4096, local_gb=100)


@pytest.fixture
def make(placement, options):
    def reporter(
        text: str = "", driver: FakeDriver | None = None, **capacity: int
    ) -> InventoryReporter:
        return InventoryReporter(
            driver=driver or TreeDriver(replace(options, **capacity)),
            placement=placement,
            policies=policies(text),
        )

    return reporter


def writes(fake: FakePlacement) -> list[tuple[str, str]]:
    return [(method, path) for method, path in fake.requests if method != "GET"]


def test_first_report_makes_the_provider_with_everything(make, fake):
    make("reserved_host_cpus = 1\nreserved_host_disk_mb = 1500").report(NODE, "host1")
    provider = fake.providers[NODE]
    assert (provider.name, provider.parent) == ("host1", None)
    assert provider.inventories == {
        "VCPU": {
            "total": 8,
            "reserved": 1,
            "min_unit": 1,
            "max_unit": 8,
            "step_size": 1,
            "allocation_ratio": 4.0,
        },
        "MEMORY_MB": {
            "total": 4096,
            "reserved": 512,
            "min_unit": 1,
            "max_unit": 4096,
            "step_size": 1,
            "allocation_ratio": 1.0,
        },
        "DISK_GB": {
            "total": 100,
            "reserved": 2,
            "min_unit": 1,
            "max_unit": 100,
            "step_size": 1,
            "allocation_ratio": 1.0,
        },
    }
    assert provider.traits == {"COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_QCOW2"}


def test_second_report_writes_nothing_and_asks_once(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    generation = fake.providers[NODE].generation
    fake.requests.clear()
    reporter.report(NODE, "host1")
    assert fake.requests == [("GET", "/resource_providers")]
    assert fake.providers[NODE].generation == generation


def test_restarted_service_writes_nothing(make, fake):
    make().report(NODE, "host1")
    fake.requests.clear()
    make().report(NODE, "host1")
    assert writes(fake) == []


def test_only_what_differs_is_written(make, fake):
    make().report(NODE, "host1")
    fake.requests.clear()
    make(vcpus=16).report(NODE, "host1")
    assert writes(fake) == [("PUT", f"/resource_providers/{NODE}/inventories")]
    assert fake.providers[NODE].inventories["VCPU"]["total"] == 16


def test_ratio_of_the_operator_in_placement_is_kept_when_the_option_is_unset(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    fake.providers[NODE].inventories["VCPU"]["allocation_ratio"] = 2.5
    fake.providers[NODE].generation += 1
    reporter.report(NODE, "host1")
    make("initial_cpu_allocation_ratio = 9.0\ncpu_allocation_ratio = 0.0").report(NODE, "host1")
    assert fake.providers[NODE].inventories["VCPU"]["allocation_ratio"] == 2.5


def test_ratio_option_overrules_placement_and_the_initial_one(make, fake):
    make("cpu_allocation_ratio = 3.0").report(NODE, "host1")
    assert fake.providers[NODE].inventories["VCPU"]["allocation_ratio"] == 3.0
    fake.providers[NODE].inventories["VCPU"]["allocation_ratio"] = 2.5
    make("cpu_allocation_ratio = 3.0").report(NODE, "host1")
    assert fake.providers[NODE].inventories["VCPU"]["allocation_ratio"] == 3.0


def test_ratio_that_the_database_rounded_is_not_written_for_ever(make, fake):
    make("cpu_allocation_ratio = 1.3").report(NODE, "host1")
    fake.providers[NODE].inventories["VCPU"]["allocation_ratio"] = 1.2999999523162842
    fake.requests.clear()
    make("cpu_allocation_ratio = 1.3").report(NODE, "host1")
    assert writes(fake) == []


def test_host_smaller_than_its_reservation_offers_nothing(make, fake):
    make(memory_mb=256).report(NODE, "host1")
    assert fake.providers[NODE].inventories["MEMORY_MB"]["reserved"] == 256


def test_disabled_service_says_so_and_enabled_again(make, fake):
    reporter = make()
    reporter.report(NODE, "host1", disabled=True)
    assert {"COMPUTE_NODE", "COMPUTE_STATUS_DISABLED"} <= fake.providers[NODE].traits
    reporter.report(NODE, "host1")
    assert "COMPUTE_STATUS_DISABLED" not in fake.providers[NODE].traits
    assert "COMPUTE_NODE" in fake.providers[NODE].traits


def test_traits_and_aggregates_of_the_operator_stay(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    fake.custom["traits"].add("CUSTOM_RACK_7")
    fake.providers[NODE].traits |= {"CUSTOM_RACK_7", "MISC_SHARES_VIA_AGGREGATE"}
    fake.providers[NODE].aggregates = {AGG}
    fake.providers[NODE].generation += 1
    reporter.report(NODE, "host1", disabled=True)
    assert {"CUSTOM_RACK_7", "MISC_SHARES_VIA_AGGREGATE"} < fake.providers[NODE].traits
    assert fake.providers[NODE].aggregates == {AGG}


def test_providers_of_other_services_below_the_node_stay(make, fake, placement):
    reporter = make()
    reporter.report(NODE, "host1")
    placement.create_provider(OTHER, "host1:NIC Agent", parent=NODE)
    reporter.report(NODE, "host1")
    make().report(NODE, "host1")
    assert OTHER in fake.providers


def test_devices_below_the_node_come_and_go(make, fake, options, placement):
    driver = TreeDriver(options)
    reporter = make(driver=driver)
    driver.devices = {"gpu0": 1, "gpu1": 2}
    reporter.report(NODE, "host1")
    made = {p.name: p for p in fake.providers.values() if p.parent == NODE}
    assert made["gpu1"].inventories["CUSTOM_GPU"]["total"] == 2
    assert made["gpu0"].traits == {"CUSTOM_GPU_FAST"}

    owner = {"project_id": "p", "user_id": "u"}
    placement.claim(SERVER, {made["gpu1"].uuid: {"CUSTOM_GPU": 1}}, **owner)
    driver.devices = {}
    reporter.report(NODE, "host1")
    assert {p.name for p in fake.providers.values()} == {"host1", "gpu1"}, "in use, so it stays"
    placement.delete_allocation(SERVER)
    reporter.report(NODE, "host1")
    assert {p.name for p in fake.providers.values()} == {"host1"}


def test_class_that_is_gone_but_in_use_stays_and_the_rest_is_written(make, fake, placement):
    make().report(NODE, "host1")
    placement.claim(SERVER, {NODE: {"DISK_GB": 1}}, project_id="p", user_id="u")
    make(local_gb=0, vcpus=4).report(NODE, "host1", disabled=True)
    provider = fake.providers[NODE]
    assert provider.inventories["VCPU"]["total"] == 4
    assert provider.inventories["DISK_GB"]["total"] == 100
    assert provider.inventories["DISK_GB"]["reserved"] == 100, "nothing more is given out"
    assert "COMPUTE_STATUS_DISABLED" in provider.traits


def test_overtaken_report_starts_anew_and_undoes_nothing(make, fake):
    """1. The report reads. 2. An operator adds a trait. 3. The report writes at the old generation."""
    make().report(NODE, "host1")
    pending = ["CUSTOM_A", "CUSTOM_B"]
    fake.custom["traits"].update(pending)

    def interfere(method: str, path: str) -> None:
        if method == "PUT" and pending:
            fake.providers[NODE].traits.add(pending.pop(0))
            fake.providers[NODE].generation += 1

    fake.interfere = interfere
    make(vcpus=2).report(NODE, "host1", disabled=True)
    provider = fake.providers[NODE]
    assert pending == []
    assert {"CUSTOM_A", "CUSTOM_B", "COMPUTE_NODE", "COMPUTE_STATUS_DISABLED"} <= provider.traits
    assert provider.inventories["VCPU"]["total"] == 2


def test_report_that_is_always_overtaken_gives_up(make, fake):
    make().report(NODE, "host1")

    def interfere(method: str, path: str) -> None:
        fake.providers[NODE].generation += method == "PUT"

    fake.interfere = interfere
    fake.requests.clear()
    with pytest.raises(ConcurrentUpdate):
        make(vcpus=2).report(NODE, "host1")
    assert len(writes(fake)) == ROUNDS


def test_renamed_node_keeps_its_provider(make, fake, options):
    make().report(NODE, "host1")
    renamed = TreeDriver(replace(options, nodes=("host1.example.org",)))
    make(driver=renamed).report(NODE, "host1.example.org")
    assert [p.name for p in fake.providers.values()] == ["host1.example.org"]


def test_name_of_another_provider_is_a_conflict(make, placement):
    placement.create_provider(OTHER, "host1")
    with pytest.raises(Conflict, match="another uuid"):
        make().report(NODE, "host1")


def test_provider_deleted_behind_our_back_comes_back(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    before = fake.providers.pop(NODE)
    reporter.report(NODE, "host1")
    assert fake.providers[NODE].inventories == before.inventories
    assert fake.providers[NODE].traits == before.traits


def test_parent_of_somebody_above_the_node_is_left_alone(make, fake, placement):
    placement.create_provider(OTHER, "rack")
    placement.create_provider(NODE, "host1", parent=OTHER)
    make().report(NODE, "host1")
    assert fake.providers[OTHER].inventories == {}
    assert fake.providers[OTHER].generation == 0
    assert "VCPU" in fake.providers[NODE].inventories


def test_driver_that_fails_writes_nothing(make, fake, options):
    make().report(NODE, "host1")
    fake.requests.clear()
    failing = TreeDriver(replace(options, vcpus=1, faults=(parse_fault("inventory:1"),)))
    reporter = make(driver=failing)
    with pytest.raises(Unavailable):
        reporter.report(NODE, "host1")
    assert writes(fake) == []
    reporter.report(NODE, "host1")
    assert fake.providers[NODE].inventories["VCPU"]["total"] == 1


def share_disk(
    fake: FakePlacement, *nodes: str, with_trait: bool = True, total: int = 1000
) -> None:
    """A storage pool in one aggregate with these nodes."""
    pool = fake.providers.setdefault(POOL, Provider(POOL, "pool", None))
    pool.inventories = {"DISK_GB": INVENTORY | {"total": total}}
    pool.traits = {"MISC_SHARES_VIA_AGGREGATE"} if with_trait else set()
    pool.aggregates = {AGG}
    pool.generation += 1
    for node in nodes:
        fake.providers[node].aggregates = {AGG}
        fake.providers[node].generation += 1


def test_node_in_the_aggregate_of_a_pool_has_no_disk_of_its_own(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    share_disk(fake, NODE)
    reporter.report(NODE, "host1")
    assert fake.providers[NODE].inventories.keys() == {"VCPU", "MEMORY_MB"}
    make().report(NODE, "host1")
    assert fake.providers[NODE].inventories.keys() == {"VCPU", "MEMORY_MB"}
    fake.requests.clear()
    reporter.report(NODE, "host1")
    assert writes(fake) == []


def test_full_pool_is_still_the_pool(make, fake, placement):
    reporter = make()
    reporter.report(NODE, "host1")
    share_disk(fake, NODE, total=1)
    placement.claim(SERVER, {POOL: {"DISK_GB": 1}}, project_id="p", user_id="u")
    reporter.report(NODE, "host1")
    assert "DISK_GB" not in fake.providers[NODE].inventories


@pytest.mark.parametrize("how", ["the node leaves", "the pool leaves", "the pool no longer shares"])
def test_node_that_shares_no_more_has_its_own_disk_again(make, fake, how):
    reporter = make("reserved_host_disk_mb = 1024")
    reporter.report(NODE, "host1")
    before = fake.providers[NODE].inventories
    share_disk(fake, NODE)
    reporter.report(NODE, "host1")
    node, pool = fake.providers[NODE], fake.providers[POOL]
    match how:
        case "the node leaves":
            node.aggregates = set()
            node.generation += 1
        case "the pool leaves":
            pool.aggregates = set()
        case _:
            pool.traits = set()
    reporter.report(NODE, "host1")
    assert node.inventories == before


def test_disk_that_servers_hold_on_the_node_stays_theirs_until_they_are_gone(make, fake, placement):
    reporter = make()
    reporter.report(NODE, "host1")
    owner = {"project_id": "p", "user_id": "u"}
    placement.claim(SERVER, {NODE: {"DISK_GB": 60}}, **owner)
    share_disk(fake, NODE)
    reporter.report(NODE, "host1")
    own = fake.providers[NODE].inventories["DISK_GB"]
    assert (own["total"], own["reserved"]) == (100, 100)
    assert placement.allocation(SERVER).resources == {NODE: {"DISK_GB": 60}}
    with pytest.raises(NoRoom):
        placement.claim(LATER, {NODE: {"DISK_GB": 1}}, **owner)

    # Back again while it is held: as it was.
    fake.providers[POOL].traits = set()
    reporter.report(NODE, "host1")
    assert fake.providers[NODE].inventories["DISK_GB"]["reserved"] == 0
    fake.providers[POOL].traits = {"MISC_SHARES_VIA_AGGREGATE"}
    reporter.report(NODE, "host1")
    placement.delete_allocation(SERVER)
    reporter.report(NODE, "host1")
    assert "DISK_GB" not in fake.providers[NODE].inventories


def test_aggregates_without_a_pool_and_pools_of_something_else_change_nothing(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    share_disk(fake, NODE, with_trait=False)
    reporter.report(NODE, "host1")
    assert "DISK_GB" in fake.providers[NODE].inventories
    pool = fake.providers[POOL]
    pool.traits = {"MISC_SHARES_VIA_AGGREGATE"}
    pool.inventories = {"VCPU": INVENTORY | {"total": 4}}
    reporter.report(NODE, "host1")
    assert fake.providers[NODE].inventories.keys() == {"VCPU", "MEMORY_MB", "DISK_GB"}


def test_node_that_shares_its_own_disk_keeps_it(make, fake):
    reporter = make()
    reporter.report(NODE, "host1")
    node = fake.providers[NODE]
    node.traits |= {"MISC_SHARES_VIA_AGGREGATE"}
    node.aggregates = {AGG}
    node.generation += 1
    reporter.report(NODE, "host1")
    assert "DISK_GB" in node.inventories


def test_nodes_that_share_their_disks_with_each_other_keep_them(make, fake):
    """Each took the other for its pool and gave up its own disk, until it saw that the other had none either."""
    reporter = make()
    reporter.report(NODE, "host1")
    share_disk(fake, NODE)
    node = fake.providers[NODE]
    node.traits |= {"MISC_SHARES_VIA_AGGREGATE"}
    reporter.report(NODE, "host1")
    assert "DISK_GB" in node.inventories
