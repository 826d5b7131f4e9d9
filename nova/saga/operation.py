"""The words in which an operation is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from groundwork.context import RequestContext
from nova.domain.server import Server
from nova.errors import NotBegun


class Place(StrEnum):
    """Where a step runs."""

    #: The super-conductor, above the cells. Once an operation has left it, it never goes back.
    SUPER = "super"
    #: A conductor of the server's cell.
    CONDUCTOR = "conductor"
    #: The compute service of the server's host.
    HOST = "host"
    #: The other compute service of a move: where the server goes, or where it came from when it is there already.
    DESTINATION = "destination"


#: The places that are compute services.
COMPUTES = frozenset({Place.HOST, Place.DESTINATION})


class State(StrEnum):
    """How an operation stands."""

    RUNNING = "running"
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: Another operation (a delete) took over before it ended.
    INTERRUPTED = "interrupted"

    @property
    def is_alive(self) -> bool:
        """Whether there is something left to do."""
        return self in (State.RUNNING, State.UNDOING)


class AtDownHost(StrEnum):
    """What becomes of a step at a compute service when that is down."""

    #: The step counts as failed, and the operation is undone.
    FAIL = "fail"
    #: The step is left out; the host cleans up by itself when it comes back.
    SKIP = "skip"
    #: The step waits for the host: what it needs is there and nowhere else.
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed, as the journal and the user's fault have it."""

    kind: str
    text: str
    details: str = ""
    #: The same step may succeed a little later (something did not answer).
    is_transient: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_before_any_effect(self) -> bool:
        """Whether the run of the step that failed so has certainly changed nothing; earlier runs may have."""
        return self.kind == NotBegun.__name__


@dataclass(frozen=True, slots=True)
class Run:
    """What a step is given: pictures taken when it was claimed, and the tools of the place it runs at."""

    operation_id: int
    server: Server
    payload: Any
    tools: Any
    context: RequestContext
    attempt: int
    #: While undoing: why. None when the user cancelled the operation.
    failure: Failure | None = None
    #: The token under which the step was claimed: the right to it is gone when the journal has another one.
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step (or an undo) changed, recorded together with the fact that it ran."""

    #: The payload that later steps see; None keeps it.
    payload: Any = None
    #: Columns of the server row, written in the same transaction.
    server: Mapping[str, Any] = field(default_factory=dict)
    #: A sentence for the operator, shown with the action event.
    details: str | None = None
    #: From an undo only: this way was cured, the operation goes forward again after this step.
    forward: bool = False
    #: From an undo only: this way was cured, the operation goes forward again with this very step. A cancelled one is
    #: undone all the same.
    again: bool = False
    #: The journal of the operation continues elsewhere (another database) or is gone: nothing to record here.
    moved: bool = False


Action = Callable[[Run], Outcome | None]


def _always(_server: Server, _payload: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One step. It may run twice: its effects are keyed by the server's uuid or by an id that was journalled before."""

    name: str
    place: Place
    #: For ``batch`` steps: ``(tuple of runs) -> list of Outcome | Exception``, one for each.
    run: Callable[..., Any]
    undo: Action | None = None
    #: A step without undo says why it needs none.
    no_undo_because: str = ""
    #: Whether the step applies to this server at all.
    needed: Callable[[Server, Any], bool] = _always
    at_down_host: AtDownHost = AtDownHost.FAIL
    #: For the undo, SKIP or WAIT.
    undo_at_down_host: AtDownHost = AtDownHost.SKIP
    #: Shown as the server's task_state while the step runs.
    task_state: str | None = None
    #: All operations that wait at this step are given to one call.
    batch: bool = False
    #: Once begun it must be completed: it is tried again whatever its failure, and neither failure nor cancelling
    #: turns the operation back from here. Only when its first run says that nothing was begun (``NotBegun``), the
    #: operation is undone: of later runs nobody knows what those before them have done.
    no_return: bool = False
    #: Tries while failures are transient.
    tries: int = 3
    #: Failures that no other try would cure. By these the step ends also an operation that only goes forward: it is
    #: undone, and so are those before it. So everything before and in it can be undone.
    gives_up_on: tuple[type[Exception], ...] = ()
    #: Whether the outcome tells how well the host works: the node's failures in a row are counted, and the scheduler
    #: avoids it meanwhile.
    judges_host: bool = False

    def __post_init__(self) -> None:
        if self.undo is None and not self.no_undo_because:
            raise ValueError(f"step {self.name} has no undo and does not say why")

    def gives_up(self, failure: Failure) -> bool:
        """Whether there is no use in trying again."""
        return failure.kind in {kind.__name__ for kind in self.gives_up_on}


@dataclass(frozen=True, slots=True)
class Operation:
    """Everything that one action on a server does."""

    #: The action's name on the wire (``os-instance-actions``).
    action: str
    #: Frozen dataclass with all that the steps need; JSON in the journal.
    payload: type
    steps: tuple[Step, ...]
    #: Columns of the server row when all steps ran, and when all was undone.
    on_success: Callable[[Server, Any], Mapping[str, Any]]
    on_failure: Callable[[Server, Any], Mapping[str, Any]]
    #: Never undone: a failing step is tried again, with pauses, until it succeeds; but see ``Step.gives_up_on``.
    forward_only: bool = False

    def step(self, name: str) -> Step:
        """The step of that name. :raises KeyError: this release has none (a newer one wrote the journal)."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def after(self, name: str | None, server: Server, payload: Any) -> Step | None:
        """The next step that applies after the named one (from the start when None); None at the end."""
        rest = self.steps if name is None else self.steps[self.steps.index(self.step(name)) + 1 :]
        return next((step for step in rest if step.needed(server, payload)), None)

    def to_undo(self, name: str, *, inclusive: bool, server: Server, payload: Any) -> Step | None:
        """The step to undo next, going back from the named one; None when nothing is left to undo.

        What was done above the cells stays when the operation has left there: going back would be an up-call.
        """
        here = self.steps.index(self.step(name))
        left_super = self.steps[here].place is not Place.SUPER
        for step in reversed(self.steps[: here + 1 if inclusive else here]):
            if left_super and step.place is Place.SUPER:
                return None
            if step.undo is not None and step.needed(server, payload):
                return step
        return None


@dataclass(frozen=True, slots=True)
class Order:
    """A claimed step: what to run, and the token under which its result is taken."""

    operation_id: int
    action: str
    step: str
    undoing: bool
    claim: str
    attempt: int
    server: Server
    payload: Mapping[str, Any]
    #: The request context that began the operation, as a mapping.
    request: Mapping[str, Any]
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who works: a service process, and the places whose steps it runs."""

    #: ``binary@host``
    owner: str
    incarnation: str
    places: frozenset[Place]
    #: For steps at compute services: only those of this host.
    host: str | None = None


class Operations:
    """The operations that this process knows, by action."""

    def __init__(self, *operations: Operation) -> None:
        self._known = {operation.action: operation for operation in operations}

    def __getitem__(self, action: str) -> Operation:
        return self._known[action]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._known.values())
