"""The compute service of one host."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from groundwork.context import RequestContext
from groundwork.errors import Problem, Unavailable
from nova.compute.conductor_door import ConductorDoor
from nova.compute.consoles import ConsoleDoor
from nova.compute.external_events import ExternalEvents
from nova.compute.hardware import HardwarePolicy
from nova.compute.inventory import InventoryReporter
from nova.compute.monitors import Monitors
from nova.domain.console import ConsoleAccess
from nova.domain.service_versions import SERVICE_VERSION
from nova.lifecycle.host_messages import CacheImages, OpenConsole, TakeExternalEvents
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.tools import HostTools
from nova.periodic import Periodic
from nova.rpc.bus import Address, Bus
from nova.saga.hints import BusHinter
from nova.saga.messages import COMPUTE_TOPIC, LookAt
from nova.saga.operation import COMPUTES, Claimant, Place
from nova.saga.worker import LOOK_AGAIN_S, Worker
from nova.service import Identity
from nova.virt.driver import Driver, ImageCache, NodeFacts

LOG = logging.getLogger(__name__)

# Seconds between two looks at resizes that nobody answers. Longer makes the operator's window so much less exact.
CONFIRM_LOOK_S = 5.0


class ComputeEndpoint:
    """What conductors and API processes may ask of a compute service."""

    def __init__(
        self,
        *,
        worker: Worker,
        driver: Driver,
        external_events: ExternalEvents,
        consoles: ConsoleDoor,
    ) -> None:
        self._worker = worker
        self._driver = driver
        self._external_events = external_events
        self._consoles = consoles

    def look_at(self, context: RequestContext, message: LookAt) -> None:
        """Run what waits at this host."""
        self._worker.look_at(message.operation_ids)

    def take_external_events(self, context: RequestContext, message: TakeExternalEvents) -> None:
        """Tell those who wait for these events, and let the driver act."""
        for event in message.events:
            self._external_events.take(event)

    def open_console(self, context: RequestContext, message: OpenConsole) -> ConsoleAccess:
        """Say how clients get to a console."""
        return self._consoles.open(message.server_uuid, message.console_type)

    def cache_images(self, context: RequestContext, message: CacheImages) -> None:
        """Fetch images ahead of need; one that cannot be fetched does not keep the others back."""
        if not isinstance(self._driver, ImageCache):
            LOG.info("driver %s keeps no images, none is fetched", self._driver.name)
            return
        for image_id in message.image_ids:
            try:
                self._driver.cache_image(image_id)
            except Problem as problem:
                LOG.warning(
                    "image %s cannot be fetched: %s %s", image_id, problem, problem.internal
                )


class ComputeAgent:
    """The daemon: step worker, life signs, inventory reports, and the audit of guests."""

    def __init__(
        self,
        *,
        identity: Identity,
        driver: Driver,
        bus: Bus,
        door: ConductorDoor,
        inventory: InventoryReporter,
        monitors: Monitors,
        hardware: HardwarePolicy,
        tools: HostTools,
        external_events: ExternalEvents,
        consoles: ConsoleDoor,
        threads: int,
        report_interval_s: float,
        resources_interval_s: float,
        enable_new_services: bool,
        resize_confirm_window_s: int = 0,
    ) -> None:
        """``resize_confirm_window_s``: after which moves to this host are confirmed unasked; 0: never."""
        self._identity = identity
        self._driver = driver
        self._door = door
        self._inventory = inventory
        self._monitors = monitors
        self._hardware = hardware
        self._enable_new = enable_new_services
        self._is_disabled = False
        self._reported = threading.Event()
        self._hinter = BusHinter(bus)
        self._worker = Worker(
            door=door,
            operations=OPERATIONS,
            claimant=Claimant(
                identity.owner,
                identity.incarnation,
                COMPUTES,
                identity.host,
            ),
            tools=tools,
        )
        self._server = bus.serve(
            Address(COMPUTE_TOPIC, server=identity.host),
            ComputeEndpoint(
                worker=self._worker,
                driver=driver,
                external_events=external_events,
                consoles=consoles,
            ),
            threads=threads,
        )
        self._resources = Periodic("compute-resources", resources_interval_s, self._report)
        self._alive = Periodic("compute-report", report_interval_s, self._report_alive)
        self._again = Periodic("compute-look-again", LOOK_AGAIN_S, self._look_again)
        self._confirm_window_s = resize_confirm_window_s
        self._confirm = Periodic("compute-confirm", CONFIRM_LOOK_S, self._confirm_overdue)

    def start(self) -> None:
        """Connect to the hypervisor, take over from an earlier incarnation, then serve."""
        self._driver.start()
        self._server.start()
        try:
            self._register()
        except Unavailable as absent:
            # The first report registers; until then the host is not chosen for anything.
            LOG.warning("no conductor answers yet, trying again: %s", absent)
        self._alive.start()
        self._again.start()
        self._resources.start()
        if self._confirm_window_s:
            self._confirm.start()

    def stop(self) -> None:
        """Finish the steps in hand."""
        self._confirm.stop()
        self._resources.stop()
        self._again.stop()
        self._alive.stop()
        self._server.stop()

    def wait_reported(self, timeout_s: float) -> bool:
        """Whether the host's inventory has reached Placement, waiting for it at most that long."""
        return self._reported.wait(timeout_s)

    def _register(self) -> None:
        me = self._identity
        standing = self._door.register(
            me.host, me.incarnation, version=SERVICE_VERSION, enabled=self._enable_new
        )
        self._is_disabled = standing.is_disabled

    def _report_alive(self) -> None:
        me = self._identity
        standing = self._door.report_alive(me.host, me.incarnation)
        if not standing.is_current:
            LOG.warning("the cell has lost or replaced the record of host %s; registering", me.host)
            self._register()
        elif standing.is_disabled != self._is_disabled:
            self._is_disabled = standing.is_disabled
            self._resources.poke()

    def _look_again(self) -> None:
        """By hints to itself, so that they share the threads and the pace of all other steps."""
        me = self._identity
        self._worker.look_again(lambda each: self._hinter.hint(Place.HOST, me.host, each))

    def _confirm_overdue(self) -> None:
        begun = self._door.confirm_overdue(self._identity.host, self._confirm_window_s)
        if begun:
            LOG.info("%d resizes to %s are confirmed unasked", begun, self._identity.host)

    def _report(self) -> None:
        """Tell the cell and Placement what the host has, and remove guests that belong elsewhere."""
        facts = [self._facts(node) for node in self._driver.nodes()]
        for node in self._door.report_nodes(self._identity.host, facts):
            self._inventory.report(node.uuid, node.name, disabled=self._is_disabled)
        self._reported.set()
        self._remove_unwanted()

    def _facts(self, node: str) -> NodeFacts:
        facts = self._driver.node_facts(node)
        return replace(
            facts,
            metrics=self._monitors.measure(node),
            hardware=self._hardware.offered(facts.hardware),
        )

    def _remove_unwanted(self) -> None:
        """Destroy guests whose server was deleted or moved while this host could not be reached.

        The guests are listed before the cell is asked: a server that arrives in between is not in the list yet.
        """
        guests = [guest.uuid for guest in self._driver.guests()]
        if not guests:
            return
        for uuid in self._door.unwanted(self._identity.host, guests):
            LOG.warning(
                "guest %s does not belong on host %s: removing it", uuid, self._identity.host
            )
            self._driver.destroy(uuid)
