"""A whole deployment, laid out and run as an operator would: every daemon a process, every level its own credentials.

    placement-api, nova-api    uWSGI, two processes each
    nova-scheduler, nova-conductor (super)
    per cell: nova-conductor and one or two nova-compute with the fake driver
    Glance: a fake, in a process of its own

Database server and message broker are those of the machine; what is made there has names of its own and is removed at
the end, also after a failure.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.functional.processes import configs, programs
from tests.functional.processes.broker import Vhosts
from tests.functional.processes.engines import Databases
from tests.functional.processes.os_process import OsProcess
from tests.functional.processes.ports import free_ports
from tests.functional.processes.rest import Compute, Placement
from tests.functional.processes.waiting import wait_for

#: Hosts of each cell. Two in the first, so that a build can move to another host of its cell.
CELLS = {"cell1": ("cell1-host1", "cell1-host2"), "cell2": ("cell2-host1",)}

#: The databases and the users who own them.
OWNERS = {
    "placement": "placement",
    "api": "api",
    "cell0": "api",
    "cell1": "cell1",
    "cell2": "cell2",
}

# Generous: two cores may have to start a dozen processes while other tests run.
_READY_TIMEOUT_S = 120
_COMMAND_TIMEOUT_S = 120


class Plane:
    """Make one, ``start`` it, use it, and ``remove`` it whatever happened."""

    def __init__(
        self, folder: Path, *, databases: type[Databases], spawn_delay_s: float = 0.2
    ) -> None:
        self.folder = folder
        #: Where the hosts keep their guests.
        self.state = folder / "state"
        self.databases = databases(OWNERS.items())
        self.vhosts = Vhosts(["api", *CELLS])
        #: Seconds by phase of the start.
        self.took_s: dict[str, float] = {}
        self.processes: dict[str, OsProcess] = {}
        self._spawn_delay_s = spawn_delay_s
        self._ports = dict(zip(("placement", "glance", "nova-api"), free_ports(3), strict=True))
        self._logs = folder / "logs"
        self.compute = Compute(self.url("nova-api"))
        self.placement = Placement(self.url("placement"))

    # What tests do

    def start(self) -> None:
        """Lay out and start everything; when this returns, servers can be created on every host."""
        began = time.monotonic()
        self._logs.mkdir(parents=True)
        with ThreadPoolExecutor() as pool:
            making = (pool.submit(self.vhosts.create), pool.submit(self.databases.create))
            self._write_configs()
            self._declare()
            with self._phase("databases and virtual hosts"):
                for made in making:
                    made.result()
            with self._phase("schemas and cells"):
                self._set_up(pool)
        with self._phase("processes"):
            self._start_processes()
        with self._phase("hosts discovered"):
            self.manage("cell_v2", "discover_hosts")
        self.took_s["all"] = time.monotonic() - began

    def remove(self) -> None:
        """End every process, then remove databases and virtual hosts."""
        try:
            for process in self.processes.values():
                process.ask_to_stop()
        finally:
            with contextlib.ExitStack() as all_of_it:
                all_of_it.callback(self.databases.drop)
                all_of_it.callback(self.vhosts.delete)
                for process in self.processes.values():
                    all_of_it.callback(process.stop)

    def url(self, service: str) -> str:
        """Where ``placement``, ``glance`` or ``nova-api`` is."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def manage(self, *words: str, config: str = "control/nova.conf") -> str:
        """What a ``nova-manage`` command prints."""
        file = str(self.folder / config)
        return self._run("nova-manage", "--config-file", file, *words)

    def names_of_cell(self, cell: str) -> list[str]:
        """The processes that belong to the cell."""
        return [f"{cell}-conductor", *CELLS[cell]]

    def config_of(self, process: str) -> Path:
        """The configuration file of a process."""
        if process == "placement":
            return self.folder / "placement/placement.conf"
        for cell, hosts in CELLS.items():
            if process == f"{cell}-conductor" or process in hosts:
                return self.folder / cell / f"{process}.conf"
        return self.folder / "control/nova.conf"

    def wait_until_up(self) -> None:
        """Wait until every daemon reports that it lives."""
        expected = {
            ("nova-scheduler", "control"),
            ("nova-conductor", "control"),
            *(("nova-conductor", f"{cell}-conductor") for cell in CELLS),
            *(("nova-compute", host) for hosts in CELLS.values() for host in hosts),
        }
        wait_for(
            "every service to be up",
            self._unless_dead(lambda: expected <= self.compute.services_that_are_up()),
            timeout_s=_READY_TIMEOUT_S,
        )

    def wait_until_answers(self, service: str) -> None:
        """Wait until an HTTP service answers."""
        rest = self.placement if service == "placement" else self.compute
        wait_for(
            f"{service} to answer", self._unless_dead(rest.answers), timeout_s=_READY_TIMEOUT_S
        )

    def check_all_run(self) -> None:
        """:raises AssertionError: a process has ended by itself."""
        for process in self.processes.values():
            assert not process.has_died, f"{process.name} has ended:\n{process.tail()}"

    def tails(self) -> str:
        """The end of every log, for the report of a failed test."""
        return "\n".join(
            f"--- {process.name} ({process.log})\n{process.tail()}"
            for process in self.processes.values()
        )

    # Parts

    def _write_configs(self) -> None:
        urls = configs.Urls(placement=self.url("placement"), glance=self.url("glance"))
        database, bus = self.databases.url, self.vhosts.url
        configs.write(self.config_of("placement"), configs.placement(database("placement")))
        above = configs.above_cells(
            api_database=database("api"),
            cell0_database=database("cell0"),
            bus=bus("api"),
            state=self.state,
            urls=urls,
        )
        configs.write(self.config_of("nova-api"), above)
        for cell, hosts in CELLS.items():
            name = f"{cell}-conductor"
            conductor = configs.cell_conductor(
                database=database(cell), bus=bus(cell), host=name, state=self.state, urls=urls
            )
            configs.write(self.config_of(name), conductor)
            for host in hosts:
                compute = configs.compute(
                    bus=bus(cell),
                    host=host,
                    state=self.state,
                    urls=urls,
                    spawn_delay_s=self._spawn_delay_s,
                )
                configs.write(self.config_of(host), compute)

    def _declare(self) -> None:
        """Every process by its name, in the order in which they are started."""
        port = self._ports["glance"]
        self._add("glance", programs.script("tests/fakes/glance.py", "--port", str(port)))
        self._add_wsgi("placement", "placement.wsgi.api", OS_PLACEMENT_CONFIG_DIR="placement")
        self._add_wsgi("nova-api", "nova.wsgi.osapi_compute", OS_NOVA_CONFIG_DIR="control")
        self._add_daemon("super-conductor", "nova-conductor")
        self._add_daemon("nova-scheduler", "nova-scheduler")
        for cell in CELLS:
            self._add_daemon(f"{cell}-conductor", "nova-conductor")
        for hosts in CELLS.values():
            for host in hosts:
                self._add_daemon(host, "nova-compute")

    def _add_wsgi(self, name: str, module: str, **folders: str) -> None:
        command = programs.uwsgi_service(module, port=self._ports[name], processes=2, threads=4)
        variables = {variable: str(self.folder / path) for variable, path in folders.items()}
        self._add(name, command, **variables)

    def _add_daemon(self, name: str, script: str) -> None:
        file = str(self.config_of(name))
        self._add(name, programs.console_script(script, "--config-file", file))

    def _add(self, name: str, command: list[str], **variables: str) -> None:
        self.processes[name] = OsProcess(
            name,
            command,
            log=self._logs / f"{name}.log",
            environment=programs.environment(**variables),
        )

    def _set_up(self, pool: ThreadPoolExecutor) -> None:
        """Schemas and cells, by the commands of the installation guide; what does not depend on each other at once."""

        def above() -> None:
            self.manage("api_db", "sync")
            self.manage(
                "cell_v2", "map_cell0", "--database_connection", self.databases.url("cell0")
            )
            for cell in CELLS:
                urls = ["--database_connection", self.databases.url(cell)]
                urls += ["--transport-url", self.vhosts.url(cell)]
                self.manage("cell_v2", "create_cell", "--name", cell, *urls)

        def below() -> None:
            self.manage("db", "sync", "--local_cell")
            for cell in CELLS:
                config = str(self.config_of(f"{cell}-conductor"))
                self.manage("db", "sync", "--local_cell", config=config)
            file = str(self.config_of("placement"))
            self._run("placement-manage", "--config-file", file, "db", "sync")

        for done in [pool.submit(above), pool.submit(below)]:
            done.result()

    def _start_processes(self) -> None:
        computes = {host for hosts in CELLS.values() for host in hosts}
        for name, process in self.processes.items():
            if name not in computes:
                process.start()
        for cell, hosts in CELLS.items():
            # A compute that finds no conductor waits for its answer in vain, and only then asks again.
            self._wait_ready(f"{cell}-conductor")
            for host in hosts:
                self.processes[host].start()
        for service in ("placement", "nova-api"):
            self.wait_until_answers(service)
        self.wait_until_up()
        nodes = [host for hosts in CELLS.values() for host in hosts]
        wait_for(
            "every host to report its inventory",
            self._unless_dead(lambda: self.placement.provider_names() >= set(nodes)),
            timeout_s=_READY_TIMEOUT_S,
        )

    def _wait_ready(self, name: str) -> None:
        process = self.processes[name]
        wait_for(
            f"{name} to be ready",
            self._unless_dead(lambda: process.says("is ready")),
            timeout_s=_READY_TIMEOUT_S,
        )

    def _unless_dead(self, look: Callable[[], bool]) -> Callable[[], bool]:
        """``look``, but a process that ended by itself ends the waiting, too."""

        def looked() -> bool:
            self.check_all_run()
            return look()

        return looked

    def _run(self, script: str, *words: str) -> str:
        command = programs.console_script(script, *words)
        done = subprocess.run(
            command,
            env=programs.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{script} {words}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.took_s[name] = time.monotonic() - began
