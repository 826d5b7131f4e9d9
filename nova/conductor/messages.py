"""What computes say to their cell's conductor, besides the steps they run."""

from __future__ import annotations

from dataclasses import dataclass

from nova.domain.hardware import Hardware, Pins
from nova.domain.numa import NumaRequest, PciRequest
from nova.rpc.message import message
from nova.virt.driver import NodeFacts


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node as the cell knows it; ``uuid`` is also that of its resource provider."""

    name: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the cell sees a compute service."""

    #: False when another process reports as this service, or its row was removed.
    is_current: bool
    is_disabled: bool = False


@message(reply=Standing)
class RegisterCompute:
    """A compute service has started; what an earlier incarnation of it owned is orphaned now."""

    host: str
    incarnation: str
    version: int
    is_enabled_when_new: bool = True


@message(reply=Standing)
class ReportAlive:
    """The compute service lives."""

    host: str
    incarnation: str


@message(reply=tuple[NodeIdentity, ...])
class ReportNodes:
    """What the host's hypervisors are; answered with their identities, in the same order."""

    host: str
    nodes: tuple[NodeFacts, ...]


@message(reply=tuple[str, ...])
class AskUnwanted:
    """Which of these guests of mine are not mine: their server was deleted, or lives on another host now.

    Guests that the cell has never heard of are not among them: nobody may destroy what nobody knows.
    """

    host: str
    guests: tuple[str, ...]


@message(reply=Pins)
class ClaimHardware:
    """A server of this node gets what it asks for, of what the node offers and nobody else holds."""

    server: str
    host: str
    node: str
    offered: Hardware
    numa: NumaRequest | None = None
    pci: tuple[PciRequest, ...] = ()


@message(reply=int)
class ConfirmOverdue:
    """Confirm the moves to my host that have waited for an answer for so many seconds; how many were begun."""

    host: str
    window_s: int
