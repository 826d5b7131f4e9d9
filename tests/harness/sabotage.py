"""Operations whose steps misbehave on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from nova.saga.operation import Operation, Operations, Run, Step


class Killed(BaseException):
    """The worker's process dies here; not an Exception, so nothing in the worker can catch it."""


class Mishap(Exception):
    """The step fails."""


class Mode(StrEnum):
    """What goes wrong, relative to the effect of the step."""

    FAIL_BEFORE = "fails before its effect"
    FAIL_AFTER = "fails after its effect"
    TWICE = "runs twice"
    KILL_BEFORE = "its worker dies before its effect"
    KILL_AFTER = "its worker dies after its effect, before it can report"


@dataclass
class Sabotage:
    """What goes wrong with which step: ``(step name, undoing) -> (mode, how many times)``."""

    plans: dict[tuple[str, bool], tuple[Mode, int]] = field(default_factory=dict)
    seen: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def plan(self, step: str, mode: Mode, *, undoing: bool = False, times: int = 1) -> None:
        """From now on the step misbehaves, that many times."""
        self.plans[step, undoing] = (mode, times)

    def on(self, operations: Operations) -> Operations:
        """The same operations, with these steps in their place."""
        return Operations(*(self._operation(operation) for operation in operations))

    def _operation(self, operation: Operation) -> Operation:
        return replace(operation, steps=tuple(self._step(step) for step in operation.steps))

    def _step(self, step: Step) -> Step:
        undo = step.undo
        return replace(
            step,
            run=self._wrapped(step.name, step.run, undoing=False),
            undo=None if undo is None else self._wrapped(step.name, undo, undoing=True),
        )

    def _wrapped(
        self, name: str, action: Callable[[Any], Any], *, undoing: bool
    ) -> Callable[[Any], Any]:
        def act(run: Run | tuple[Run, ...]) -> Any:
            self.seen[name, undoing] += 1
            mode = self._next(name, undoing)
            if mode is Mode.FAIL_BEFORE:
                raise Mishap(name)
            if mode is Mode.KILL_BEFORE:
                raise Killed(name)
            if mode is Mode.TWICE:
                action(run)
            result = action(run)
            if mode is Mode.FAIL_AFTER:
                raise Mishap(name)
            if mode is Mode.KILL_AFTER:
                raise Killed(name)
            return result

        return act

    def _next(self, name: str, undoing: bool) -> Mode | None:
        mode, times = self.plans.get((name, undoing), (None, 0))
        if mode is None or times == 0:
            return None
        self.plans[name, undoing] = (mode, times - 1)
        return mode
