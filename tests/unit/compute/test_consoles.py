"""What a host says about consoles of its guests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nova.conf
from groundwork.errors import Conflict, Invalid, NotSupported
from nova.compute.consoles import ConsoleDoor, Proxy, proxies_from_conf
from nova.domain.console import ConsoleAccess, ConsoleEndpoint, ConsoleType
from nova.virt.fake.driver import FakeDriver, FakeOptions
from nova.virt.guest import GuestSpec

UUID = "0f3a0000-0000-4000-8000-000000000001"
PROXY = Proxy("http://proxy.example/vnc", "192.0.2.9")


def guest() -> GuestSpec:
    return GuestSpec(
        uuid=UUID,
        name="one",
        instance_name="instance-1",
        project_id="p",
        user_id="u",
        node="host",
        vcpus=1,
        memory_mb=64,
        root_gb=1,
        ephemeral_gb=0,
        swap_mb=0,
        hostname="one",
    )


@pytest.fixture
def driver(tmp_path: Path) -> FakeDriver:
    made = FakeDriver(FakeOptions(host="host", directory=tmp_path / "host"))
    made.start()
    return made


def door(driver: Any, *types: ConsoleType) -> ConsoleDoor:
    return ConsoleDoor(driver=driver, proxies=dict.fromkeys(types, PROXY))


def test_console_of_a_guest(driver: FakeDriver) -> None:
    driver.spawn(guest())
    found = door(driver, ConsoleType.NOVNC).open(UUID, "novnc")
    assert found == ConsoleAccess("http://proxy.example/vnc", "192.0.2.9", 6969)
    direct = door(driver, ConsoleType.SPICE_DIRECT).open(UUID, "spice-direct")
    assert direct.tls_port == 6970
    assert door(driver, ConsoleType.WEBMKS).open(UUID, "webmks").internal_access_path == UUID


def test_console_that_is_elsewhere(driver: FakeDriver) -> None:
    """Some hypervisors serve consoles from a machine of their own."""
    driver.spawn(guest())
    driver.console = lambda *_asked: ConsoleEndpoint(port=1, host="elsewhere")  # type: ignore[method-assign]
    assert door(driver, ConsoleType.NOVNC).open(UUID, "novnc").host == "elsewhere"


@pytest.mark.parametrize("name", ["serial", "xvpvnc", "what"])
def test_type_that_is_not_offered(driver: FakeDriver, name: str) -> None:
    driver.spawn(guest())
    with pytest.raises(Invalid):
        door(driver, ConsoleType.NOVNC).open(UUID, name)


def test_guest_that_is_not_there(driver: FakeDriver) -> None:
    with pytest.raises(Conflict):
        door(driver, ConsoleType.NOVNC).open(UUID, "novnc")


def test_driver_without_consoles() -> None:
    class Plain:
        name = "plain"

    with pytest.raises(NotSupported):
        door(Plain(), ConsoleType.NOVNC).open(UUID, "novnc")


def test_only_vnc_is_offered_by_default() -> None:
    conf = nova.conf.new()
    conf([], default_config_files=[], default_config_dirs=[])
    assert list(proxies_from_conf(conf)) == [ConsoleType.NOVNC]


def test_each_type_has_its_own_proxy() -> None:
    conf = nova.conf.new()
    conf([], default_config_files=[], default_config_dirs=[])
    for group in ("spice", "serial_console", "mks"):
        conf.set_override("enabled", True, group=group)
    conf.set_override("enabled", False, group="vnc")
    conf.set_override("server_proxyclient_address", "192.0.2.1", group="spice")
    found = proxies_from_conf(conf)
    assert set(found) == set(ConsoleType) - {ConsoleType.NOVNC}
    assert len({proxy.base_url for proxy in found.values()}) == 4
    assert found[ConsoleType.SPICE_DIRECT].address == "192.0.2.1"
