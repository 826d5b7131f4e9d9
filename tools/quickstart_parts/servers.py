"""One server in each cell, made and shown with the unmodified command line."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstart_parts.failure import Failure, last_lines
from quickstart_parts.plan import Plan
from quickstart_parts.processes import start, stop
from quickstart_parts.progress import Progress
from quickstart_parts.rest import Rest
from quickstart_parts.seeding import FLAVORS, IMAGE, TENANT
from quickstart_parts.services import Services

# A client spends a second importing before it asks anything; more than this at once only queue for cores.
MOST_CLIENTS = 4
CLIENT_TIMEOUT_S = 120.0
BUILD_TIMEOUT_S = 120.0

# The operator inside the tenant's project: sees the host of a server and may choose it.
_AS_OPERATOR = ("--os-cloud", "quickstart-admin", "--os-project-name", TENANT)


@dataclass(frozen=True, slots=True)
class ServerView:
    """What the quick start has to know of a server."""

    name: str
    status: str
    host: str | None
    fault: str | None

    @property
    def cell(self) -> str | None:
        """The cell of its host, which embedded hosts carry in their names: ``cell1-host1``."""
        return self.host.rpartition("-")[0] if self.host else None


def name_in(cell: str) -> str:
    """The name of the server that the quick start keeps in ``cell``."""
    return f"server-{cell}"


def view_servers(plan: Plan, rest: Rest) -> dict[str, ServerView]:
    """The tenant's servers by name, read with an operator's token for the tenant's project."""
    answer = rest.get(f"{plan.compute_url}/servers/detail")
    views = [_view(server) for server in answer["servers"]]
    return {view.name: view for view in views}


def _view(server: dict[str, Any]) -> ServerView:
    return ServerView(
        name=server["name"],
        status=server["status"],
        host=server.get("OS-EXT-SRV-ATTR:host"),
        fault=server.get("fault", {}).get("message"),
    )


def missing_cells(plan: Plan, present: set[str]) -> tuple[str, ...]:
    """The cells whose server is not among the names that are ``present``."""
    return tuple(cell for cell in plan.cell_names() if name_in(cell) not in present)


def boot(plan: Plan, services: Services, progress: Progress, cells: Sequence[str]) -> None:
    """Boot a server into each of these cells, several at a time.

    :raises Failure: the client refused, with the last line it said.
    """
    waiting = list(cells)
    clients: dict[str, subprocess.Popen[bytes]] = {}
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    try:
        while waiting or clients:
            while waiting and len(clients) < MOST_CLIENTS:
                cell = waiting.pop(0)
                clients[cell] = start(
                    _create(plan, cell), log=_log(plan, cell), environment=client_environment(plan)
                )
            for cell, client in list(clients.items()):
                if client.poll() is not None:
                    _check_client(client, _log(plan, cell))
                    del clients[cell]
            if time.monotonic() > deadline:
                raise Failure(
                    f"openstack server create took longer than {CLIENT_TIMEOUT_S:.0f} s",
                    log=plan.logs,
                )
            services.look_after()
            progress.working(f"openstack server create in {', '.join(clients)}")
            time.sleep(0.05)
    finally:
        stop(list(clients.values()), patience_s=1.0)


def wait_until_built(plan: Plan, services: Services, rest: Rest) -> list[str]:
    """What is wrong with the servers of the cells once none is being built; nothing when all is well.

    :raises Failure: building takes too long.
    """
    views: dict[str, ServerView] = {}

    def all_built() -> bool:
        nonlocal views
        views = view_servers(plan, rest)
        return all(
            name_in(cell) in views and views[name_in(cell)].status != "BUILD"
            for cell in plan.cell_names()
        )

    services.wait_for("the servers become ACTIVE", all_built, timeout_s=BUILD_TIMEOUT_S)
    complaints = [complaint_about(views[name_in(cell)], cell) for cell in plan.cell_names()]
    return [complaint for complaint in complaints if complaint]


def complaint_about(view: ServerView, cell: str) -> str | None:
    """Why this server is not what the quick start promises of ``cell``, or None."""
    if view.status == "ERROR":
        return f"{view.name} is in ERROR: {view.fault or 'no fault recorded'}"
    if view.status != "ACTIVE":
        return f"{view.name} is {view.status}, not ACTIVE"
    if view.cell != cell:
        return f"{view.name} is on {view.host}, which is not in {cell}"
    return None


def show_list(plan: Plan, services: Services, progress: Progress) -> None:
    """Print what ``openstack server list --long`` prints.

    :raises Failure: the client failed.
    """
    log = plan.logs / "client-list.log"
    log.unlink(missing_ok=True)
    command = [plan.program("openstack"), *_AS_OPERATOR, "server", "list", "--long"]
    client = start(command, log=log, environment=client_environment(plan))
    try:
        services.wait_for(
            "openstack server list --long",
            lambda: client.poll() is not None,
            timeout_s=CLIENT_TIMEOUT_S,
        )
    finally:
        stop([client], patience_s=1.0)
    _check_client(client, log)
    progress.done("openstack server list --long")
    progress.say(log.read_text(encoding="utf-8").rstrip())


def client_environment(plan: Plan) -> dict[str, str]:
    """The environment with our clouds and none of the person's own credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return kept | {
        "OS_CLIENT_CONFIG_FILE": str(plan.clouds_yaml),
        # Wide enough that no column is wrapped; without a terminal the client would guess.
        "CLIFF_FIT_WIDTH": "0",
        "PYTHONWARNINGS": "ignore",
    }


def _create(plan: Plan, cell: str) -> list[str]:
    words = ["--image", IMAGE, "--flavor", str(FLAVORS[0]["name"]), "--nic", "none"]
    words += ["--availability-zone", f"nova:{cell}-host1", name_in(cell)]
    return [plan.program("openstack"), *_AS_OPERATOR, "server", "create", *words]


def _log(plan: Plan, cell: str) -> Path:
    return plan.logs / f"client-create-{cell}.log"


def _check_client(client: subprocess.Popen[bytes], log: Path) -> None:
    if client.returncode:
        said = last_lines(log, 1) or ["it said nothing"]
        raise Failure(f"openstack (see {log}): {said[0]}", log=log)
