"""The cell's conductor as a compute reaches it: over the cell's bus, never a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwork.context import RequestContext
from nova.conductor.messages import (
    AskUnwanted,
    ClaimHardware,
    ConfirmOverdue,
    NodeIdentity,
    RegisterCompute,
    ReportAlive,
    ReportNodes,
    Standing,
)
from nova.domain.hardware import Pins
from nova.rpc.bus import Address, Bus
from nova.saga.messages import CONDUCTOR_TOPIC, ClaimStep, StepFailed, StepSucceeded
from nova.saga.operation import Claimant, Failure, Order, Outcome
from nova.virt.driver import NodeFacts


class ConductorDoor:
    """Calls to any conductor of the cell. All raise ``Unavailable`` (or ``Late``) when none answers."""

    def __init__(self, bus: Bus, *, timeout_s: float) -> None:
        self._bus = bus
        self._timeout_s = timeout_s

    def claim(self, operation_id: int, claimant: Claimant) -> Order | None:
        """See :class:`nova.saga.worker.Door`."""
        found: Order | None = self._call(ClaimStep(operation_id=operation_id, claimant=claimant))
        return found

    def succeeded(self, order: Order, outcome: Outcome, claimant: Claimant) -> Order | None:
        """See :class:`nova.saga.worker.Door`."""
        found: Order | None = self._call(
            StepSucceeded(order=order, outcome=outcome, claimant=claimant), order
        )
        return found

    def failed(self, order: Order, failure: Failure, claimant: Claimant) -> Order | None:
        """See :class:`nova.saga.worker.Door`."""
        found: Order | None = self._call(
            StepFailed(order=order, failure=failure, claimant=claimant), order
        )
        return found

    def register(self, host: str, incarnation: str, *, version: int, enabled: bool) -> Standing:
        """Take over the host's service row."""
        standing: Standing = self._call(
            RegisterCompute(
                host=host, incarnation=incarnation, version=version, is_enabled_when_new=enabled
            )
        )
        return standing

    def report_alive(self, host: str, incarnation: str) -> Standing:
        """Say that this incarnation lives."""
        standing: Standing = self._call(ReportAlive(host=host, incarnation=incarnation))
        return standing

    def report_nodes(self, host: str, nodes: Sequence[NodeFacts]) -> tuple[NodeIdentity, ...]:
        """Tell what the hypervisors are; their identities, in the same order."""
        found: tuple[NodeIdentity, ...] = self._call(ReportNodes(host=host, nodes=tuple(nodes)))
        return found

    def unwanted(self, host: str, guests: Sequence[str]) -> tuple[str, ...]:
        """Which of these guests the cell does not place on this host."""
        found: tuple[str, ...] = self._call(AskUnwanted(host=host, guests=tuple(guests)))
        return found

    def claim_hardware(self, message: ClaimHardware) -> Pins:
        """Give a server its part of this host. :raises HardwareTaken: it does not fit (any more)."""
        pins: Pins = self._call(message)
        return pins

    def confirm_overdue(self, host: str, window_s: int) -> int:
        """Confirm moves to this host that nobody has answered for so many seconds; how many were begun."""
        begun: int = self._call(ConfirmOverdue(host=host, window_s=window_s))
        return begun

    def _call(self, message: Any, order: Order | None = None) -> Any:
        context = RequestContext.from_dict(dict(order.request)) if order else RequestContext.admin()
        return self._bus.call(context, Address(CONDUCTOR_TOPIC), message, timeout_s=self._timeout_s)
