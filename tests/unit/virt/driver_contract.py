"""What every driver must do. A driver's tests subclass ``DriverContract`` and give the two fixtures that it needs."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from groundwork.errors import NotFound
from nova.virt.driver import CpuCounters, Driver, PowerControl, VolumeExtension
from nova.virt.guest import GuestSpec, PowerState
from nova.virt.provider_tree import Provider, ProviderTree


def make_spec(node: str, **changes: object) -> GuestSpec:
    """A small guest for ``node``."""
    spec = GuestSpec(
        uuid=str(uuid4()),
        name="web",
        instance_name="instance-00000001",
        project_id="p",
        user_id="u",
        node=node,
        vcpus=1,
        memory_mb=64,
        root_gb=1,
        ephemeral_gb=0,
        swap_mb=0,
        hostname="web",
        image_id="70a599e0-31e7-49b7-b260-868f441e862b",
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


class DriverContract:
    """Subclasses give ``driver`` (started) and ``restarted`` (makes another driver of the same host, started)."""

    def test_nodes_are_sorted_and_have_facts(self, driver: Driver) -> None:
        assert list(driver.nodes()) == sorted(driver.nodes()) != []
        for node in driver.nodes():
            facts = driver.node_facts(node)
            assert facts.hypervisor_hostname == node
            assert facts.hypervisor_version > 0
            assert facts.hypervisor_type

    def test_strange_node_is_not_found(self, driver: Driver) -> None:
        with pytest.raises(NotFound):
            driver.node_facts("no-such-node")
        with pytest.raises(NotFound):
            driver.spawn(make_spec("no-such-node"))
        assert driver.guests() == ()

    def test_tree_agrees_with_facts_and_is_the_same_twice(self, driver: Driver) -> None:
        node = driver.nodes()[0]
        trees = [ProviderTree([Provider(str(UUID(int=1)), node)]) for _ in range(2)]
        for tree in trees:
            driver.update_provider_tree(tree, node)
        assert trees[0].providers() == trees[1].providers()
        root, facts = trees[0].provider(node), driver.node_facts(node)
        assert root.inventories["VCPU"].total == facts.vcpus
        assert root.inventories["MEMORY_MB"].total == facts.memory_mb

    def test_tree_keeps_what_is_of_others(self, driver: Driver) -> None:
        node, agent = driver.nodes()[0], Provider(str(UUID(int=2)), "agent", str(UUID(int=1)))
        root = Provider(str(UUID(int=1)), node, None, {}, frozenset({"CUSTOM_RACK_7"}))
        tree = ProviderTree([root, agent])
        driver.update_provider_tree(tree, node)
        assert "CUSTOM_RACK_7" in tree.provider(node).traits
        assert tree.provider("agent") == agent

    def test_spawn_makes_a_running_guest(self, driver: Driver) -> None:
        spec = make_spec(driver.nodes()[0])
        assert driver.guest(spec.uuid) is None
        driver.spawn(spec)
        state = driver.guest(spec.uuid)
        assert state is not None
        assert state.power_state is PowerState.RUNNING
        assert driver.guests() == (state,)

    def test_spawn_twice_is_one_guest(self, driver: Driver) -> None:
        spec = make_spec(driver.nodes()[0])
        driver.spawn(spec)
        driver.spawn(spec)
        assert [g.uuid for g in driver.guests()] == [spec.uuid]

    def test_destroy_twice_and_of_nothing_is_success(self, driver: Driver) -> None:
        spec = make_spec(driver.nodes()[0])
        driver.destroy(spec.uuid)
        driver.spawn(spec)
        driver.destroy(spec.uuid)
        driver.destroy(spec.uuid)
        assert driver.guest(spec.uuid) is None
        assert driver.guests() == ()

    def test_guests_are_sorted_and_survive_a_restart(self, driver: Driver, restarted) -> None:
        for _ in range(5):
            driver.spawn(make_spec(driver.nodes()[0]))
        guests = driver.guests()
        assert [g.uuid for g in guests] == sorted(g.uuid for g in guests)
        assert restarted().guests() == guests

    def test_many_threads_at_once(self, driver: Driver) -> None:
        node = driver.nodes()[0]
        specs = [make_spec(node) for _ in range(16)]
        failures: list[Exception] = []

        def work(spec: GuestSpec) -> None:
            try:
                driver.spawn(spec)
                driver.guests()
                driver.spawn(spec)
            except Exception as exc:
                failures.append(exc)

        threads = [threading.Thread(target=work, args=(spec,)) for spec in specs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []
        assert {g.uuid for g in driver.guests()} == {s.uuid for s in specs}

    def test_power_switches_and_is_the_same_after_a_restart(
        self, driver: Driver, restarted
    ) -> None:
        if not isinstance(driver, PowerControl):
            return  # The ability is optional, and having its methods is the declaration.
        spec = make_spec(driver.nodes()[0])
        with pytest.raises(NotFound):
            driver.power_off(spec.uuid)
        driver.spawn(spec)
        for switch, expected in (
            (driver.power_off, PowerState.SHUTDOWN),
            (driver.power_off, PowerState.SHUTDOWN),
            (driver.power_on, PowerState.RUNNING),
            (driver.reboot, PowerState.RUNNING),
        ):
            switch(spec.uuid)
            assert restarted().guest(spec.uuid).power_state is expected

    def test_volume_that_has_grown_is_shown_to_the_guest(self, driver: Driver) -> None:
        if not isinstance(driver, VolumeExtension):
            return  # As above.
        spec = make_spec(driver.nodes()[0])
        with pytest.raises(NotFound):
            driver.extend_volume(spec.uuid, str(uuid4()))
        driver.spawn(spec)
        volume = str(uuid4())
        for _ in range(2):
            driver.extend_volume(spec.uuid, volume)
        assert driver.guest(spec.uuid).power_state is PowerState.RUNNING

    def test_cpu_counters_only_grow(self, driver: Driver) -> None:
        if not isinstance(driver, CpuCounters):
            return  # As above.
        with pytest.raises(NotFound):
            driver.cpu_times("no-such-node")
        for node in driver.nodes():
            before = driver.cpu_times(node)
            driver.spawn(make_spec(node))
            after = driver.cpu_times(node)
            assert after.frequency_mhz is None or after.frequency_mhz > 0
            for name in ("user_ns", "kernel_ns", "iowait_ns", "idle_ns"):
                assert 0 <= getattr(before, name) <= getattr(after, name)
