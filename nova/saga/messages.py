"""What workers and journals say to each other over a bus."""

from __future__ import annotations

from nova.rpc.message import message
from nova.saga.operation import Claimant, Failure, Order, Outcome

#: Topics: super-conductors (API bus); on a cell's bus its conductors, and compute services (one server per host).
SUPER_TOPIC = "super-conductor"
CONDUCTOR_TOPIC = "conductor"
COMPUTE_TOPIC = "compute"


@message()
class LookAt:
    """A hint: these operations of this level may wait for you. Losing it costs seconds.

    To those above the cells: operations in the journal of that cell, where ``cell_uuid`` is given.
    """

    operation_ids: tuple[int, ...]
    cell_uuid: str | None = None


@message(reply=Order | None)
class ClaimStep:
    """May I run the next step of this operation?"""

    operation_id: int
    claimant: Claimant


@message(reply=Order | None)
class StepSucceeded:
    """I ran this step; what is next for me?"""

    order: Order
    outcome: Outcome
    claimant: Claimant


@message(reply=Order | None)
class StepFailed:
    """This step failed; what is next for me?"""

    order: Order
    failure: Failure
    claimant: Claimant
