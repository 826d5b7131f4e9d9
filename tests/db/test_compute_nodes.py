"""Compute nodes of a cell and what its servers use of them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.database import Database, Transaction
from nova.db.cell import compute_nodes, server_scan, servers, services
from nova.db.cell.compute_nodes import NodeUsage
from nova.db.cell.models import compute_nodes as compute_node_table
from nova.domain.flavor import Flavor
from nova.domain.hardware import DeviceType, Hardware, HostCell, Pages, PciDevice
from nova.domain.server import Server
from nova.virt.driver import NodeFacts

models = compute_node_table.c
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def facts(name: str = "node1", **more: Any) -> NodeFacts:
    return NodeFacts(
        **{
            "hypervisor_type": "fake",
            "hypervisor_version": 1002003,
            "hypervisor_hostname": name,
            "host_ip": "2001:db8::1",
            "cpu_info": {"arch": "x86_64", "features": ["sse"]},
            "vcpus": 4,
            "memory_mb": 2048,
            "local_gb": 100,
            **more,
        }
    )


def add_server(tx: Transaction, **fields: Any) -> Server:
    server = Server(
        **{
            "uuid": str(uuid.uuid4()),
            "project_id": "p",
            "user_id": "u",
            "display_name": "s",
            "flavor": Flavor(
                flavorid="1", name="m1", vcpus=2, memory_mb=512, root_gb=10, ephemeral_gb=5
            ),
            "vm_state": "active",
            "image_ref": "image",
            "created_at": NOW,
            **fields,
        }
    )
    servers.insert_if_absent(tx, server)
    return server


def test_reports_keep_the_uuid_and_renew_the_facts(cell_database: Database) -> None:
    with cell_database.write() as tx:
        first = compute_nodes.report(tx, "host1", facts(), now=NOW)
    assert (first.hypervisor_version, first.cpu_info) == (
        1002003,
        {"arch": "x86_64", "features": ["sse"]},
    )
    assert (first.created_at, first.mapped, first.uptime) == (NOW, False, None)
    with cell_database.write() as tx:
        compute_nodes.mark_mapped(tx, [first.uuid])
        second = compute_nodes.report(tx, "host1", facts(vcpus=8, uptime="up 1 day"))
        other = compute_nodes.report(tx, "host2", facts())
    assert (second.id, second.uuid, second.vcpus, second.uptime) == (
        first.id,
        first.uuid,
        8,
        "up 1 day",
    )
    assert second.mapped
    assert other.uuid != first.uuid, "the same name on another host is another node"


def test_metrics_of_the_last_report_are_kept(cell_database: Database) -> None:
    with cell_database.write() as tx:
        for metrics, kept in (({}, None), ({"cpu.percent": 12.5, "cpu.user.time": 1 << 60},) * 2):
            compute_nodes.report(tx, "host1", facts(metrics=metrics))
            assert tx.execute(sa.select(models.metrics)).scalar_one() == kept
        compute_nodes.report(tx, "host1", facts())
        assert tx.execute(sa.select(models.metrics)).scalar_one() is None


def failed_builds(tx: Transaction) -> dict[str, int | None]:
    found = tx.execute(sa.select(models.hypervisor_hostname, models.failed_builds))
    return {row.hypervisor_hostname: row.failed_builds for row in found}


def test_failed_builds_are_counted_by_node_until_one_succeeds(cell_database: Database) -> None:
    later = NOW + timedelta(minutes=1)
    with cell_database.write() as tx:
        for node in ("a", "b"):
            compute_nodes.report(tx, "host1", facts(node), now=NOW)
        compute_nodes.report(tx, "host2", facts("c"), now=NOW)
        for _ in range(3):
            compute_nodes.count_failed_build(tx, "host1", "a", now=later)
        compute_nodes.count_failed_build(tx, "host1", "b", now=later)
        compute_nodes.count_failed_build(tx, "host2", "c", now=NOW)
        compute_nodes.count_failed_build(tx, "host2", "a", now=NOW)
        assert failed_builds(tx) == {"a": 3, "b": 1, "c": 1}
        [a, b] = compute_nodes.list_on_host(tx, "host1")
        assert a.updated_at == b.updated_at == later, "or the scheduler would not read them"
    with cell_database.write() as tx:
        compute_nodes.report(tx, "host1", facts("a"), now=later)
        assert failed_builds(tx)["a"] == 3, "a report is no success"
        compute_nodes.forget_failed_builds(tx, "host1", "a")
        assert failed_builds(tx) == {"a": 0, "b": 1, "c": 1}
        compute_nodes.count_failed_build(tx, "host1", "a")
        compute_nodes.forget_failed_builds(tx, "host1")
        assert failed_builds(tx) == {"a": 0, "b": 0, "c": 1}


def test_a_node_without_failures_is_not_written_after_each_build(cell_database: Database) -> None:
    with cell_database.write() as tx:
        compute_nodes.report(tx, "host1", facts("a"), now=NOW)
        compute_nodes.forget_failed_builds(tx, "host1", "a")
        [node] = compute_nodes.list_on_host(tx, "host1")
    assert node.updated_at == NOW


def test_node_with_an_identity_moves_between_hosts(cell_database: Database) -> None:
    own = str(uuid.uuid4())
    with cell_database.write() as tx:
        compute_nodes.report(tx, "host1", facts(), uuid=own)
        compute_nodes.mark_mapped(tx, [own])
        assert compute_nodes.report(tx, "host1", facts(), uuid=own).mapped
        moved = compute_nodes.report(tx, "host2", facts(), uuid=own)
        assert (moved.uuid, moved.host, moved.mapped) == (own, "host2", False)
        assert compute_nodes.list_on_host(tx, "host1") == ()
        assert compute_nodes.list_on_host(tx, "host2") == (moved,)
        assert compute_nodes.list_unmapped(tx) == (moved,)


def test_nodes_are_deleted_singly_or_by_host(cell_database: Database) -> None:
    with cell_database.write() as tx:
        rows = [compute_nodes.report(tx, "host1", facts(name)) for name in ("a", "b", "c")]
        assert compute_nodes.delete(tx, rows[0].uuid)
        assert not compute_nodes.delete(tx, rows[0].uuid)
        assert compute_nodes.delete_on_host(tx, "host1") == 2
        assert compute_nodes.delete_on_host(tx, "host1") == 0


def test_pages_hold_served_nodes_by_number(cell_database: Database) -> None:
    with cell_database.write() as tx:
        for host in ("h1", "h2"):
            services.register(tx, host, "nova-compute", "i", version=1)
        services.register(tx, "h3", "nova-conductor", "i", version=1)
        rows = {
            name: compute_nodes.report(tx, host, facts(name))
            for host, name in (("h1", "Alpha"), ("h3", "x"), ("h2", "beta_1"), ("h1", "beta-2"))
        }

        def names(**page: Any) -> list[str]:
            found = compute_nodes.page_served(tx, **page)
            return [one.node.hypervisor_hostname for one in found]

        assert names() == ["Alpha", "beta_1", "beta-2"]
        assert names(limit=2) == ["Alpha", "beta_1"]
        assert names(limit=0) == []
        assert names(from_id=rows["beta_1"].id, limit=5) == ["beta_1", "beta-2"]
        assert names(name_contains="ALPHA") == ["Alpha"]
        assert names(name_contains="a_1") == ["beta_1"]
        served = compute_nodes.find_served(tx, uuid=rows["beta_1"].uuid)
        assert served is not None
        assert (served.node, served.service.host) == (rows["beta_1"], "h2")
        assert compute_nodes.find_served(tx, node_id=rows["beta_1"].id) == served
        assert compute_nodes.find_served(tx, uuid=rows["x"].uuid) is None


def test_usage_is_summed_by_node_in_one_question(cell_database: Database) -> None:
    with cell_database.write() as tx:
        add_server(tx, host="h1", node="a")
        add_server(tx, host="h1", node="a", task_state="rebooting", image_ref="")
        add_server(tx, host="h1", node="b", image_ref=None)
        add_server(tx, host="h2", node="c")
        add_server(tx, host="h2", node="c", deleted=1)
        add_server(tx)
        every = compute_nodes.usage_of_nodes(tx)
        some = compute_nodes.usage_of_nodes(tx, ["h2"])
        none = compute_nodes.usage_of_nodes(tx, [])
    assert every == {
        ("h1", "a"): NodeUsage(vcpus=4, memory_mb=1024, disk_gb=20, servers=2, busy=1),
        ("h1", "b"): NodeUsage(vcpus=2, memory_mb=512, disk_gb=5, servers=1, busy=0),
        ("h2", "c"): NodeUsage(vcpus=2, memory_mb=512, disk_gb=15, servers=1, busy=0),
    }
    assert set(some) == {("h2", "c")}
    assert none == {}


def test_servers_of_hosts_are_living_ones(cell_database: Database) -> None:
    with cell_database.write() as tx:
        kept = [add_server(tx, host="h1", node="a").uuid for _ in range(2)]
        add_server(tx, host="h1", node="a", deleted=1)
        add_server(tx, host="h2", node="b")
        assert [one.uuid for one in compute_nodes.servers_on_hosts(tx, ["h1"])] == kept
        assert compute_nodes.count_servers(tx, "h1") == 2
        assert compute_nodes.count_servers(tx, "h9") == 0


def test_servers_without_an_image_property_on_nodes_of_a_type(cell_database: Database) -> None:
    with cell_database.write() as tx:
        for host, kind in (("host1", "QEMU"), ("host2", "fake")):
            compute_nodes.report(tx, host, facts(host, hypervisor_type=kind))
        on_first: dict[str, Any] = {"host": "host1", "node": "host1"}
        bare = add_server(tx, **on_first)
        other = add_server(tx, **on_first, image_properties={"os_type": "hw_machine_type"})
        add_server(tx, **on_first, image_properties={"hw_machine_type": "q35"})
        add_server(tx, host="host2", node="host2")
        add_server(tx, host="host1", node="lost")
        add_server(tx)
        gone = add_server(tx, **on_first)
        servers.mark_deleted(tx, gone.uuid, now=NOW)
    with cell_database.read() as tx:
        found = server_scan.without_image_property(tx, "hw_machine_type", hypervisor_type="QEMU")
    assert list(found) == [bare.uuid, other.uuid]


def test_a_report_tells_the_hardware_and_takes_it_back(cell_database: Database) -> None:
    hardware = Hardware(
        cells=(HostCell(0, (0, 1), (2, 3), (Pages(4, 1024),), ((0, 1), (2, 3)), 0),),
        devices=(PciDevice("0000:81:00.1", "8086", "154c", DeviceType.VF, 0, "0000:81:00.0"),),
        cpu_ratio=4.0,
    )
    for reported in (hardware, None):
        with cell_database.write() as tx:
            compute_nodes.report(tx, "host1", facts(hardware=reported))
        with cell_database.read() as tx:
            stored = tx.execute(sa.select(models.hardware)).scalar_one()
        assert (None if stored is None else msgspec.convert(stored, Hardware)) == reported
