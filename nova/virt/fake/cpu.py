"""CPU counters of a machine that is not there: as busy as its guests would make it."""

from __future__ import annotations

import threading

from nova.virt.driver import CpuTimes

# A guest that runs keeps its vCPUs half busy; what it does is mostly its own work.
_LOAD = 0.5
_USER, _KERNEL = 0.8, 0.15
_FREQUENCY_MHZ = 2400


class CpuMeter:
    """The counters of one node, which begin when it is made. Thread safe."""

    def __init__(self, *, vcpus: int, started_at: float) -> None:
        """:param started_at: seconds, by the clock of later readings."""
        self._vcpus = vcpus
        self._read_at = started_at
        self._lock = threading.Lock()
        self._times = CpuTimes(
            user_ns=0, kernel_ns=0, iowait_ns=0, idle_ns=0, frequency_mhz=_FREQUENCY_MHZ
        )

    def read(self, *, running_vcpus: int, now: float) -> CpuTimes:
        """The counters, with the time since the last reading spent as these guests would spend it.

        More guests than CPUs leave nothing idle.
        """
        with self._lock:
            passed_ns = max(0, round((now - self._read_at) * 1e9)) * self._vcpus
            self._read_at = max(now, self._read_at)
            busy = min(1.0, running_vcpus * _LOAD / self._vcpus) if self._vcpus else 0.0
            user_ns = round(passed_ns * busy * _USER)
            kernel_ns = round(passed_ns * busy * _KERNEL)
            iowait_ns = round(passed_ns * busy) - user_ns - kernel_ns
            old = self._times
            self._times = CpuTimes(
                user_ns=old.user_ns + user_ns,
                kernel_ns=old.kernel_ns + kernel_ns,
                iowait_ns=old.iowait_ns + iowait_ns,
                idle_ns=old.idle_ns + passed_ns - user_ns - kernel_ns - iowait_ns,
                frequency_mhz=_FREQUENCY_MHZ,
            )
            return self._times
