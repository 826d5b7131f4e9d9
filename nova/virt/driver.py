"""What every hypervisor driver can do: a small required core, and protocols for what only some can
do.

Rules of the house for drivers:

- Every call is keyed by the server's uuid and may be repeated: the second time finds the work done.
- Answers say what is, not what was asked for or remembered. A restarted driver answers as the old
  one did.
- Calls come from several threads at once, for different servers; for one server they come one after
  the other, except ``destroy``, which may overtake a ``spawn``.
- An ability beyond the core is a protocol of its own below. A driver has it by having its methods,
  and nobody has to call a method to learn that it is not there.
- Failures are kinds of ``groundwork.errors`` with a sentence that the tenant may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from nova.domain.console import ConsoleEndpoint, ConsoleType
from nova.domain.hardware import Hardware
from nova.virt.guest import GuestSpec, GuestState
from nova.virt.provider_tree import ProviderTree


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the API shows about a node: as in ``GET /os-hypervisors/{id}``.

    ``hypervisor_version`` is a number that grows with the release (1002003 for 1.2.3). ``uptime``
    is a line as ``uptime(1)`` prints it, None when the hypervisor cannot tell. ``metrics`` is what
    the host's monitors measured, by metric; a driver leaves it empty. ``hardware`` is every NUMA
    node with all of its CPUs as shared ones, and every PCI device of the machine; None when the
    hypervisor pins nothing. What of it is offered is the operator's to say.
    """

    hypervisor_type: str
    hypervisor_version: int
    hypervisor_hostname: str
    host_ip: str
    cpu_info: Mapping[str, Any]
    vcpus: int
    memory_mb: int
    local_gb: int
    uptime: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    hardware: Hardware | None = None


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """What the CPUs of a node have spent their time with, all of them added up, in nanoseconds.

    Counters: they only grow, and begin anew when the machine does. ``frequency_mhz`` is the present
    one, None when the hypervisor cannot tell.
    """

    user_ns: int
    kernel_ns: int
    iowait_ns: int
    idle_ns: int
    frequency_mhz: int | None = None


class Driver(Protocol):
    """The required core."""

    @property
    def name(self) -> str:
        """Short name for logs and metrics, such as ``fake``."""

    def start(self) -> None:
        """Connect to the hypervisor and clear what an earlier process left half-written; before any
        other call.

        :raises Unavailable: the hypervisor cannot be used now; trying again later may succeed.
        """

    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes that this host drives now, sorted; they may come and go while the
        process runs.
        """

    def node_facts(self, node: str) -> NodeFacts:
        """:raises NotFound: no such node (any more)."""

    def update_provider_tree(self, tree: ProviderTree, node: str) -> None:
        """Edit inventories and traits of ``node`` (the root of ``tree``) and of what is below it to
        what is true now.

        Overcommit and reservations are the operator's and stay None. Called again with a fresh tree
        when somebody else changed Placement in between, so it keeps nothing between calls.

        :raises NotFound: no such node (any more).
        """

    def guests(self) -> tuple[GuestState, ...]:
        """All guests of this host, half-made ones too, sorted by uuid."""

    def guest(self, uuid: str) -> GuestState | None:
        """The guest as it is now, None when there is none."""

    def spawn(self, guest: GuestSpec) -> None:
        """Make the guest exist and run; one that was begun before is completed, one that is
        complete is left alone.

        After a failure something half-made may remain: ``destroy`` clears it.

        :raises Conflict: the guest was destroyed while it was being made.
        :raises NotFound: no such node.
        """

    def destroy(self, uuid: str) -> None:
        """Make sure that nothing of the guest is left; a guest that is not there is success."""


@runtime_checkable
class ImageCache(Protocol):
    """A driver that can fetch images before a guest needs them."""

    def cache_image(self, image_id: str) -> None:
        """Make sure that the image is on the host; one that is there already is success.

        :raises Unavailable: it cannot be fetched now.
        """


@runtime_checkable
class PowerControl(Protocol):
    """A driver that can switch its guests on and off.

    All raise ``NotFound`` for a guest that is not there.
    """

    def power_on(self, uuid: str) -> None:
        """Run the guest; nothing happens when it runs."""

    def power_off(self, uuid: str) -> None:
        """Stop the guest and keep its disks; nothing happens when it is off."""

    def reboot(self, uuid: str) -> None:
        """Restart the guest; one that is off is started."""


@runtime_checkable
class ColdMoves(Protocol):
    """A driver whose guests can be moved to another host (or another flavor on the same one) while they are off, and
    taken back until that is confirmed.

    At the source the guest is put *aside*: it keeps its disk, stays off, and ``guests`` goes on telling of it.
    ``destroy`` clears it with everything else.
    """

    def hand_off(self, uuid: str) -> Mapping[str, Any]:
        """Stop the guest, put it aside, and give what the destination needs of it, as JSON.

        :raises NotFound: no such guest.
        """

    def take_over(self, guest: GuestSpec, disk: Mapping[str, Any], *, running: bool) -> None:
        """Make the guest out of what ``hand_off`` gave; one that is there already is left alone.

        :raises NotFound: no such node.
        """

    def discard_arrival(self, uuid: str) -> None:
        """Remove the guest that was taken over, and nothing of what is aside."""

    def restore(self, uuid: str, *, running: bool) -> None:
        """Let what is aside be the guest again, in place of one that was taken over on the same host.

        A guest of which nothing is aside is the guest already; it is only switched on or off.

        :raises NotFound: no such guest.
        """

    def forget_origin(self, uuid: str) -> None:
        """Remove what is aside, and nothing else."""


@runtime_checkable
class VolumeExtension(Protocol):
    """A driver whose running guests can see that a volume has grown."""

    def extend_volume(self, uuid: str, volume_id: str) -> None:
        """Let the guest see the present size of an attached volume.

        :raises NotFound: no such guest.
        """


@runtime_checkable
class VolumeHost(Protocol):
    """A driver whose guests can have volumes: ``spawn`` connects those of the ``GuestSpec``, and ``destroy`` lets go of
    them.
    """

    def volume_connector(self) -> Mapping[str, Any]:
        """Who this host is to storage: what Cinder needs to let it in (``host``, ``ip``, ``initiator`` ...)."""


@runtime_checkable
class Consoles(Protocol):
    """A driver whose guests have consoles that proxies can reach."""

    def console(self, uuid: str, console_type: ConsoleType) -> ConsoleEndpoint:
        """Where the guest's console of this type listens now.

        :raises NotFound: no such guest.
        :raises NotSupported: guests of this driver have no such console.
        """


@runtime_checkable
class CpuCounters(Protocol):
    """A driver that can tell how busy the CPUs of its nodes are."""

    def cpu_times(self, node: str) -> CpuTimes:
        """The counters as they are now.

        :raises NotFound: no such node (any more).
        :raises Unavailable: the hypervisor does not answer.
        """
