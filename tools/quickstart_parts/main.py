"""The story of one quick start, from the command line to the exit status."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from quickstart_parts import readiness, servers
from quickstart_parts.configs import clouds_yaml, write_configs, write_private
from quickstart_parts.databases import prepare_databases
from quickstart_parts.directory import State, check_directory, locked, open_state, remove_directory
from quickstart_parts.failure import Failure, last_lines
from quickstart_parts.installing import install, neighbour_versions
from quickstart_parts.plan import Plan, parse_plan
from quickstart_parts.ports import check_ports
from quickstart_parts.progress import Progress
from quickstart_parts.report import explain, report
from quickstart_parts.rest import Refused, Rest, Unanswered
from quickstart_parts.seeding import TENANT, seed_flavors, seed_identity, seed_image
from quickstart_parts.services import Services

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the quick start; 0 when all went well, 1 after a failure, 130 or 143 when asked to stop."""
    # SIGINT too: a shell that starts us in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        plan = parse_plan(
            sys.argv[1:] if arguments is None else arguments, project_root=PROJECT_ROOT
        )
        if plan.clean:
            removed = remove_directory(plan.work_dir)
            print(f"{'removed' if removed else 'there is no'} {plan.work_dir}")
            return 0
        return _in_directory(plan)
    except Failure as failure:
        _tell(failure)
        return 1
    except KeyboardInterrupt as stopped:
        return 128 + int(stopped.args[0] if stopped.args else signal.SIGINT)


def _in_directory(plan: Plan) -> int:
    check_directory(plan.work_dir)
    # A refusal must not leave a directory behind; one that is there may be in use, which says more.
    if not plan.work_dir.exists():
        check_ports(plan.ports)
    with locked(plan.work_dir):
        check_ports(plan.ports)
        return _run(plan, Progress())


def _run(plan: Plan, progress: Progress) -> int:
    services = Services(plan, progress)
    try:
        state = _prepare(plan, progress)
        rest = _start(plan, services, progress, state)
        if plan.only_neighbours:
            _wait_for_glance(plan, services, progress, rest)
        else:
            _boot(plan, services, progress, rest)
        report(plan, services, progress)
        if not plan.once:
            explain(plan, progress)
            services.settle()
            while True:
                services.look_after()
                time.sleep(0.2)
        return 0
    except (Refused, Unanswered) as failure:
        raise services.explain(failure) from failure
    finally:
        _stop(services, progress)


def _prepare(plan: Plan, progress: Progress) -> State:
    """Everything on disk: programs, configuration, databases."""
    install(plan, progress)
    plan.logs.mkdir(exist_ok=True)
    state = open_state(plan.work_dir)
    write_configs(plan, state.passwords)
    write_private(plan.clouds_yaml, clouds_yaml(plan, state.passwords))
    versions = neighbour_versions(plan)
    prepare_databases(plan, state.passwords, progress, upgraded=versions != state.migrated_for)
    state.migrated_for = versions
    state.save()
    return state


def _start(plan: Plan, services: Services, progress: Progress, state: State) -> Rest:
    """Start the services and seed them; a client with an operator's token for the tenant's project.

    Nova starts beside the others when its users are known to Keystone, and waits for them otherwise: a
    service that is refused at its first look would have to be patient for no reason.
    """
    seeded_for = repr(plan.ports)
    is_seeded = state.seeded_for == seeded_for
    services.start_emperor()
    if is_seeded and not plan.only_neighbours:
        services.start_nova()
    services.wait_for("Keystone starts", lambda: readiness.answers(plan.identity_url))
    progress.done(f"Keystone answers at {plan.identity_url}")
    password = state.passwords["admin"]
    if not is_seeded:
        token = Rest().password_token(
            plan.identity_url, user="admin", password=password, project="admin"
        )
        seed_identity(plan, Rest(token), state.passwords)
        state.seeded_for = seeded_for
        state.save()
        progress.done("made the users, the project and the endpoints")
        if not plan.only_neighbours:
            services.start_nova()
    token = Rest().password_token(
        plan.identity_url, user="admin", password=password, project=TENANT
    )
    rest = Rest(token)
    if not plan.only_neighbours:
        _wait_for_nova(plan, services, progress, rest)
    return rest


def _wait_for_nova(plan: Plan, services: Services, progress: Progress, rest: Rest) -> None:
    services.wait_for("Placement starts", lambda: readiness.placement_serves(plan, rest))
    progress.done(f"Placement answers at {plan.placement_url}")
    services.wait_for("Nova starts", lambda: readiness.answers(plan.compute_url))
    wanted = plan.cells * plan.hosts_per_cell
    services.wait_for("the hosts report", lambda: readiness.hosts_reported(plan, rest) >= wanted)
    progress.done(f"Nova answers at {plan.compute_url}, with {wanted} hosts in {plan.cells} cells")
    seed_flavors(plan, rest)


def _wait_for_glance(plan: Plan, services: Services, progress: Progress, rest: Rest) -> None:
    services.wait_for("Glance starts", lambda: readiness.answers(plan.image_url))
    seed_image(plan, rest)
    progress.done(f"Glance answers at {plan.image_url}, and has the image")


def _boot(plan: Plan, services: Services, progress: Progress, rest: Rest) -> None:
    present = set(servers.view_servers(plan, rest))
    missing = servers.missing_cells(plan, present)
    # Servers that were kept need no image; the list does, because the client names their images.
    if missing:
        _wait_for_glance(plan, services, progress, rest)
        servers.boot(plan, services, progress, missing)
    complaints = servers.wait_until_built(plan, services, rest)
    if complaints and plan.once:
        raise Failure("; ".join(complaints), log=plan.logs)
    new, kept = len(missing), plan.cells - len(missing)
    active = plan.cells - len(complaints)
    progress.done(f"{active} servers are ACTIVE in {active} cells ({new} new, {kept} kept)")
    # Whoever stopped or resized a server of ours wants to find the cloud running all the same.
    for complaint in complaints:
        progress.say(f"          {complaint}")
    if not missing:
        _wait_for_glance(plan, services, progress, rest)
    servers.show_list(plan, services, progress)


def _stop(services: Services, progress: Progress) -> None:
    """Stop everything; an impatient second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if services.stop():
        progress.done("everything is stopped")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _tell(failure: Failure) -> None:
    print(f"quickstart: {failure.sentence}", file=sys.stderr)
    if failure.log is None:
        return
    if failure.shows_log:
        for line in last_lines(failure.log):
            print(f"    {line}", file=sys.stderr)
    print(f"    (more in {failure.log})", file=sys.stderr)
