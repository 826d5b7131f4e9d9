"""The processes of the cloud: the uWSGI emperor with its vassals, and Nova in one process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from quickstart_parts.causes import cause_of, never_loaded
from quickstart_parts.configs import vassal
from quickstart_parts.failure import Failure
from quickstart_parts.plan import Plan
from quickstart_parts.processes import describe_end, start, stop
from quickstart_parts.progress import Progress
from quickstart_parts.rest import Refused, Unanswered

# A service on an idle machine is ready within 5 s. A slow one deserves patience; one that waits for
# something that never comes should be told about while somebody still watches.
READY_TIMEOUT_S = 120.0
POLL_S = 0.05

# A service that dies this often in a minute will not be cured by another start.
MOST_RESTARTS_A_MINUTE = 3


@dataclass(slots=True)
class Service:
    """One process of ours and how to start it again."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)


class Services:
    """Everything that runs; whoever waits, waits through here, so that a death is noticed at once.

    Used by the main thread only (see ``processes.start``).
    """

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._running: list[Service] = []
        self._settled = False
        self._vassal_logs: list[Path] = []

    def start_emperor(self) -> None:
        """Start the WSGI services: Keystone and Glance, and Placement unless only neighbours run."""
        plan = self._plan
        vassals = plan.work_dir / "vassals"
        vassals.mkdir(exist_ok=True)
        # Nobody asks Glance for anything before Nova is ready: on few cores the others import first.
        modules = [
            ("keystone", plan.ports.identity, "keystone.wsgi.api", 0),
            ("glance", plan.ports.image, "glance.wsgi.api", 19),
        ]
        if not plan.only_neighbours:
            modules.append(("placement", plan.ports.placement, "placement.wsgi.api", 0))
        for old in vassals.glob("*.ini"):
            old.unlink()
        for name, port, module, priority in modules:
            self._vassal_logs.append(_fresh(plan.logs / f"{name}.log"))
            (vassals / f"{name}.ini").write_text(
                vassal(plan, name, port, module, priority=priority)
            )
        uwsgi = plan.program("uwsgi")
        # Without the wrapper the emperor of the pyuwsgi wheel would execute a bare Python for each vassal.
        command = [uwsgi, "--emperor", str(vassals), "--emperor-wrapper", uwsgi, "--die-on-term"]
        self._start("uwsgi emperor", command, plan.logs / "emperor.log")

    def start_nova(self) -> None:
        """Start the Compute API and all daemons of every cell as one process."""
        command = [
            self._plan.program("nova-all"),
            "--config-dir",
            str(self._plan.work_dir / "nova"),
        ]
        self._start("nova-all", command, self._plan.logs / "nova.log")

    def sessions(self) -> dict[int, str]:
        """The session of each running service and its name."""
        return {each.process.pid: each.name for each in self._running if each.process}

    def settle(self) -> None:
        """From now on a service that dies is started again, unless the plan says otherwise."""
        self._settled = self._plan.restart

    def wait_for(
        self, what: str, is_so: Callable[[], bool], *, timeout_s: float = READY_TIMEOUT_S
    ) -> None:
        """Return once ``is_so`` says yes; nobody answering counts as a no.

        :raises Failure: it took too long, or a service died meanwhile.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self.look_after()
            try:
                if is_so():
                    return
            except Unanswered:
                pass
            if time.monotonic() > deadline:
                raise Failure(f"waited {timeout_s:.0f} s in vain: {what}", log=self._plan.logs)
            self._progress.working(what)
            time.sleep(POLL_S)

    def look_after(self) -> None:
        """Notice what died: start it again once things are settled.

        :raises Failure: a service could not start, or died before things were settled, or dies again and again.
        """
        for log in self._vassal_logs:
            if not self._settled and never_loaded(log):
                raise Failure(f"{log.stem} did not start: {cause_of(log)}", log=log)
        for service in self._running:
            if service.process and service.process.poll() is not None:
                self._bury(service, service.process)

    def explain(self, failure: Refused | Unanswered) -> Failure:
        """The failure of a request, with what the log of the service that was asked says about it."""
        ports = {port: name.lower() for name, _, port in self._plan.ports.named()}
        asked = ports.get(urlsplit(failure.url).port or 0)
        if asked is None:
            return failure
        log = self._plan.logs / f"{asked}.log"
        return Failure(f"{failure.sentence}; {asked} says: {cause_of(log)}", log=log)

    def stop(self) -> bool:
        """Stop everything; Nova first, because it still talks to the others while it finishes.

        Tells whether anything had been started.
        """
        anything = bool(self._running)
        for service in reversed(self._running):
            if service.process:
                stop([service.process])
        self._running.clear()
        return anything

    def _start(self, name: str, command: list[str], log: Path) -> None:
        environment = os.environ | {
            "OS_KEYSTONE_CONFIG_FILES": str(self._plan.work_dir / "keystone/keystone.conf"),
            "OS_GLANCE_CONFIG_DIR": str(self._plan.work_dir / "glance"),
            "OS_PLACEMENT_CONFIG_DIR": str(self._plan.work_dir / "placement"),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            # pip compiled what it installed, but not this clone: unkept, that would cost seconds a start.
            "PYTHONDONTWRITEBYTECODE": "",
        }
        service = Service(name, command, _fresh(log), environment)
        self._launch(service)
        self._running.append(service)

    def _launch(self, service: Service) -> None:
        try:
            service.process = start(
                service.command, log=service.log, environment=service.environment
            )
        except FileNotFoundError:
            raise Failure(
                f"{service.command[0]} is not installed; remove {self._plan.venv} and start again"
            ) from None
        service.starts.append(time.monotonic())

    def _bury(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        end = describe_end(process.returncode)
        # Nothing of its session may hold its ports or files when the next one starts.
        stop([process])
        service.process = None
        if not self._settled:
            cause = (cause_of(service.log) or "it said nothing").removeprefix(f"{service.name}: ")
            raise Failure(f"{service.name} {end}: {cause}", log=service.log)
        recent = [moment for moment in service.starts if moment > time.monotonic() - 60]
        if len(recent) > MOST_RESTARTS_A_MINUTE:
            raise Failure(
                f"{service.name} {end} again; giving up: {cause_of(service.log)}", log=service.log
            )
        self._progress.done(f"{service.name} {end}; starting it again")
        self._launch(service)


def _fresh(log: Path) -> Path:
    """An empty log; the previous start's is kept beside it."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    log.touch()
    return log
