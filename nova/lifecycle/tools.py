"""What steps are given to work with, one kind per place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from groundwork.context import RequestContext
from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.scatter import Scatter
from nova.cells.target import Targets
from nova.clients.placement import Placement
from nova.clients.volumes import Attachments
from nova.domain.hardware import NO_PINS, Pins
from nova.domain.injected_file import InjectedFile
from nova.domain.numa import NumaRequest, PciRequest
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import ServerSelection
from nova.domain.server import Server
from nova.saga.journal import Journal
from nova.virt.driver import Driver
from nova.virt.guest import GuestSpec


class Scheduling(Protocol):
    """The scheduler, wherever it runs."""

    def select(
        self,
        context: RequestContext,
        spec: RequestSpec,
        servers: Sequence[str],
    ) -> Sequence[ServerSelection]:
        """A claimed host for each server, in their order.

        :raises NoValidHost: for at least one there is none; no claim is left then.
        :raises Unavailable: the scheduler does not answer.
        """


class DescribesGuests(Protocol):
    """Turns servers of a host into what its driver is told."""

    def __call__(
        self,
        server: Server,
        admin_password: str | None,
        pins: Pins = NO_PINS,
        *,
        files: tuple[InjectedFile, ...] = (),
    ) -> GuestSpec:
        """All that the driver needs to make the guest; ``pins`` is what it holds of the host by number."""


class HardwareClaims(Protocol):
    """What servers hold of this host by number; kept in the cell's database."""

    def claim(self, server: Server, numa: NumaRequest | None, pci: tuple[PciRequest, ...]) -> Pins:
        """What the server holds of its node; the same when it is asked again.

        :raises HardwareTaken: what is left is not enough.
        :raises Unavailable: no conductor answers.
        """


@dataclass(frozen=True, slots=True)
class SuperTools:
    """The super-conductor's: the API database, every cell, the scheduler."""

    api_database: Database
    registry: Registry
    targets: Targets
    scatter: Scatter
    scheduling: Scheduling
    placement: Placement
    #: The journal of a cell (cell0 too), able to hint into it.
    journal_of: Callable[[str], Journal]
    #: None without a block storage service.
    attachments: Attachments | None = None


@dataclass(frozen=True, slots=True)
class CellTools:
    """A cell conductor's: its own database and the services reached over REST. Nothing above the cell."""

    database: Database
    placement: Placement
    attachments: Attachments | None = None


@dataclass(frozen=True, slots=True)
class HostTools:
    """A compute service's: its driver; no database at all."""

    driver: Driver
    describe_guest: DescribesGuests
    hardware: HardwareClaims
    #: Held while a guest is made: bounds the builds of a host.
    build_slot: AbstractContextManager[object]
    attachments: Attachments | None = None
