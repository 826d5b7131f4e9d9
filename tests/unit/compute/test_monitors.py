"""What a host measures of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from groundwork.errors import Invalid, Unavailable
from nova.compute.monitors import CPU, load_monitors
from nova.virt.driver import CpuTimes


class Plain:
    """A driver without the ability."""

    name = "plain"


@dataclass
class Counting:
    """A driver whose counters are set by the test; None: the hypervisor does not answer."""

    name: str = "counting"
    times: dict[str, CpuTimes | None] = field(default_factory=dict)

    def cpu_times(self, node: str) -> CpuTimes:
        found = self.times[node]
        if found is None:
            raise Unavailable("no answer")
        return found


def shares(measured) -> dict[str, float]:
    return {name: value for name, value in measured.items() if name.endswith("percent")}


def test_times_and_their_shares_since_the_last_measuring():
    driver = Counting(times={"a": CpuTimes(10, 20, 30, 140, 2400), "b": CpuTimes(1, 0, 0, 2)})
    monitors = load_monitors([CPU, CPU], driver)
    assert monitors.measure("a") == {
        "cpu.user.time": 10,
        "cpu.kernel.time": 20,
        "cpu.iowait.time": 30,
        "cpu.idle.time": 140,
        "cpu.user.percent": 5.0,
        "cpu.kernel.percent": 10.0,
        "cpu.iowait.percent": 15.0,
        "cpu.idle.percent": 70.0,
        "cpu.percent": 30.0,
        "cpu.frequency": 2400,
    }
    b = monitors.measure("b")
    assert (b["cpu.percent"], b["cpu.user.percent"]) == (33.33, 33.33)
    assert "cpu.frequency" not in b, "the hypervisor could not tell"
    driver.times["a"] = CpuTimes(20, 20, 30, 150, 2400)
    a = monitors.measure("a")
    assert (a["cpu.user.time"], a["cpu.user.percent"], a["cpu.percent"]) == (20, 50.0, 50.0)


def test_counters_that_stand_still_tell_no_share():
    driver = Counting(times={"a": CpuTimes(10, 20, 30, 140)})
    monitors = load_monitors([CPU], driver)
    assert shares(monitors.measure("a"))
    again = monitors.measure("a")
    assert shares(again) == {}
    assert again["cpu.idle.time"] == 140


def test_counters_begin_anew_with_their_machine():
    driver = Counting(times={"a": CpuTimes(1000, 0, 0, 1000)})
    monitors = load_monitors([CPU], driver)
    monitors.measure("a")
    driver.times["a"] = CpuTimes(10, 0, 0, 30)
    assert monitors.measure("a")["cpu.percent"] == 25.0


def test_a_monitor_that_fails_leaves_the_report_alone():
    driver = Counting(times={"a": None, "b": CpuTimes(1, 0, 0, 1)})
    monitors = load_monitors([CPU], driver)
    assert monitors.measure("a") == {}
    assert monitors.measure("b")["cpu.percent"] == 50.0


@pytest.mark.parametrize(("names", "driver"), [([], Counting()), ([CPU], Plain())])
def test_nothing_is_measured_that_nobody_wants_or_can_tell(names, driver):
    assert load_monitors(names, driver).measure("a") == {}


def test_an_unknown_monitor_is_told_in_one_line():
    with pytest.raises(Invalid, match="numa_mem_bw.virt_driver") as caught:
        load_monitors([CPU, "numa_mem_bw.virt_driver"], Counting())
    assert "\n" not in caught.value.text
