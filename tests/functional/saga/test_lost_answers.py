"""Calls to the journal that get lost on the way, or whose answers do, while everybody is alive.

The story, as a killed conductor told it:

1. A compute asks the conductor for a step. The conductor dies; the call waits in the broker's queue.
2. The compute gives up after its timeout.
3. The next conductor takes the call from the queue and gives the step to the compute, which does not listen any more.
4. The compute lives, so no sweeper takes the step away from it: the server stayed in BUILD for ever, and deleting it
   waited for the build for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from groundwork.errors import Late
from nova.errors import OwnershipLost
from nova.saga.operation import Place
from nova.saga.worker import Door, Worker
from tests.harness import readings
from tests.harness.soundness import assert_sound
from tests.harness.world import World

#: As many calls as a create makes: two to claim, two to report. A delete makes as many.
CALLS = (1, 2, 3, 4)


class Loss(StrEnum):
    """What becomes of a call to the journal; the caller is told that no answer came in time."""

    CALL = "the call is lost"
    ANSWER = "the answer is lost"
    LATE = "the call arrives when its caller has given up"
    VERY_LATE = "the call arrives when its caller has asked again"


@dataclass
class Line:
    """The line between all workers and their journals."""

    loss: Loss | None = None
    #: Calls to go until the one that is lost.
    countdown: int = 0
    late: list[Callable[[], object]] = field(default_factory=list)

    def call(self, talk: Callable[[], Any]) -> Any:
        if self.loss is None:
            return talk()
        self.countdown -= 1
        if self.countdown == 0:
            if self.loss is Loss.ANSWER:
                talk()
            elif self.loss is not Loss.CALL:
                self.late.append(talk)
            raise Late("The conductor service did not answer in time.")
        if self.loss is Loss.LATE:
            self.deliver()
        answer = talk()
        if self.loss is Loss.VERY_LATE:
            self.deliver()
        return answer

    def deliver(self) -> None:
        """Calls that were on their way arrive; nobody waits for what comes of them."""
        while self.late:
            with contextlib.suppress(OwnershipLost):
                self.late.pop()()


class LossyDoor:
    """A door at the end of that line."""

    def __init__(self, door: Door, line: Line) -> None:
        self._door = door
        self._line = line

    def claim(self, *words: Any) -> Any:
        return self._line.call(lambda: self._door.claim(*words))

    def succeeded(self, *words: Any) -> Any:
        return self._line.call(lambda: self._door.succeeded(*words))

    def failed(self, *words: Any) -> Any:
        return self._line.call(lambda: self._door.failed(*words))


class LossyWorld(World):
    """A world in which calls get lost; its workers look again, as their daemons make them."""

    def __init__(self, folder: Path, line: Line) -> None:
        super().__init__(folder)
        self._line = line

    def _worker(self, level: str, place: Place, host: str | None) -> tuple[str, Worker]:
        incarnation, worker = super()._worker(level, place, host)
        if not isinstance(worker._door, LossyDoor):
            worker._door = LossyDoor(worker._door, self._line)
        return incarnation, worker

    def sweep(self) -> None:
        super().sweep()
        for (level, place, host), (_, worker) in self.workers.items():
            worker.look_again(
                lambda operation_id, at=(level, place, host): self.queue.append(  # type: ignore[misc]
                    (*at, operation_id)
                )
            )


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def world(tmp_path: Path, line: Line) -> World:
    return LossyWorld(tmp_path, line)


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("number", CALLS)
def test_create_survives(world: World, line: Line, number: int, loss: Loss) -> None:
    line.loss, line.countdown = loss, number
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.server.vm_state == "active"
    assert line.countdown <= 0
    assert_sound(world)


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("number", CALLS)
def test_delete_survives(world: World, line: Line, number: int, loss: Loss) -> None:
    [server] = world.create()
    world.settle()
    line.loss, line.countdown = loss, number
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert readings.guests(world) == {}
    assert line.countdown <= 0
    assert_sound(world)


def test_hint_for_an_operation_in_hand_is_passed_over(world: World) -> None:
    """Hints come twice; the step must not run twice at the same time."""
    [server] = world.create()
    world.deliver()
    world.delete(server)
    level, place, host, operation_id = world.queue[0]
    _, worker = world._worker(level, place, host)
    hypervisor = world.hosts["host1"][1]
    destroyed = []

    def destroy(uuid: str) -> None:
        destroyed.append(uuid)
        worker.look_at([operation_id])

    hypervisor.destroy = destroy  # type: ignore[method-assign]
    worker.look_at([operation_id])
    assert destroyed == [server.uuid]


def test_hint_that_came_while_an_operation_was_in_hand_is_followed_then(world: World) -> None:
    """1. The host reports a step. 2. Before it has the answer, the conductor has done the next and hints at the host.
    3. The host takes the hint for a repetition. 4. It would wait for the sweeper if it forgot the hint."""
    [server] = world.create()
    world.deliver()
    world.delete(server)
    level, place, host, operation_id = world.queue[0]
    _, worker = world._worker(level, place, host)
    asked = []

    class Door(LossyDoor):
        def claim(self, *words: Any) -> Any:
            asked.append("claim")
            return super().claim(*words)

        def succeeded(self, *words: Any) -> Any:
            answer = super().succeeded(*words)
            worker.look_at([operation_id])
            asked.append("reported")
            return answer

    worker._door = Door(worker._door, Line())
    worker.look_at([operation_id])
    assert asked == ["claim", "reported", "claim"]
