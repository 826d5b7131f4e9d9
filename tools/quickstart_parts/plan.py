"""What was asked for: command line, ports, directories."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quickstart_parts.failure import Failure

HOST = "127.0.0.1"

# More would be accepted by the services, but the threads of one process would only wait for each other.
MOST_CELLS = 20
MOST_HOSTS = 200


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each service on 127.0.0.1."""

    identity: int = 5000
    image: int = 9292
    placement: int = 8778
    compute: int = 8774

    def named(self) -> tuple[tuple[str, str, int], ...]:
        """Each service's name, the option that moves it, and its port."""
        return (
            ("Keystone", "--identity-port", self.identity),
            ("Glance", "--image-port", self.image),
            ("Placement", "--placement-port", self.placement),
            ("Nova", "--compute-port", self.compute),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the quick start, parsed and checked."""

    project_root: Path
    work_dir: Path
    venv: Path
    ports: Ports
    cells: int
    hosts_per_cell: int
    once: bool
    clean: bool
    restart: bool
    only_neighbours: bool

    @property
    def identity_url(self) -> str:
        return f"http://{HOST}:{self.ports.identity}/v3"

    @property
    def image_url(self) -> str:
        return f"http://{HOST}:{self.ports.image}"

    @property
    def placement_url(self) -> str:
        return f"http://{HOST}:{self.ports.placement}"

    @property
    def compute_url(self) -> str:
        return f"http://{HOST}:{self.ports.compute}/v2.1"

    @property
    def clouds_yaml(self) -> Path:
        return self.work_dir / "clouds.yaml"

    @property
    def nova_conf(self) -> Path:
        return self.work_dir / "nova" / "nova.conf"

    @property
    def logs(self) -> Path:
        return self.work_dir / "logs"

    @property
    def overrides(self) -> Path:
        return self.work_dir / "overrides"

    def program(self, name: str) -> str:
        """The path of a command of the virtual environment."""
        return str(self.venv / "bin" / name)

    def cell_names(self) -> tuple[str, ...]:
        """The names of the cells that can hold servers, in order."""
        return tuple(f"cell{number}" for number in range(1, self.cells + 1))


def parse_plan(arguments: Sequence[str], *, project_root: Path) -> Plan:
    """The plan that a command line asks for.

    :raises Failure: a value is out of its range, or two services were given one port.
    """
    given = _parser().parse_args(arguments)
    plan = Plan(
        project_root=project_root,
        work_dir=(given.dir or project_root / ".quickstart").resolve(),
        venv=(given.venv or project_root / ".venv").resolve(),
        ports=_ports(given),
        cells=given.cells,
        hosts_per_cell=given.hosts,
        once=given.once,
        clean=given.clean,
        restart=not given.no_restart,
        only_neighbours=given.only_neighbours,
    )
    _check(plan)
    return plan


def _ports(given: argparse.Namespace) -> Ports:
    base: int | None = given.port_base
    usual = Ports() if base is None else Ports(base, base + 1, base + 2, base + 3)
    asked = {
        "identity": given.identity_port,
        "image": given.image_port,
        "placement": given.placement_port,
        "compute": given.compute_port,
    }
    return replace(usual, **{name: port for name, port in asked.items() if port is not None})


def _check(plan: Plan) -> None:
    if not 1 <= plan.cells <= MOST_CELLS:
        raise Failure(f"--cells must be 1 to {MOST_CELLS}, not {plan.cells}")
    if not 1 <= plan.hosts_per_cell <= MOST_HOSTS:
        raise Failure(f"--hosts must be 1 to {MOST_HOSTS}, not {plan.hosts_per_cell}")
    seen: dict[int, str] = {}
    for name, option, port in plan.ports.named():
        if not 1 <= port <= 65535:
            raise Failure(f"{option}: {port} is not a port (1 to 65535)")
        if port in seen:
            raise Failure(f"{option}: port {port} is already meant for {seen[port]}")
        seen[port] = name


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong without repeating the whole usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise Failure(f"{message} (see --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="quickstart",
        description="Installs and starts Keystone, Glance, Placement and Nova on 127.0.0.1, and boots one server "
        "into each cell. Ctrl-C stops everything; the next start finds the servers again.",
    )
    add = parser.add_argument
    add(
        "--once",
        action="store_true",
        help="stop again; exit 0 only if there is an ACTIVE server in every cell",
    )
    add(
        "--cells",
        type=int,
        default=2,
        metavar="N",
        help="cells that hold servers, besides cell0 (2)",
    )
    add("--hosts", type=int, default=1, metavar="M", help="compute hosts in each cell (1)")
    add(
        "--dir",
        type=Path,
        metavar="DIR",
        help="where configuration, databases and logs are kept (.quickstart)",
    )
    add("--venv", type=Path, metavar="DIR", help="the virtual environment to make or reuse (.venv)")
    add(
        "--clean",
        action="store_true",
        help="remove the directory of --dir, with all servers, and exit",
    )
    add(
        "--no-restart",
        action="store_true",
        help="stop everything when a service dies, instead of restarting it",
    )
    add(
        "--only-neighbours",
        action="store_true",
        help="start Keystone and Glance alone, as neighbours for tests",
    )
    add(
        "--port-base",
        type=int,
        metavar="P",
        help="use P (Keystone), P+1 (Glance), P+2 (Placement), P+3 (Nova)",
    )
    for service, option, port in Ports().named():
        add(option, type=int, metavar="P", help=f"the port of {service} ({port})")
    return parser
