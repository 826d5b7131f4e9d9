"""The scheduler over the real Placement: its REST API, its database, the client that all services use."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from dataclasses import replace
from math import inf

import pytest

from groundwork import migrations
from groundwork.database import Database
from groundwork.errors import Unavailable
from nova.clients.placement import Placement
from nova.clients.providers import Inventory
from nova.errors import NoValidHost
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.availability_zone import AvailabilityZone
from nova.scheduler.prefilters.image_metadata import ImageMetadata
from nova.scheduler.prefilters.image_type import ImageType
from nova.scheduler.prefilters.isolated_aggregates import IsolatedAggregates
from nova.scheduler.prefilters.tenant_isolation import TenantIsolation
from nova.scheduler.selection import Selector
from placement import conf as placement_conf
from placement.api.app import make_application
from placement.cmd.beginning import prepare_database
from placement.db.migrations import FOLDER
from tests.unit.clients.services import make_service
from tests.unit.scheduler.harness import (
    CELL1,
    CELL2,
    NOW,
    SMALL,
    FakeHosts,
    make_host,
    make_spec,
    server_uuids,
    standard_rules,
    uuid_of,
)


@pytest.fixture
def placement(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/placement.db")
    migrations.upgrade(database, FOLDER)
    conf = placement_conf.new()
    conf.set_override("connection", database.url, group="placement_database")
    conf.set_override("auth_strategy", "noauth2", group="api")
    conf([], project="placement", default_config_files=[])
    prepare_database(conf, database)
    application = Conflicting(make_application(conf, database))
    made = Placement(make_service(application=application), sleep=lambda delay_s: None)
    made.conflicting = application
    yield made
    database.dispose()


class Conflicting:
    """Placement, but claims that name a provider are refused as often as ``conflicts`` says: somebody else has just
    changed the provider. ``claims`` lists the providers of every claim that was asked for.
    """

    def __init__(self, application) -> None:
        self._application = application
        self.conflicts: dict[str, float] = {}
        self.claims: list[tuple[str, ...]] = []

    def __call__(self, environ, start_response):
        is_claim = environ["PATH_INFO"].startswith("/allocations/")
        if environ["REQUEST_METHOD"] == "PUT" and is_claim:
            content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(content)
            named = tuple(json.loads(content)["allocations"])
            self.claims.append(named)
            for provider in named:
                if self.conflicts.get(provider, 0) > 0:
                    self.conflicts[provider] -= 1
                    start_response("409 Conflict", [("Content-Type", "application/json")])
                    error = {"status": 409, "code": "placement.concurrent_update", "detail": "race"}
                    return [json.dumps({"errors": [error]}).encode()]
        return self._application(environ, start_response)


def add_host(placement: Placement, name: str, slots: int) -> None:
    uuid = uuid_of(name)
    placement.create_provider(uuid, name)
    placement.put_inventories(
        uuid,
        {
            "VCPU": Inventory(slots),
            "MEMORY_MB": Inventory(512 * slots),
            "DISK_GB": Inventory(slots),
        },
        generation=0,
    )


def select(
    placement: Placement, *servers: str, spec=None, hosts="abc", known=(), prefilters=(), **options
):
    table = FakeHosts(make_host(h) if isinstance(h, str) else h for h in hosts)
    table.known_aggregates = known
    selector = Selector(
        hosts=table,  # type: ignore[arg-type]
        rules=standard_rules(prefilters=prefilters),
        now=lambda: NOW,
    )
    return selector.select(
        placement, spec or make_spec(), servers, **{"alternates": 0, "seed": 0} | options
    )


def used(placement: Placement) -> dict[str, int]:
    found = placement.usages("project").get("INSTANCE")
    return dict(found.resources) if found else {}


def test_servers_are_claimed_and_the_claims_are_what_was_told(placement):
    for name in "abc":
        add_host(placement, name, 4)
    found = select(placement, *server_uuids(6), alternates=2)
    assert Counter(s.chosen.host for s in found.servers) == {"a": 2, "b": 2, "c": 2}
    for server in found.servers:
        held = placement.allocation(server.server_uuid)
        assert held.resources == server.chosen.allocations
        assert len(server.alternates) == 2
    assert used(placement) == {"VCPU": 6, "MEMORY_MB": 3072, "DISK_GB": 6}


def test_three_conflicts_then_success(placement):
    """On a concurrent-update 409 the claim is retried, then the next host is tried. Fault injection: 3 conflicts then
    success."""
    for name in "ab":
        add_host(placement, name, 4)
    placement.conflicting.conflicts = {uuid_of("a"): 3}
    [server] = select(placement, uuid_of("s"), hosts="ab").servers
    assert server.chosen.host == "a"
    assert placement.conflicting.claims == [(uuid_of("a"),)] * 4
    assert placement.allocation(uuid_of("s")).resources.keys() == {uuid_of("a")}


def test_permanent_conflict_goes_to_the_next_host(placement):
    """On a concurrent-update 409 the claim is retried, then the next host is tried. Fault injection: permanent
    conflict goes to host 2."""
    for name in "ab":
        add_host(placement, name, 4)
    placement.conflicting.conflicts = {uuid_of("a"): inf}
    found = select(placement, *server_uuids(2), hosts="ab")
    assert [s.chosen.host for s in found.servers] == ["b", "b"]
    assert placement.conflicting.claims[0] == (uuid_of("a"),)
    assert used(placement)["VCPU"] == 2


def test_a_host_that_goes_before_it_is_claimed_is_passed_over(placement):
    """1. Placement offers a host. 2. The host is taken out of the cloud. 3. It is claimed: the create failed."""
    for name in "ab":
        add_host(placement, name, 4)
    offer = placement.candidates

    def offer_and_remove(query):
        offered = offer(query)
        placement.delete_provider(uuid_of("a"))
        return offered

    placement.candidates = offer_and_remove
    [server] = select(placement, uuid_of("s"), hosts="ab").servers
    assert server.chosen.host == "b"
    assert placement.conflicting.claims == [(uuid_of("a"),), (uuid_of("b"),)]


def test_conflicts_everywhere_leave_nothing_claimed(placement):
    for name in "ab":
        add_host(placement, name, 1)
    placement.conflicting.conflicts = {uuid_of("b"): inf}
    with pytest.raises(NoValidHost):
        select(placement, *server_uuids(2), hosts="ab")
    assert used(placement) == {}


def test_disabled_hosts_and_missing_traits_are_left_to_placement(placement):
    for name in "abc":
        add_host(placement, name, 4)
    placement.change_traits(uuid_of("a"), lambda traits: traits | {"COMPUTE_STATUS_DISABLED"})
    placement.change_traits(uuid_of("b"), lambda traits: traits | {"HW_CPU_X86_AVX2"})
    spec = make_spec(replace(SMALL, extra_specs={"trait:HW_CPU_X86_AVX2": "forbidden"}))
    assert select(placement, *server_uuids(1), spec=spec).servers[0].chosen.host == "c"
    assert {s.chosen.host for s in select(placement, *server_uuids(8)).servers} == {"b", "c"}


def test_a_refusal_tells_how_many_hosts_lack_what(placement):
    for name, slots in (("a", 1), ("b", 2), ("c", 3)):
        add_host(placement, name, slots)
    specs = {
        "resources:VCPU": "2",
        "resources:MEMORY_MB": "1537",
        "trait:HW_CPU_X86_AVX2": "required",
    }
    with pytest.raises(NoValidHost) as caught:
        select(placement, *server_uuids(1), spec=make_spec(replace(SMALL, extra_specs=specs)))
    assert caught.value.facts == {
        "hosts": 3,
        "removed": {
            "DISK_GB (1 asked)": 0,
            "MEMORY_MB (1537 asked)": 3,
            "VCPU (2 asked)": 1,
            "HW_CPU_X86_AVX2": 3,
            "not COMPUTE_STATUS_DISABLED": 0,
        },
    }


def test_an_unknown_class_is_a_refusal(placement):
    add_host(placement, "a", 1)
    spec = make_spec(replace(SMALL, extra_specs={"resources:CUSTOM_GOLD": "1"}))
    with pytest.raises(NoValidHost) as caught:
        select(placement, *server_uuids(1), spec=spec, hosts="a")
    assert caught.value.facts["removed"]["CUSTOM_GOLD (1 asked)"] == 1


def test_a_refusal_tells_operators_of_every_constraint_in_order_and_by_cell(placement):
    for name, slots in (("a", 1), ("b", 2), ("c", 3), ("d", 3)):
        add_host(placement, name, slots)
    placement.change_traits(uuid_of("d"), lambda traits: traits | {"COMPUTE_STATUS_DISABLED"})
    hosts = [make_host(n, cell_uuid=CELL2 if n in "cd" else CELL1) for n in "abcd"]
    spec = make_spec(
        replace(SMALL, extra_specs={"resources:VCPU": "2"}), availability_zone="nowhere"
    )
    with pytest.raises(NoValidHost) as caught:
        select(placement, *server_uuids(1), spec=spec, hosts=hosts)
    assert caught.value.text == (
        "No valid host was found. Of 2 hosts: AvailabilityZoneFilter removed 2; ComputeFilter removed 0."
    )
    assert caught.value.internal == (
        "Hosts at first: 4 (cell1 2, cell2 2)\n"
        "placement: not COMPUTE_STATUS_DISABLED removed 1 (cell2 1), left 3 (cell1 2, cell2 1)\n"
        "placement: DISK_GB (1 asked) removed 0, left 3 (cell1 2, cell2 1)\n"
        "placement: MEMORY_MB (512 asked) removed 0, left 3 (cell1 2, cell2 1)\n"
        "placement: VCPU (2 asked) removed 1 (cell1 1), left 2 (cell1 1, cell2 1)\n"
        "placement: all groups together removed 0, left 2 (cell1 1, cell2 1)\n"
        "filter: ComputeFilter removed 0, left 2 (cell1 1, cell2 1)\n"
        "filter: AvailabilityZoneFilter removed 2 (cell1 1, cell2 1), left 0"
    )


def test_a_name_that_nobody_has_removes_every_host(placement):
    for name in "abc":
        add_host(placement, name, 4)
    specs = {"trait:CUSTOM_NEVER": "required"}
    with pytest.raises(NoValidHost) as caught:
        select(placement, *server_uuids(1), spec=make_spec(replace(SMALL, extra_specs=specs)))
    assert "placement: CUSTOM_NEVER removed 3 (cell1 3), left 0\n" in caught.value.internal


def test_a_refusal_does_without_an_explanation_that_placement_cannot_give(placement):
    add_host(placement, "a", 1)
    silent = Unexplaining(placement)
    for problem in (None, Unavailable("Placement cannot be reached.")):
        silent.problem = problem
        with pytest.raises(NoValidHost) as caught:
            select(silent, *server_uuids(1), spec=make_spec(availability_zone="nowhere"))
        assert "AvailabilityZoneFilter removed 1" in caught.value.text
        told = caught.value.internal or ""
        assert ("AvailabilityZoneFilter removed 1 (cell1 1), left 0" in told) == (problem is None)


class Unexplaining:
    """Another Placement than ours, which explains nothing, or one that goes away at the wrong moment."""

    problem = None

    def __init__(self, placement):
        self._placement = placement

    def __getattr__(self, name):
        return getattr(self._placement, name)

    def explain(self, _query):
        if self.problem:
            raise self.problem


def test_a_forced_host_is_found_by_its_tree(placement):
    for name in "abc":
        add_host(placement, name, 4)
    found = select(placement, *server_uuids(2), spec=make_spec(forced_host="c"))
    assert [s.chosen.host for s in found.servers] == ["c", "c"]


def test_suffixed_groups_are_mapped(placement):
    add_host(placement, "a", 4)
    gpu = uuid_of("gpu")
    placement.create_provider(gpu, "gpu", parent=uuid_of("a"))
    placement.put_inventories(gpu, {"VGPU": Inventory(1)}, generation=0)
    spec = make_spec(replace(SMALL, extra_specs={"resources1:VGPU": "1"}))
    [server] = select(placement, *server_uuids(1), spec=spec, hosts="a").servers
    assert server.chosen.node_uuid == uuid_of("a")
    assert server.chosen.mappings["1"] == (gpu,)
    assert server.chosen.allocations[gpu] == {"VGPU": 1}


def test_aggregates_of_a_node_count_for_a_flavor_that_takes_nothing_of_the_node(placement):
    for name in "ab":
        add_host(placement, name, 4)
        placement.change_traits(uuid_of(name), lambda traits: traits | {"COMPUTE_NODE"})
        gpu = uuid_of(f"gpu-{name}")
        placement.create_provider(gpu, f"gpu-{name}", parent=uuid_of(name))
        placement.put_inventories(gpu, {"PGPU": Inventory(1)}, generation=0)
    own = AggregateView(uuid_of("aggregate"), "aggregate", {"filter_tenant_id": "project"})
    placement.change_aggregates(uuid_of("b"), lambda _: frozenset({own.uuid}))
    nothing = dict.fromkeys(("resources:VCPU", "resources:MEMORY_MB", "resources:DISK_GB"), "0")
    spec = make_spec(replace(SMALL, extra_specs=nothing | {"resources1:PGPU": "1"}))
    narrow = {"spec": spec, "hosts": "ab", "known": (own,), "prefilters": (TenantIsolation(),)}
    [server] = select(placement, uuid_of("s"), **narrow).servers
    assert server.chosen.host == "b"
    assert placement.allocation(uuid_of("s")).resources == {uuid_of("gpu-b"): {"PGPU": 1}}
    with pytest.raises(NoValidHost) as caught:
        select(placement, uuid_of("t"), **narrow)
    told = "member of the aggregates of project project removed 1"
    assert told in caught.value.text
    assert told in caught.value.internal


@pytest.mark.parametrize(
    ("rule", "wishes", "told"),
    [
        (
            TenantIsolation(required=True),
            {},
            "member of an aggregate of project project (there is none)",
        ),
        # No such trait has ever been made.
        (
            ImageMetadata(),
            {"image_properties": {"hw_vif_model": "abacus"}},
            "COMPUTE_NET_VIF_MODEL_ABACUS",
        ),
    ],
)
def test_what_nobody_has_removes_every_host(placement, rule, wishes, told):
    for name in "ab":
        add_host(placement, name, 4)
        placement.change_traits(uuid_of(name), lambda traits: traits | {"COMPUTE_NODE"})
    with pytest.raises(NoValidHost) as caught:
        select(placement, uuid_of("s"), spec=make_spec(**wishes), hosts="ab", prefilters=(rule,))
    assert f"Of 2 hosts: {told} removed 2;" in caught.value.text
    assert f"placement: {told} removed 2 (cell1 2), left 0\n" in caught.value.internal


def test_nodes_with_devices_are_counted_under_the_right_reason(placement):
    """The device of a node is in no aggregate, whatever its node is in."""
    kept = AggregateView(uuid_of("kept"), "kept", {"trait:HW_CPU_X86_AVX2": "required"})
    own = AggregateView(uuid_of("own"), "own", {"filter_tenant_id": "project"})
    for name, within in (("a", {"own", "kept"}), ("b", {"own"}), ("c", set())):
        add_host(placement, name, 1)
        placement.change_traits(uuid_of(name), lambda traits: traits | {"COMPUTE_NODE"})
        uuids = frozenset(map(uuid_of, within))
        placement.change_aggregates(uuid_of(name), lambda _, uuids=uuids: uuids)
        device = uuid_of(f"device-{name}")
        placement.create_provider(device, f"device-{name}", parent=uuid_of(name))
        placement.put_inventories(device, {"PGPU": Inventory(1)}, generation=0)
    rules = {"known": (kept, own), "prefilters": (TenantIsolation(), IsolatedAggregates())}
    nothing = dict.fromkeys(("resources:VCPU", "resources:MEMORY_MB", "resources:DISK_GB"), "0")
    for extra_specs in ({}, nothing | {"resources1:PGPU": "1"}):
        spec = make_spec(replace(SMALL, extra_specs=extra_specs))
        server = uuid_of(f"s{extra_specs}")
        [found] = select(placement, server, spec=spec, **rules).servers
        assert found.chosen.host == "b"
        with pytest.raises(NoValidHost) as caught:
            select(placement, uuid_of("t"), spec=spec, **rules)
        told = caught.value.internal
        assert (
            "not member of isolated aggregate kept (HW_CPU_X86_AVX2 not asked for) removed 1"
            in told
        )
        assert "member of the aggregates of project project removed 1" in told
        assert "COMPUTE_NODE" not in told
        assert "_PREFILTERED" not in told


def test_shared_storage_need_not_be_in_the_aggregates_of_hosts(placement):
    """Only hosts are mirrored, and a pool may serve hosts of several zones."""
    for name in "abc":
        placement.create_provider(uuid_of(name), name)
        placement.put_inventories(
            uuid_of(name), {"VCPU": Inventory(8), "MEMORY_MB": Inventory(8192)}, generation=0
        )
        placement.change_traits(uuid_of(name), lambda traits: traits | {"COMPUTE_NODE"})
    pool = uuid_of("pool")
    placement.create_provider(pool, "pool")
    placement.put_inventories(pool, {"DISK_GB": Inventory(30)}, generation=0)
    placement.change_traits(pool, lambda traits: traits | {"MISC_SHARES_VIA_AGGREGATE"})
    places = {"a": {"shares"}, "b": {"shares", "east"}, "c": {"shares", "kept"}, "pool": {"shares"}}
    for name, within in places.items():
        uuids = frozenset(map(uuid_of, within))
        placement.change_aggregates(uuid_of(name), lambda _, uuids=uuids: uuids)
    known = (
        AggregateView(uuid_of("east"), "east", {"availability_zone": "east"}),
        AggregateView(uuid_of("kept"), "kept", {"trait:HW_CPU_X86_AVX2": "required"}),
    )
    rules = {"known": known, "prefilters": (AvailabilityZone(), IsolatedAggregates())}
    hosts = [make_host(name, zone="east" if name == "b" else "nova") for name in "abc"]
    found = select(placement, *server_uuids(6), hosts=hosts, **rules)
    assert {s.chosen.host for s in found.servers} == {"a", "b"}
    spec = make_spec(availability_zone="east")
    [server] = select(placement, uuid_of("s"), spec=spec, hosts=hosts, **rules).servers
    assert server.chosen.host == "b"
    assert server.chosen.allocations[pool] == {"DISK_GB": 1}


def test_forbidden_aggregates_and_traits_of_prefilters(placement):
    for name in "abc":
        add_host(placement, name, 4)
    kept = AggregateView(uuid_of("kept"), "kept", {"trait:HW_CPU_X86_AVX2": "required"})
    placement.change_aggregates(uuid_of("a"), lambda _: frozenset({kept.uuid}))
    placement.change_traits(uuid_of("b"), lambda traits: traits | {"COMPUTE_IMAGE_TYPE_RAW"})
    rules = {"known": (kept,), "prefilters": (IsolatedAggregates(), ImageType())}
    spec = make_spec(image_properties={"disk_format": "raw"})
    found = select(placement, *server_uuids(4), spec=spec, **rules)
    assert {s.chosen.host for s in found.servers} == {"b"}
    with pytest.raises(NoValidHost) as caught:
        select(placement, uuid_of("more"), spec=spec, **rules)
    told = "not member of isolated aggregate kept (HW_CPU_X86_AVX2 not asked for) removed 1"
    assert told in caught.value.text
    # The host of the aggregate was removed before, because it cannot use the image.
    assert "COMPUTE_IMAGE_TYPE_RAW removed 2 (cell1 2), left 1" in caught.value.internal


def test_the_same_request_twice_holds_once(placement):
    add_host(placement, "a", 2)
    for _ in range(2):
        found = select(placement, *server_uuids(2), hosts="a")
        assert [s.chosen.host for s in found.servers] == ["a", "a"]
    assert used(placement)["VCPU"] == 2


def test_a_shared_pool_is_claimed_and_never_overcommitted(placement):
    for name in "ab":
        placement.create_provider(uuid_of(name), name)
        placement.put_inventories(
            uuid_of(name), {"VCPU": Inventory(8), "MEMORY_MB": Inventory(8192)}, generation=0
        )
    pool = uuid_of("pool")
    placement.create_provider(pool, "pool")
    placement.put_inventories(pool, {"DISK_GB": Inventory(3)}, generation=0)
    placement.change_traits(pool, lambda traits: traits | {"MISC_SHARES_VIA_AGGREGATE"})
    for name in ("a", "b", "pool"):
        placement.change_aggregates(uuid_of(name), lambda _: frozenset({uuid_of("aggregate")}))
    found = select(placement, *server_uuids(3), hosts="ab")
    assert {s.chosen.host for s in found.servers} == {"a", "b"}
    assert all(s.chosen.allocations[pool] == {"DISK_GB": 1} for s in found.servers)
    with pytest.raises(NoValidHost):
        select(placement, uuid_of("one-too-many"), hosts="ab")
    # Named hosts find shared storage as well.
    placement.delete_allocation(found.servers[0].server_uuid)
    spec = make_spec(forced_host="b")
    [server] = select(placement, uuid_of("named"), spec=spec, hosts="ab").servers
    assert server.chosen.host == "b"


def test_computes_that_share_their_own_disk_are_hosts_like_any_other(placement):
    """They were taken for storage pools, which are no hosts, and got no servers."""
    shares = "MISC_SHARES_VIA_AGGREGATE"
    room = {"VCPU": Inventory(4), "MEMORY_MB": Inventory(2048)}
    for name, disk in {
        "a": {"DISK_GB": Inventory(12)},
        "b": {},
        "c": {"DISK_GB": Inventory(1)},
    }.items():
        placement.create_provider(uuid_of(name), name)
        placement.put_inventories(uuid_of(name), room | disk, generation=0)
        own = {"COMPUTE_NODE", shares} if disk else {"COMPUTE_NODE"}
        placement.change_traits(uuid_of(name), lambda _, own=own: frozenset(own))
        placement.change_aggregates(uuid_of(name), lambda _: frozenset({uuid_of("aggregate")}))
    found = select(placement, *server_uuids(12))
    assert Counter(s.chosen.host for s in found.servers) == {"a": 4, "b": 4, "c": 4}
    for server in found.servers:
        assert server.chosen.allocations[server.chosen.node_uuid]["VCPU"] == 1
    # The answer is lost, and the same is asked again when nothing is left.
    again = select(placement, *server_uuids(12))
    places = [(s.server_uuid, s.chosen.host) for s in again.servers]
    assert places == [(s.server_uuid, s.chosen.host) for s in found.servers]


def test_parallel_requests_fill_exactly_the_slots_there_are(placement):
    for name in "abc":
        add_host(placement, name, 4)
    outcomes: list[str] = []

    def place(name: str) -> None:
        try:
            [server] = select(placement, uuid_of(name)).servers
            outcomes.append(server.chosen.host)
        except NoValidHost:
            outcomes.append("refused")

    threads = [threading.Thread(target=place, args=(f"parallel-{n}",)) for n in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert Counter(outcomes) == {"a": 4, "b": 4, "c": 4, "refused": 3}
    assert used(placement)["VCPU"] == 12
