"""Limits read from a fake Keystone through oslo.limit, as ``[oslo_limit]`` says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

import nova.conf
from groundwork.errors import Invalid, Unavailable
from nova.clients.oslo_limit import KeystoneLimits, hand_over
from tests.fakes import keystone
from tests.fakes.keystone import ENDPOINT, FakeKeystone
from tests.functional.embedded.plane import serve

BY_SERVICE = {"endpoint_service_type": "compute", "endpoint_region_name": "RegionOne"}


@pytest.fixture
def fake() -> FakeKeystone:
    return FakeKeystone()


@pytest.fixture
def configured(fake: FakeKeystone, tmp_path: Path) -> Iterator[Callable[..., cfg.ConfigOpts]]:
    """A configuration that logs in to the fake; None takes an option away, other groups come as dictionaries."""
    server = serve(fake)

    def write(**given: Any) -> cfg.ConfigOpts:
        groups = {"oslo_limit": {**keystone.options(server.port), "endpoint_id": ENDPOINT}}
        for name, value in given.items():
            if isinstance(value, dict):
                groups[name] = {**keystone.options(server.port), **value}
            else:
                groups["oslo_limit"][name] = value
        lines = [
            line
            for group, options in groups.items()
            for line in (
                f"[{group}]",
                *(f"{name} = {value}" for name, value in options.items() if value is not None),
            )
        ]
        path = tmp_path / "nova.conf"
        path.write_text("\n".join(lines) + "\n")
        conf = nova.conf.new()
        conf(["--config-file", str(path)], project="nova")
        return conf

    yield write
    server.stop()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"endpoint_id": None, **BY_SERVICE},
        {"auth_type": None, "username": None, "auth_section": "keystone", "keystone": {}},
    ],
)
def test_limits_of_a_project_stand_instead_of_registered_ones(
    fake: FakeKeystone, configured: Callable[..., cfg.ConfigOpts], options: dict[str, Any]
) -> None:
    fake.register({"servers": 10, "class:VCPU": 20})
    fake.register({"servers": 99}, region="another")
    fake.limit("p", {"servers": 5})
    hand_over(configured(**options))
    limits = KeystoneLimits()
    assert limits.registered() == {"servers": 10, "class:VCPU": 20}
    assert limits.of_project("p") == {"servers": 5, "class:VCPU": 20}
    assert limits.of_project("other") == limits.of_project("") == limits.registered()


def test_a_project_costs_two_questions(
    fake: FakeKeystone, configured: Callable[..., cfg.ConfigOpts]
) -> None:
    fake.register({f"class:CUSTOM_{number}": number for number in range(20)})
    hand_over(configured())
    limits = KeystoneLimits()
    limits.of_project("p")
    fake.requests.clear()
    limits.of_project("p")
    assert fake.requests == [("GET", "/v3/registered_limits"), ("GET", "/v3/limits")]


@pytest.mark.parametrize(
    "options",
    [
        {"password": "wrong"},
        {"endpoint_id": "none"},
        {"endpoint_id": None, "endpoint_service_type": "none"},
        {"auth_url": "http://127.0.0.1:9", "connect_retries": 0},
    ],
)
def test_what_keystone_does_not_tell_is_unavailable(
    configured: Callable[..., cfg.ConfigOpts], options: dict[str, Any]
) -> None:
    hand_over(configured(**options))
    with pytest.raises(Unavailable, match="Keystone cannot tell limits now"):
        KeystoneLimits().of_project("p")


@pytest.mark.parametrize("model", ["strict-two-level", "another", ""])
def test_an_enforcement_model_that_cannot_be_done_is_unavailable(
    fake: FakeKeystone, configured: Callable[..., cfg.ConfigOpts], model: str
) -> None:
    fake.model = model
    hand_over(configured())
    with pytest.raises(Unavailable):
        KeystoneLimits().registered()


def test_keystone_may_come_later(
    fake: FakeKeystone, configured: Callable[..., cfg.ConfigOpts]
) -> None:
    fake.is_broken = True
    hand_over(configured())
    limits = KeystoneLimits()
    with pytest.raises(Unavailable):
        limits.registered()
    fake.is_broken = False
    fake.register({"servers": 1})
    assert limits.registered() == {"servers": 1}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"auth_type": None}, "auth_type is not set"),
        ({"auth_type": "nonsense"}, "no usable credentials"),
        ({"endpoint_id": None}, "set endpoint_id"),
    ],
)
def test_options_that_cannot_be_used_are_told_at_the_start(
    configured: Callable[..., cfg.ConfigOpts], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        hand_over(configured(**options))


def test_other_drivers_do_not_wait_for_the_library() -> None:
    """It brings openstacksdk, and importing both takes a second."""
    program = (
        "import sys, nova.cmd.compute_api;"
        "sys.exit(bool({'openstack', 'oslo_limit'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0
