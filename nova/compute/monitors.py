"""What a host measures of itself with each report, by names that operators put into ``[metrics] weight_setting``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from groundwork.errors import Invalid, Problem
from nova.virt.driver import CpuCounters, CpuTimes, Driver

LOG = logging.getLogger(__name__)

CPU = "cpu.virt_driver"

_NOTHING_YET = CpuTimes(user_ns=0, kernel_ns=0, iowait_ns=0, idle_ns=0)


class Monitor(Protocol):
    """Measures nodes. One call at a time."""

    def measure(self, node: str) -> Mapping[str, float]:
        """What is to be said of the node now, by metric.

        :raises Problem: it cannot be told now.
        """


class CpuMonitor:
    """``cpu.virt_driver``: what the CPUs of the machine do.

    ``cpu.user.time`` and the like are the driver's counters, ns. ``cpu.user.percent`` and the like are shares of the
    time since the last measuring (since the counters began, the first time), 0 to 100; ``cpu.percent`` is all but idle.
    ``cpu.frequency`` is in MHz.
    """

    def __init__(self, counters: CpuCounters) -> None:
        self._counters = counters
        self._before: dict[str, CpuTimes] = {}

    def measure(self, node: str) -> Mapping[str, float]:
        """See :class:`Monitor`."""
        times = self._counters.cpu_times(node)
        found: dict[str, float] = {f"cpu.{what}.time": ns for what, ns in _by_name(times).items()}
        if times.frequency_mhz is not None:
            found["cpu.frequency"] = times.frequency_mhz
        spent = _spent(times, self._before.get(node, _NOTHING_YET))
        self._before[node] = times
        total = sum(spent.values())
        # Counters that stood still since the last time tell no share at all.
        if total > 0:
            found |= {f"cpu.{what}.percent": _percent(ns, total) for what, ns in spent.items()}
            found["cpu.percent"] = _percent(total - spent["idle"], total)
        return found


class Monitors:
    """All that a host measures."""

    def __init__(self, monitors: Iterable[Monitor] = ()) -> None:
        self._monitors = tuple(monitors)

    def measure(self, node: str) -> Mapping[str, float]:
        """What the monitors say of the node. One that fails is left out: its host reports everything else."""
        found: dict[str, float] = {}
        for monitor in self._monitors:
            try:
                found.update(monitor.measure(node))
            except Problem as problem:
                LOG.warning("node %s cannot be measured: %s %s", node, problem, problem.internal)
        return found


def load_monitors(names: Iterable[str], driver: Driver) -> Monitors:
    """The monitors of ``compute_monitors``; those for which the driver lacks the ability measure nothing.

    :raises Invalid: there is no monitor of that name; one line for the operator.
    """
    found: list[Monitor] = []
    for name in dict.fromkeys(names):
        if name != CPU:
            raise Invalid(f"compute_monitors names {name!r}; there is {CPU}.")
        if isinstance(driver, CpuCounters):
            found.append(CpuMonitor(driver))
        else:
            LOG.warning("driver %s does not count CPU times, %s measures nothing", driver.name, CPU)
    return Monitors(found)


def _by_name(times: CpuTimes) -> dict[str, int]:
    return {
        "user": times.user_ns,
        "kernel": times.kernel_ns,
        "iowait": times.iowait_ns,
        "idle": times.idle_ns,
    }


def _spent(now: CpuTimes, before: CpuTimes) -> dict[str, int]:
    """What was added to each counter. A counter that is smaller than before began anew, with its machine."""
    new, old = _by_name(now), _by_name(before)
    if any(new[what] < old[what] for what in new):
        return new
    return {what: new[what] - old[what] for what in new}


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2)
