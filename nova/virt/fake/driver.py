"""The fake hypervisor as a driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oslo_config import cfg

from groundwork.errors import Conflict, Invalid, NotFound
from nova.conf import fake_driver as fake_driver_conf
from nova.domain.console import ConsoleEndpoint, ConsoleType
from nova.virt.driver import CpuTimes, NodeFacts
from nova.virt.fake.cpu import CpuMeter
from nova.virt.fake.faults import Fault, FaultPlan, parse_fault
from nova.virt.fake.guest_files import GuestFiles, GuestRecord
from nova.virt.fake.hardware import make_hardware
from nova.virt.fake.moves import GuestMoves
from nova.virt.guest import GuestSpec, GuestState, PowerState
from nova.virt.provider_tree import Inventory, ProviderTree

# The families of traits in which this driver alone decides; ``[fake_driver] traits`` may name
# others, to be added only.
_OWN_TRAITS = ("COMPUTE_IMAGE_TYPE_", "CUSTOM_FAKE_")
_THREADS = "HW_CPU_HYPERTHREADING"
_IMAGE_TYPES = ("COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_QCOW2")


@dataclass(frozen=True, slots=True)
class FakeOptions:
    """What the operator decides about a fake host. Capacity is that of each node; delays are in
    seconds.
    """

    host: str
    directory: Path
    host_ip: str = "127.0.0.1"
    nodes: tuple[str, ...] = ()
    vcpus: int = 64
    memory_mb: int = 131072
    local_gb: int = 2048
    numa_cells: int = 0
    cpu_threads: int = 1
    huge_pages: tuple[str, ...] = ()
    pci_devices: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    spawn_delay_s: float = 0.0
    destroy_delay_s: float = 0.0
    power_delay_s: float = 0.0
    faults: tuple[Fault, ...] = ()


def options_from_conf(conf: cfg.ConfigOpts, *, host: str) -> FakeOptions:
    """Read ``[fake_driver]``, ``state_path`` and ``my_ip``.

    :raises Invalid: an option makes no sense.
    """
    conf.register_opts(fake_driver_conf.OPTIONS, group=fake_driver_conf.GROUP)
    group = conf[fake_driver_conf.GROUP]
    if "/" in host or host in ("", ".", ".."):
        raise Invalid(
            f"host = {host!r}: the fake hypervisor keeps guests in a directory of that name."
        )
    return FakeOptions(
        host=host,
        directory=Path(conf.state_path, "fake-hypervisor", host),
        host_ip=conf.my_ip,
        nodes=tuple(group.nodes),
        vcpus=group.vcpus,
        memory_mb=group.memory_mb,
        local_gb=group.local_gb,
        numa_cells=group.numa_cells,
        cpu_threads=group.cpu_threads,
        huge_pages=tuple(group.huge_pages),
        pci_devices=tuple(group.pci_devices),
        traits=tuple(group.traits),
        spawn_delay_s=group.spawn_delay,
        destroy_delay_s=group.destroy_delay,
        power_delay_s=group.power_delay,
        faults=tuple(parse_fault(text) for text in group.fail_steps),
    )


class FakeDriver(GuestMoves):
    """A driver whose guests are files. It takes time and fails as ordered, and never refuses a
    guest for lack of room: the claim in Placement is the only guard, and a guest too many should
    show.
    """

    name = "fake"

    def __init__(
        self,
        options: FakeOptions,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """:raises Invalid: the options describe no machine."""
        self._options = options
        self._hardware = make_hardware(
            cells=options.numa_cells,
            vcpus=options.vcpus,
            memory_mb=options.memory_mb,
            threads=options.cpu_threads,
            huge_pages=options.huge_pages,
            devices=options.pci_devices,
        )
        self._files = GuestFiles(options.directory)
        self._faults = FaultPlan(options.faults, host=options.host)
        self._nodes = tuple(sorted(options.nodes)) or (options.host,)
        self._sleep = sleep
        self._clock = clock
        self._started_at = clock()
        self._cpus = {
            node: CpuMeter(vcpus=options.vcpus, started_at=self._started_at) for node in self._nodes
        }

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, *, host: str) -> FakeDriver:
        """The driver for ``host`` as the operator configured it."""
        return cls(options_from_conf(conf, host=host))

    def start(self) -> None:
        """See ``Driver``."""
        self._faults.strike("start")
        self._files.prepare()

    # What is there.

    def nodes(self) -> tuple[str, ...]:
        """The configured nodes; the host itself when none are configured."""
        return self._nodes

    def node_facts(self, node: str) -> NodeFacts:
        """See ``Driver``."""
        self._check_node(node)
        options = self._options
        return NodeFacts(
            hypervisor_type="fake",
            hypervisor_version=1000000,
            hypervisor_hostname=node,
            host_ip=options.host_ip,
            cpu_info={
                "arch": "x86_64",
                "model": "fake",
                "vendor": "fake",
                "features": [],
                "topology": {
                    "sockets": max(1, options.numa_cells),
                    "cores": options.vcpus // max(1, options.numa_cells) // options.cpu_threads,
                    "threads": options.cpu_threads,
                },
            },
            vcpus=options.vcpus,
            memory_mb=options.memory_mb,
            local_gb=options.local_gb,
            uptime=_uptime_line(self._started_at, self._clock()),
            hardware=self._hardware,
        )

    def cpu_times(self, node: str) -> CpuTimes:
        """See ``CpuCounters``; what the guests that run now would have used since the last call."""
        self._check_node(node)
        running = (
            record.vcpus
            for record in self._files.read_all()
            if record.node == node and record.power_state is PowerState.RUNNING
        )
        return self._cpus[node].read(running_vcpus=sum(running), now=self._clock())

    def update_provider_tree(self, tree: ProviderTree, node: str) -> None:
        """See ``Driver``."""
        self._faults.strike("inventory")
        self._check_node(node)
        totals = {
            "VCPU": self._options.vcpus,
            "MEMORY_MB": self._options.memory_mb,
            "DISK_GB": self._options.local_gb,
        }
        # Placement knows no inventory of nothing: a class with none of it is left out.
        tree.set_inventories(node, {name: Inventory(n) for name, n in totals.items() if n > 0})
        traits = [*_IMAGE_TYPES, *self._options.traits]
        if self._options.cpu_threads > 1:
            traits.append(_THREADS)
        tree.set_traits(node, traits, within=(*_OWN_TRAITS, _THREADS))

    def guests(self) -> tuple[GuestState, ...]:
        """See ``Driver``."""
        found = dict.fromkeys(self._files.all_aside(), PowerState.SHUTDOWN)
        found |= {record.uuid: record.power_state for record in self._files.read_all()}
        return tuple(GuestState(uuid, found[uuid]) for uuid in sorted(found))

    def guest(self, uuid: str) -> GuestState | None:
        """See ``Driver``."""
        record = self._files.read(uuid) or self._files.read_aside(uuid)
        return GuestState(record.uuid, record.power_state) if record else None

    # What is done.

    def spawn(self, guest: GuestSpec) -> None:
        """See ``Driver``. A failure on order leaves a half-made guest, as a real one would."""
        self._check_node(guest.node)
        with self._files.locked():
            present = self._files.read(guest.uuid)
            if present is not None and present.is_complete:
                return
            self._files.write(GuestRecord.begun(guest))

        self._wait(self._options.spawn_delay_s)
        self._faults.strike("spawn", guest.uuid)

        # The lock is not held while waiting, so a destroy may have come in between: then the guest
        # stays away, or the deleted server would leave a guest that nobody owns.
        with self._files.locked():
            present = self._files.read(guest.uuid)
            if present is None:
                raise Conflict(f"Guest {guest.uuid} was destroyed while it was being made.")
            if not present.is_complete:
                self._files.write(replace(GuestRecord.begun(guest), power_state=PowerState.RUNNING))

    def destroy(self, uuid: str) -> None:
        """See ``Driver``."""
        if self._files.read(uuid) is not None:
            self._wait(self._options.destroy_delay_s)
        self._faults.strike("destroy", uuid)
        with self._files.locked():
            self._files.remove(uuid)
            self._files.remove_aside(uuid)

    def cache_image(self, image_id: str) -> None:
        """See ``ImageCache``. There are no bytes to fetch: the id is noted."""
        self._faults.strike("cache_image", image_id)
        self._files.note_image(image_id)

    def cached_images(self) -> tuple[str, ...]:
        """The images that were asked for so far, sorted."""
        return self._files.noted_images()

    def power_on(self, uuid: str) -> None:
        """See ``PowerControl``."""
        self._switch("power_on", uuid, PowerState.RUNNING)

    def power_off(self, uuid: str) -> None:
        """See ``PowerControl``."""
        self._switch("power_off", uuid, PowerState.SHUTDOWN)

    def reboot(self, uuid: str) -> None:
        """See ``PowerControl``."""
        self._switch("reboot", uuid, PowerState.RUNNING)

    def extend_volume(self, uuid: str, volume_id: str) -> None:
        """See ``VolumeExtension``; kept on the guest's file."""
        self._faults.strike("extend_volume", uuid)
        with self._files.locked():
            record = self._complete(uuid)
            seen = sorted({*record.extended_volumes, volume_id})
            self._files.write(replace(record, extended_volumes=tuple(seen)))

    def volume_connector(self) -> Mapping[str, Any]:
        """See ``VolumeHost``."""
        host = self._options.host
        return {"host": host, "ip": self._options.host_ip, "initiator": f"iqn.fake:{host}"}

    def console(self, uuid: str, console_type: ConsoleType) -> ConsoleEndpoint:
        """See ``Consoles``. Guests have them of every type; nobody listens there."""
        self._complete(uuid)
        return ConsoleEndpoint(
            port=6969,
            tls_port=6970 if console_type is ConsoleType.SPICE_DIRECT else None,
            internal_access_path=uuid if console_type is ConsoleType.WEBMKS else None,
        )

    def _switch(self, step: str, uuid: str, power_state: PowerState) -> None:
        self._wait(self._options.power_delay_s)
        self._faults.strike(step, uuid)
        with self._files.locked():
            self._files.write(replace(self._complete(uuid), power_state=power_state))

    def _complete(self, uuid: str) -> GuestRecord:
        record = self._files.read(uuid)
        if record is None:
            raise NotFound(f"Guest {uuid} is not on this host.")
        if not record.is_complete:
            raise Conflict(f"Guest {uuid} is not complete.")
        return record

    def _check_node(self, node: str) -> None:
        if node not in self._nodes:
            raise NotFound(f"Node {node} is not on host {self._options.host}.", node=node)

    def _wait(self, delay_s: float) -> None:
        if delay_s > 0:
            self._sleep(delay_s)


def _uptime_line(started_at: float, now: float) -> str:
    """As ``uptime(1)``, for the time since the driver was made; the fake hypervisor has no load."""
    minutes, days = int(now - started_at) // 60 % 1440, int(now - started_at) // 86400
    clock = time.strftime("%H:%M:%S", time.gmtime(now))
    up = f"{days} days, {minutes // 60}:{minutes % 60:02}"
    return f" {clock} up {up}, 0 users, load average: 0.00, 0.00, 0.00"
