"""The fake hypervisor: the contract, and what only it can do (take time, fail on order, be killed)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from oslo_config import cfg

from groundwork.errors import Conflict, Invalid, Unavailable
from nova.virt.driver import CpuTimes
from nova.virt.fake import FakeDriver
from nova.virt.fake.driver import FakeOptions, options_from_conf
from nova.virt.fake.faults import FaultPlan, parse_fault
from nova.virt.guest import PowerState
from nova.virt.provider_tree import Provider, ProviderTree
from tests.unit.virt.driver_contract import DriverContract, make_spec


def started(directory: Path, **options: object) -> FakeDriver:
    sleep = options.pop("sleep", time.sleep)
    faults = tuple(parse_fault(text) for text in options.pop("fail", ()))
    settings = {"host": "host1", "directory": directory, "faults": faults, **options}
    driver = FakeDriver(FakeOptions(**settings), sleep=sleep)
    driver.start()
    return driver


@pytest.fixture
def driver(tmp_path):
    return started(tmp_path / "host1")


@pytest.fixture
def restarted(tmp_path):
    return lambda: started(tmp_path / "host1")


class TestContract(DriverContract):
    pass


class TestContractWithSeveralNodes(DriverContract):
    @pytest.fixture
    def driver(self, tmp_path):
        return started(tmp_path / "host1", nodes=("node-b", "node-a"))


def test_file_tells_what_was_asked_for_and_no_secret(tmp_path):
    spec = make_spec("host1", vcpus=3, admin_password="secret")
    started(tmp_path).spawn(spec)
    text = (tmp_path / f"{spec.uuid}.json").read_text()
    kept = json.loads(text)
    assert (kept["name"], kept["vcpus"], kept["image_id"]) == ("web", 3, spec.image_id)
    assert kept["power_state"] == PowerState.RUNNING
    assert "secret" not in text


def test_inventory_of_nothing_is_left_out(tmp_path):
    tree = ProviderTree([Provider("6b2d04e8-7f5b-44c6-9c4d-0b8c1c1c3a01", "host1")])
    started(tmp_path, local_gb=0).update_provider_tree(tree, "host1")
    assert set(tree.provider("host1").inventories) == {"VCPU", "MEMORY_MB"}


def test_own_trait_taken_out_of_the_options_goes(tmp_path):
    node = Provider(
        "6b2d04e8-7f5b-44c6-9c4d-0b8c1c1c3a01", "host1", None, {}, frozenset({"CUSTOM_FAKE_OLD"})
    )
    tree = ProviderTree([node])
    started(tmp_path, traits=("CUSTOM_FAKE_NEW", "HW_NUMA_ROOT")).update_provider_tree(
        tree, "host1"
    )
    traits = tree.provider("host1").traits
    assert {"CUSTOM_FAKE_NEW", "HW_NUMA_ROOT"} <= traits
    assert "CUSTOM_FAKE_OLD" not in traits


def test_delays_are_taken_for_each_step(tmp_path):
    waits: list[float] = []
    driver = started(
        tmp_path, sleep=waits.append, spawn_delay_s=3.0, destroy_delay_s=2.0, power_delay_s=1.0
    )
    spec = make_spec("host1")
    driver.spawn(spec)
    driver.power_off(spec.uuid)
    driver.destroy(spec.uuid)
    assert waits == [3.0, 1.0, 2.0]
    driver.destroy(spec.uuid)
    assert waits == [3.0, 1.0, 2.0], "nothing there, nothing to wait for"


def test_first_calls_fail_then_the_half_made_guest_is_completed(tmp_path):
    driver, spec = started(tmp_path, fail=["spawn:2"]), make_spec("host1")
    for _ in range(2):
        with pytest.raises(Unavailable):
            driver.spawn(spec)
        assert driver.guest(spec.uuid).power_state is PowerState.NOSTATE
        with pytest.raises(Conflict):
            driver.power_on(spec.uuid)
    driver.spawn(spec)
    assert driver.guest(spec.uuid).power_state is PowerState.RUNNING


def test_half_made_guest_is_cleared_by_destroy(tmp_path):
    driver, spec = started(tmp_path, fail=["spawn:always"]), make_spec("host1")
    with pytest.raises(Unavailable):
        driver.spawn(spec)
    driver.destroy(spec.uuid)
    assert driver.guests() == ()


@pytest.mark.parametrize(
    ("text", "step", "host", "uuid", "outcomes"),
    [
        ("spawn:2", "spawn", "h1", "a", [True, True, False]),
        ("spawn", "spawn", "h1", "a", [True, True, True]),
        ("spawn:always", "spawn", "h1", "a", [True, True, True]),
        ("spawn:0f*", "spawn", "h1", "0f3a", [True, True]),
        ("spawn:0f*", "spawn", "h1", "a0f3", [False, False]),
        ("spawn@h1", "spawn", "h1", "a", [True, True]),
        ("spawn@h2", "spawn", "h1", "a", [False]),
        ("destroy@cell2-*:1", "destroy", "cell2-c", "a", [True, False]),
        ("destroy:1", "spawn", "h1", "a", [False]),
    ],
)
def test_fault_strikes_as_ordered(text, step, host, uuid, outcomes):
    plan = FaultPlan([parse_fault(text)], host=host)

    def struck() -> bool:
        try:
            plan.strike(step, uuid)
        except Unavailable:
            return True
        return False

    assert [struck() for _ in outcomes] == outcomes


@pytest.mark.parametrize("text", ["", "swim:2", "@host1", ":always"])
def test_bad_fault_is_one_line(text):
    with pytest.raises(Invalid) as caught:
        parse_fault(text)
    assert "fail_steps" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_destroy_during_spawn_leaves_no_guest(tmp_path):
    """A delete overtakes a build: the guest must not come back when the build goes on."""
    spawning, go_on = threading.Event(), threading.Event()

    def wait(delay_s: float) -> None:
        spawning.set()
        assert go_on.wait(20)

    slow = started(tmp_path, sleep=wait, spawn_delay_s=1.0)
    spec, outcome = make_spec("host1"), []

    def spawn() -> None:
        try:
            slow.spawn(spec)
        except Conflict as exc:
            outcome.append(exc)

    thread = threading.Thread(target=spawn)
    thread.start()
    assert spawning.wait(20)
    started(tmp_path).destroy(spec.uuid)
    go_on.set()
    thread.join(20)
    assert len(outcome) == 1
    assert slow.guests() == ()


KILLED = """
import sys
from pathlib import Path
from tests.unit.virt.test_fake_driver import started, make_spec
driver = started(Path(sys.argv[1]), spawn_delay_s=60.0 if sys.argv[2] == "delay" else 0.0)
if sys.argv[2] == "delay":
    print("ready", flush=True)
    driver.spawn(make_spec("host1", uuid=sys.argv[3]))
spec = make_spec("host1", uuid=sys.argv[3])
print("ready", flush=True)
while True:
    driver.spawn(spec)
    driver.power_off(spec.uuid)
    driver.destroy(spec.uuid)
"""


@pytest.fixture
def other_process(tmp_path):
    children = []

    def start(mode: str, uuid: str) -> subprocess.Popen:
        root = Path(__file__).parents[3]
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), mode, uuid],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout.readline() == "ready\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait(20)
        child.stdout.close()


def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_killed_while_spawning_leaves_a_guest_that_can_be_completed(tmp_path, other_process):
    spec = make_spec("host1")
    child = other_process("delay", spec.uuid)
    until((tmp_path / f"{spec.uuid}.json").exists)
    child.send_signal(signal.SIGKILL)
    child.wait(20)

    driver = started(tmp_path)
    assert driver.guest(spec.uuid).power_state is PowerState.NOSTATE
    driver.spawn(spec)
    assert driver.guest(spec.uuid).power_state is PowerState.RUNNING


def test_killed_in_the_middle_of_writing_leaves_a_consistent_host(tmp_path, other_process):
    """A process writes as fast as it can and is killed at a random place, some times over."""
    spec = make_spec("host1")
    for _ in range(4):
        child = other_process("busy", spec.uuid)
        until(lambda: list(tmp_path.glob("*.json")))
        child.send_signal(signal.SIGKILL)
        child.wait(20)

        driver = started(tmp_path)
        assert list(tmp_path.glob("*.tmp")) == []
        for path in tmp_path.glob("*.json"):
            assert json.loads(path.read_text())["uuid"] == spec.uuid
        driver.spawn(spec)
        assert driver.guest(spec.uuid) is not None
        driver.destroy(spec.uuid)
        assert driver.guests() == ()


def test_torn_file_is_a_half_made_guest(tmp_path):
    driver, spec = started(tmp_path), make_spec("host1")
    (tmp_path / f"{spec.uuid}.json").write_text('{"uuid": "')
    assert driver.guests()[0].power_state is PowerState.NOSTATE
    driver.spawn(spec)
    assert driver.guests()[0].power_state is PowerState.RUNNING


def test_leftovers_of_a_killed_write_are_cleared_at_start(tmp_path):
    (tmp_path / "x.tmp").write_text("{")
    assert started(tmp_path).guests() == ()
    assert not (tmp_path / "x.tmp").exists()


def test_uuid_that_is_none_never_touches_a_file(tmp_path):
    driver = started(tmp_path / "host1")
    (tmp_path / "victim.json").write_text("{}")
    with pytest.raises(Invalid):
        driver.destroy("../victim")
    assert (tmp_path / "victim.json").exists()


def test_directory_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        started(tmp_path / "file" / "host1")


def configured(text: str, tmp_path: Path) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.StrOpt("state_path"), cfg.StrOpt("my_ip")])
    (tmp_path / "nova.conf").write_text(
        f"[DEFAULT]\nstate_path = {tmp_path}\nmy_ip = 10.0.0.7\n{text}"
    )
    conf(["--config-file", str(tmp_path / "nova.conf")])
    return conf


def test_options_come_from_the_group(tmp_path):
    text = "[fake_driver]\nvcpus = 8\nspawn_delay = 0.5\nfail_steps = spawn:2,destroy@host2\n"
    options = options_from_conf(configured(text, tmp_path), host="host1")
    assert (options.vcpus, options.spawn_delay_s, options.host_ip) == (8, 0.5, "10.0.0.7")
    assert [fault.step for fault in options.faults] == ["spawn", "destroy"]
    assert options.directory == tmp_path / "fake-hypervisor" / "host1"


def test_host_that_is_a_path_is_refused(tmp_path):
    with pytest.raises(Invalid):
        options_from_conf(configured("", tmp_path), host="../other")


def test_volumes_that_have_grown_are_kept_with_the_guest(tmp_path):
    spec = make_spec("host1")
    driver = started(tmp_path)
    driver.spawn(spec)
    for volume in ("b", "a", "b"):
        driver.extend_volume(spec.uuid, volume)
    started(tmp_path).power_off(spec.uuid)
    kept = json.loads((tmp_path / f"{spec.uuid}.json").read_text())
    assert kept["extended_volumes"] == ["a", "b"]


def test_guest_of_an_older_release_is_read(tmp_path):
    spec = make_spec("host1")
    driver = started(tmp_path)
    driver.spawn(spec)
    path = tmp_path / f"{spec.uuid}.json"
    kept = json.loads(path.read_text())
    del kept["extended_volumes"]
    path.write_text(json.dumps(kept))
    assert driver.guest(spec.uuid).power_state is PowerState.RUNNING


def test_cpus_are_as_busy_as_the_guests_that_run(tmp_path):
    now = [100.0]
    options = FakeOptions(host="host1", directory=tmp_path, nodes=("a", "b"), vcpus=4)
    driver = FakeDriver(options, clock=lambda: now[0])
    driver.start()
    idle = CpuTimes(user_ns=0, kernel_ns=0, iowait_ns=0, idle_ns=0, frequency_mhz=2400)
    assert driver.cpu_times("a") == idle
    now[0] += 10
    assert driver.cpu_times("a") == replace(idle, idle_ns=40 * 10**9)

    spec = make_spec("a", vcpus=2)
    driver.spawn(spec)
    now[0] += 10
    busy = driver.cpu_times("a")
    assert busy == CpuTimes(
        user_ns=8 * 10**9,
        kernel_ns=15 * 10**8,
        iowait_ns=5 * 10**8,
        idle_ns=70 * 10**9,
        frequency_mhz=2400,
    )
    # Guests of the other node are none of this one's business.
    assert driver.cpu_times("b") == replace(idle, idle_ns=80 * 10**9)

    driver.power_off(spec.uuid)
    now[0] += 10
    assert driver.cpu_times("a") == replace(busy, idle_ns=110 * 10**9)


@pytest.mark.parametrize(("vcpus", "guest"), [(1, 100), (0, 1)])
def test_cpus_are_never_more_than_busy(tmp_path, vcpus, guest):
    now = [0.0]
    options = FakeOptions(host="host1", directory=tmp_path, vcpus=vcpus)
    driver = FakeDriver(options, clock=lambda: now[0])
    driver.start()
    driver.spawn(make_spec("host1", vcpus=guest))
    now[0] = 10.0
    times = driver.cpu_times("host1")
    assert times.idle_ns == 0
    assert times.user_ns + times.kernel_ns + times.iowait_ns == vcpus * 10 * 10**9
    # A clock that is set back gives no time back.
    now[0] = 5.0
    assert driver.cpu_times("host1") == times
