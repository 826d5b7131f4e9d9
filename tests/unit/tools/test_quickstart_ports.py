"""Ports that the quick start needs to be free."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator

import pytest
from quickstart_parts.failure import Failure
from quickstart_parts.plan import Ports
from quickstart_parts.ports import check_ports


@pytest.fixture
def free_ports() -> Ports:
    """Four ports that the kernel just gave out, and that nobody holds any more."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return Ports(*numbers)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_free_ports_pass(free_ports: Ports) -> None:
    check_ports(free_ports)


def test_port_in_use_is_told_with_its_option(free_ports: Ports, taken_port: int) -> None:
    with pytest.raises(Failure) as caught:
        check_ports(dataclasses.replace(free_ports, placement=taken_port))
    assert caught.value.sentence == (
        f"port {taken_port} on 127.0.0.1, wanted for Placement, is in use; "
        "choose another with --placement-port or --port-base"
    )
