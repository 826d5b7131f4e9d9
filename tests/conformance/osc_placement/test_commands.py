"""Each command of the plugin does what it says, and shows what is there."""

from __future__ import annotations

import uuid

from tests.conformance.osc_placement.conftest import OpenStack

NOBODY = "00000000-0000-0000-0000-000000000000"
AGGREGATE, CONSUMER, PROJECT, USER = (str(uuid.uuid4()) for _ in range(4))
OWNER = ("--project-id", PROJECT, "--user-id", USER)


def names(rows: list[dict[str, object]]) -> set[object]:
    return {row["name"] for row in rows}


def providers(rows: list[dict[str, object]]) -> set[object]:
    return {row["resource provider"] for row in rows}


def make_host(openstack: OpenStack, name: str = "host") -> str:
    """A provider with processors and memory; its uuid."""
    made = openstack.json("resource", "provider", "create", name)
    openstack(
        *("resource", "provider", "inventory", "set", made["uuid"]),
        *("--resource", "VCPU=8", "--resource", "VCPU:max_unit=4"),
        *("--resource", "MEMORY_MB=1024"),
    )
    return str(made["uuid"])


def test_life_of_providers(openstack: OpenStack) -> None:
    provider = ("resource", "provider")
    top = openstack.json(*provider, "create", "top")
    assert (top["name"], top["generation"]) == ("top", 0)
    assert (top["parent_provider_uuid"], top["root_provider_uuid"]) == (None, top["uuid"])
    own = str(uuid.uuid4())
    made = openstack.json(
        *provider, "create", "child", "--uuid", own, "--parent-provider", top["uuid"]
    )
    assert (made["uuid"], made["root_provider_uuid"]) == (own, top["uuid"])
    assert names(openstack.json(*provider, "list")) == {"top", "child"}
    assert names(openstack.json(*provider, "list", "--in-tree", own)) == {"top", "child"}
    assert names(openstack.json(*provider, "list", "--name", "top")) == {"top"}
    assert names(openstack.json(*provider, "list", "--uuid", own)) == {"child"}
    assert openstack.json(*provider, "set", own, "--name", "renamed")["name"] == "renamed"
    shown = openstack.json(*provider, "show", own, "--allocations")
    assert (shown["name"], shown["allocations"]) == ("renamed", {})
    assert "already exists" in openstack.refused(*provider, "create", "top")
    assert "has child resource providers" in openstack.refused(*provider, "delete", top["uuid"])
    openstack(*provider, "delete", own)
    openstack(*provider, "delete", top["uuid"])
    assert openstack.json(*provider, "list") == []
    assert "No resource provider with uuid" in openstack.refused(*provider, "show", own)


def test_oldest_version(openstack: OpenStack) -> None:
    made = openstack.json("resource", "provider", "create", "old", version="1.0")
    assert made["name"] == "old"
    assert names(openstack.json("resource", "provider", "list", version="1.0")) == {"old"}
    usage = openstack.json("resource", "provider", "usage", "show", made["uuid"], version="1.0")
    assert usage == []


def test_inventories(openstack: OpenStack) -> None:
    inventory, host = ("resource", "provider", "inventory"), make_host(openstack)
    rows = {row["resource_class"]: row for row in openstack.json(*inventory, "list", host)}
    assert set(rows) == {"VCPU", "MEMORY_MB"}
    assert (rows["VCPU"]["total"], rows["VCPU"]["max_unit"], rows["VCPU"]["used"]) == (8, 4, 0)
    openstack(*inventory, "class", "set", host, "VCPU", "--total", "16", "--reserved", "2")
    shown = openstack.json(*inventory, "show", host, "VCPU")
    assert (shown["total"], shown["reserved"], shown["max_unit"]) == (16, 2, 2147483647)
    openstack(*inventory, "set", host, "--amend", "--resource", "DISK_GB=100")
    classes = {row["resource_class"] for row in openstack.json(*inventory, "list", host)}
    assert classes == {"VCPU", "MEMORY_MB", "DISK_GB"}
    assert "Unable to update inventory" in openstack.refused(
        *inventory, "class", "set", host, "VCPU", "--total", "1", "--reserved", "2"
    )
    openstack(*inventory, "delete", host, "--resource-class", "DISK_GB")
    assert "No inventory of class DISK_GB" in openstack.refused(*inventory, "show", host, "DISK_GB")
    openstack(*inventory, "delete", host)
    assert openstack.json(*inventory, "list", host) == []


def test_inventory_of_all_members_of_an_aggregate(openstack: OpenStack) -> None:
    inventory = ("resource", "provider", "inventory")
    hosts = [make_host(openstack, name) for name in ("one", "two")]
    for host in hosts:
        openstack(
            *("resource", "provider", "aggregate", "set", host, "--aggregate", AGGREGATE),
            *("--generation", "1"),
        )
    openstack(*inventory, "set", "--aggregate", AGGREGATE, "--amend", "--resource", "VCPU=32")
    for host in hosts:
        assert openstack.json(*inventory, "show", host, "VCPU")["total"] == 32


def test_aggregates(openstack: OpenStack) -> None:
    aggregate, host = ("resource", "provider", "aggregate"), make_host(openstack)
    rows = openstack.json(*aggregate, "set", host, "--aggregate", AGGREGATE, "--generation", "1")
    assert rows == [{"uuid": AGGREGATE}]
    assert openstack.json(*aggregate, "list", host) == [{"uuid": AGGREGATE}]
    by_member = ("resource", "provider", "list", "--member-of", AGGREGATE)
    assert names(openstack.json(*by_member)) == {"host"}
    assert "resource provider generation conflict" in openstack.refused(
        *aggregate, "set", host, "--aggregate", AGGREGATE, "--generation", "1"
    )
    assert openstack.json(*aggregate, "set", host, "--generation", "2") == []


def test_resource_classes(openstack: OpenStack) -> None:
    kind = ("resource", "class")
    openstack(*kind, "create", "CUSTOM_GOLD")
    openstack(*kind, "set", "CUSTOM_SILVER")
    openstack(*kind, "set", "CUSTOM_SILVER")
    assert {"VCPU", "CUSTOM_GOLD", "CUSTOM_SILVER"} <= names(openstack.json(*kind, "list"))
    assert openstack.json(*kind, "show", "CUSTOM_GOLD")["name"] == "CUSTOM_GOLD"
    assert "already exists" in openstack.refused(*kind, "create", "CUSTOM_GOLD")
    openstack(*kind, "delete", "CUSTOM_GOLD")
    assert "No such resource class" in openstack.refused(*kind, "show", "CUSTOM_GOLD")


def test_traits(openstack: OpenStack) -> None:
    trait, carried, host = ("trait",), ("resource", "provider", "trait"), make_host(openstack)
    openstack(*trait, "create", "CUSTOM_FAST")
    assert openstack.json(*trait, "show", "CUSTOM_FAST") == {"name": "CUSTOM_FAST"}
    found = openstack.json(*trait, "list", "--name", "in:CUSTOM_FAST,COMPUTE_NODE")
    assert names(found) == {"CUSTOM_FAST", "COMPUTE_NODE"}
    rows = openstack.json(
        *carried, "set", host, "--trait", "CUSTOM_FAST", "--trait", "COMPUTE_NODE"
    )
    assert names(rows) == {"CUSTOM_FAST", "COMPUTE_NODE"}
    assert names(openstack.json(*carried, "list", host)) == {"CUSTOM_FAST", "COMPUTE_NODE"}
    assert names(openstack.json(*trait, "list", "--associated")) == {"CUSTOM_FAST", "COMPUTE_NODE"}
    by_trait = ("resource", "provider", "list", "--required", "CUSTOM_FAST")
    assert names(openstack.json(*by_trait)) == {"host"}
    without = ("resource", "provider", "list", "--forbidden", "CUSTOM_FAST")
    assert openstack.json(*without) == []
    assert "in use" in openstack.refused(*trait, "delete", "CUSTOM_FAST")
    openstack(*carried, "delete", host)
    assert openstack.json(*carried, "list", host) == []
    openstack(*trait, "delete", "CUSTOM_FAST")
    assert "No such trait" in openstack.refused(*trait, "show", "CUSTOM_FAST")


def test_allocations_and_usages(openstack: OpenStack) -> None:
    allocation, host = ("resource", "provider", "allocation"), make_host(openstack)
    share = ("--allocation", f"rp={host},VCPU=2", "--allocation", f"rp={host},MEMORY_MB=512")
    set_ = (*allocation, "set", CONSUMER, *OWNER, "--consumer-type", "INSTANCE")
    (row,) = openstack.json(*set_, *share)
    assert row["resource_provider"] == host
    assert row["resources"] == {"VCPU": 2, "MEMORY_MB": 512}
    assert (row["project_id"], row["user_id"]) == (PROJECT, USER)
    assert openstack.json(*allocation, "show", CONSUMER) == [row]
    usage = openstack.json("resource", "provider", "usage", "show", host)
    assert {one["resource_class"]: one["usage"] for one in usage} == {"VCPU": 2, "MEMORY_MB": 512}
    for more in ((), ("--user-id", USER)):
        usage = openstack.json("resource", "usage", "show", PROJECT, *more, version="1.37")
        assert {one["resource_class"]: one["usage"] for one in usage} == {
            "VCPU": 2,
            "MEMORY_MB": 512,
        }
    held = openstack.json("resource", "provider", "show", host, "--allocations")
    assert held["allocations"][CONSUMER]["resources"] == {"VCPU": 2, "MEMORY_MB": 512}
    assert "Unable to allocate inventory" in openstack.refused(
        *set_, "--allocation", f"rp={host},VCPU=5"
    )
    assert "has allocations" in openstack.refused("resource", "provider", "delete", host)
    (row,) = openstack.json(*allocation, "unset", CONSUMER, "--resource-class", "MEMORY_MB")
    assert row["resources"] == {"VCPU": 2}
    openstack(*allocation, "delete", CONSUMER)
    assert openstack.json(*allocation, "show", CONSUMER) == []
    assert "No allocations for consumer" in openstack.refused(*allocation, "delete", CONSUMER)


def test_old_allocations_belong_to_nobody(openstack: OpenStack) -> None:
    allocation, host = ("resource", "provider", "allocation"), make_host(openstack)
    share = ("--allocation", f"rp={host},VCPU=1")
    openstack(*allocation, "set", CONSUMER, *share, version="1.7")
    (row,) = openstack.json(*allocation, "show", CONSUMER)
    assert row["project_id"] == NOBODY


def test_usage_by_type_of_consumer(openstack: OpenStack) -> None:
    host = make_host(openstack)
    openstack(
        *("resource", "provider", "allocation", "set", CONSUMER, *OWNER),
        *("--consumer-type", "INSTANCE", "--allocation", f"rp={host},VCPU=2"),
    )
    # The plugin shows the types of 1.38 in the column of the classes.
    rows = openstack.json("resource", "usage", "show", PROJECT)
    assert rows == [{"resource_class": "INSTANCE", "usage": {"consumer_count": 1, "VCPU": 2}}]


def test_candidates(openstack: OpenStack) -> None:
    candidate = ("allocation", "candidate", "list")
    one, two = make_host(openstack, "one"), make_host(openstack, "two")
    openstack("resource", "provider", "trait", "set", two, "--trait", "COMPUTE_NODE")
    ask = (*candidate, "--resource", "VCPU=2", "--resource", "MEMORY_MB=128")
    rows = openstack.json(*ask)
    assert providers(rows) == {one, two}
    assert rows[0]["allocation"] == "VCPU=2,MEMORY_MB=128"
    assert rows[0]["inventory used/capacity"] == "VCPU=0/8,MEMORY_MB=0/1024"
    assert len(openstack.json(*ask, "--limit", "1")) == 1
    (row,) = openstack.json(*ask, "--required", "COMPUTE_NODE")
    assert (row["resource provider"], row["traits"]) == (two, "COMPUTE_NODE")
    assert providers(openstack.json(*ask, "--forbidden", "COMPUTE_NODE")) == {one}
    grouped = openstack.json(
        *(*candidate, "--group", "1", "--resource", "VCPU=1"),
        *("--group", "2", "--resource", "MEMORY_MB=1", "--group-policy", "none"),
    )
    assert providers(grouped) == {one, two}
    assert openstack.json(*candidate, "--resource", "VCPU=5") == []
    refused = openstack.refused(*candidate, "--resource", "CUSTOM_NONE=1")
    assert "CUSTOM_NONE" in refused


def test_a_caller_without_rights_is_told(openstack: OpenStack) -> None:
    done = openstack.refused("--os-token", "user", "resource", "provider", "list")
    assert "placement:resource_providers:list" in done
