"""The hosts of the plane: a hypervisor each, and what their computes give to steps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from groundwork.context import RequestContext
from nova.clients.volumes import Attachments
from nova.compute.guest_spec import GuestDescriber
from nova.compute.hardware import HostHardware
from nova.conductor.cell import CellEndpoint
from nova.conductor.messages import ClaimHardware
from nova.domain.hardware import Hardware, Pins
from nova.lifecycle.tools import HostTools
from nova.saga.journal import Journal
from nova.virt.driver import NodeFacts
from nova.virt.guest import GuestSpec, GuestState, PowerState


@dataclass
class Hypervisor:
    """A driver that keeps its guests in a dictionary."""

    found: dict[str, GuestSpec] = field(default_factory=dict)
    aside: dict[str, GuestSpec] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    name: str = "model"
    host: str = ""

    def spawn(self, guest: GuestSpec) -> None:
        self.found[guest.uuid] = guest

    def destroy(self, uuid: str) -> None:
        self.found.pop(uuid, None)
        self.aside.pop(uuid, None)

    def volume_connector(self) -> dict[str, Any]:
        return {"host": self.host}

    def guest(self, uuid: str) -> GuestState | None:
        if uuid not in self.found:
            return GuestState(uuid, PowerState.SHUTDOWN) if uuid in self.aside else None
        return GuestState(uuid, PowerState.SHUTDOWN if uuid in self.off else PowerState.RUNNING)

    # ColdMoves

    def hand_off(self, uuid: str) -> Mapping[str, Any]:
        if uuid not in self.aside:
            self.aside[uuid] = self.found.pop(uuid)
        return {"image_id": self.aside[uuid].image_id}

    def take_over(self, guest: GuestSpec, disk: Mapping[str, Any], *, running: bool) -> None:
        assert disk["image_id"] == guest.image_id
        self.found.setdefault(guest.uuid, guest)
        self._switch(guest.uuid, running=running)

    def discard_arrival(self, uuid: str) -> None:
        self.found.pop(uuid, None)

    def restore(self, uuid: str, *, running: bool) -> None:
        if uuid in self.aside:
            self.found[uuid] = self.aside.pop(uuid)
        assert uuid in self.found, "the guest is lost"
        self._switch(uuid, running=running)

    def forget_origin(self, uuid: str) -> None:
        self.aside.pop(uuid, None)

    def _switch(self, uuid: str, *, running: bool) -> None:
        (self.off.discard if running else self.off.add)(uuid)

    def node_facts(self, node: str) -> NodeFacts:
        return NodeFacts("model", 1, node, "127.0.0.1", {}, 4, 4096, 100)


@dataclass
class HardwareDoor:
    """The conductor's door, as far as hardware is claimed at it."""

    journal: Journal

    def claim_hardware(self, message: ClaimHardware) -> Pins:
        endpoint = CellEndpoint(
            database=self.journal.database,
            journal=self.journal,
            worker=None,  # type: ignore[arg-type]
        )
        return endpoint.claim_hardware(RequestContext.admin(), message)


@dataclass
class Offering:
    """A policy that offers this, whatever the driver tells."""

    hardware: Hardware | None

    def offered(self, _hardware: Hardware | None) -> Hardware | None:
        return self.hardware


def host_tools(
    hypervisor: Hypervisor,
    journal: Journal,
    *,
    offered: Hardware | None,
    attachments: Attachments,
) -> HostTools:
    """What a compute gives to its steps; ``journal`` is its cell's."""
    driver: Any = hypervisor
    describer = GuestDescriber(instance_name_template="instance-%08x")
    return HostTools(
        driver=driver,
        describe_guest=describer.describe,
        hardware=HostHardware(
            driver=driver,
            door=HardwareDoor(journal),  # type: ignore[arg-type]
            policy=Offering(offered),  # type: ignore[arg-type]
        ),
        build_slot=nullcontext(),
        attachments=attachments,
    )
