"""The configuration file of each process: what its level knows, and nothing of the levels above."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Sections = Mapping[str, Mapping[str, object]]

# A daemon is down after this many seconds of silence. Small, so that tests need not wait; but a process that the
# scheduler of a busy machine left out for so long is taken for dead as well.
SERVICE_DOWN_S = 15
# A daemon that died with a call in its hands is given up after this.
RPC_TIMEOUT_S = 6


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the neighbours of a process are."""

    placement: str
    glance: str


def write(path: Path, sections: Sections) -> Path:
    """Write an oslo.config file."""
    lines = []
    for group, options in sections.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in options.items()), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def placement(database: str, *, sync_on_startup: bool = False) -> Sections:
    """The Placement service."""
    return {
        "api": {"auth_strategy": "noauth2"},
        "placement_database": {"connection": database, "sync_on_startup": sync_on_startup},
    }


def above_cells(
    *, api_database: str, cell0_database: str, bus: str, state: Path, urls: Urls
) -> Sections:
    """The API, the scheduler and the super-conductor."""
    return {
        "DEFAULT": {**_defaults(bus, "control", state)},
        "api": {"auth_strategy": "noauth2", "response_validation": "error"},
        "api_database": {"connection": api_database},
        "database": {"connection": cell0_database},
        "placement": _service(urls.placement),
        "glance": _service(urls.glance),
        "quota": dict.fromkeys(("instances", "cores", "ram"), -1),
    }


def cell_conductor(*, database: str, bus: str, host: str, state: Path, urls: Urls) -> Sections:
    """The conductor of a cell: its own database and bus."""
    return {
        "DEFAULT": {**_defaults(bus, host, state)},
        "database": {"connection": database},
        "placement": _service(urls.placement),
    }


def compute(*, bus: str, host: str, state: Path, urls: Urls, spawn_delay_s: float) -> Sections:
    """A compute service: the bus of its cell, and no database at all."""
    return {
        "DEFAULT": {**_defaults(bus, host, state), "compute_driver": "fake.FakeDriver"},
        "placement": _service(urls.placement),
        "fake_driver": {"spawn_delay": spawn_delay_s},
    }


def embedded(*, state: Path, port: int, urls: Urls, spawn_delay_s: float) -> Sections:
    """Everything in one process: two cells with a host each."""
    return {
        "DEFAULT": {
            "state_path": state,
            "compute_driver": "fake.FakeDriver",
            "report_interval": 1,
            "service_down_time": SERVICE_DOWN_S,
            "compute_resources_interval": 5,
        },
        "api": {"auth_strategy": "noauth2", "response_validation": "error"},
        "embedded": {"listen_port": port},
        "placement": _service(urls.placement),
        "glance": _service(urls.glance),
        "quota": dict.fromkeys(("instances", "cores", "ram"), -1),
        "fake_driver": {"spawn_delay": spawn_delay_s},
    }


def _defaults(bus: str, host: str, state: Path) -> dict[str, object]:
    return {
        "transport_url": bus,
        "host": host,
        "state_path": state,
        "report_interval": 1,
        "service_down_time": SERVICE_DOWN_S,
        "rpc_response_timeout": RPC_TIMEOUT_S,
        "compute_resources_interval": 5,
    }


def _service(url: str) -> dict[str, object]:
    return {
        "auth_type": "admin_token",
        "endpoint": url,
        "token": "admin",
        "endpoint_override": url,
    }
