"""Failures on order: which step of the fake hypervisor fails, where, for whom and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from groundwork.errors import Invalid, Unavailable

STEPS = (
    "start",
    "inventory",
    "spawn",
    "destroy",
    "power_on",
    "power_off",
    "reboot",
    "extend_volume",
    "hand_off",
    "take_over",
    "discard_arrival",
    "restore",
    "forget_origin",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One order. ``times`` is None for ever; the patterns are shell globs."""

    step: str
    host_pattern: str = "*"
    uuid_pattern: str = "*"
    times: int | None = None


def parse_fault(text: str) -> Fault:
    """Read ``STEP[@HOST][:RULE]``, where RULE is a number (the first so many calls), ``always``, or
    a uuid glob.

    ``spawn:2``, ``spawn:always``, ``spawn:0f3a*``, ``spawn@compute-2``, ``destroy@cell2-*:1``.

    :raises Invalid: the text is not of that form.
    """
    place, _, rule = text.strip().partition(":")
    step, _, host = place.partition("@")
    if step not in STEPS:
        raise Invalid(f"fail_steps: {text!r} names no step; the steps are {', '.join(STEPS)}.")
    if rule.isdecimal():
        return Fault(step, host or "*", times=int(rule))
    return Fault(step, host or "*", "*" if rule in ("", "always") else rule)


class FaultPlan:
    """The orders that concern one host. Counts start anew with each process, as the plan is no part
    of any guest.
    """

    def __init__(self, faults: Iterable[Fault], *, host: str) -> None:
        self._faults = [f for f in faults if fnmatchcase(host, f.host_pattern)]
        self._used = [0] * len(self._faults)
        self._lock = threading.Lock()

    def strike(self, step: str, uuid: str = "") -> None:
        """Fail if it was ordered for this call.

        :raises Unavailable: it was.
        """
        with self._lock:
            # All of them are asked, also after the first that strikes, since each counts its own calls.
            falls = [self._falls_on(number, step, uuid) for number in range(len(self._faults))]
        if any(falls):
            raise Unavailable(
                f"The fake hypervisor was told to fail {step}.",
                internal=f"fail_steps, guest {uuid}",
            )

    def _falls_on(self, number: int, step: str, uuid: str) -> bool:
        fault = self._faults[number]
        if fault.step != step or not fnmatchcase(uuid, fault.uuid_pattern):
            return False
        self._used[number] += 1
        return fault.times is None or self._used[number] <= fault.times
