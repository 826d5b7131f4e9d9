"""What is shown once everything runs: times, memory, how to go on."""

from __future__ import annotations

from quickstart_parts.plan import Plan
from quickstart_parts.process_use import ProcessUse, use_of_sessions
from quickstart_parts.progress import Progress, table
from quickstart_parts.services import Services


def report(plan: Plan, services: Services, progress: Progress) -> None:
    """Print when each milestone was reached and what each process takes."""
    rows = [(what, f"{moment_s:.1f}") for what, moment_s in progress.milestones]
    progress.say()
    for line in table(("reached", "after s"), rows):
        progress.say(line)
    uses = use_of_sessions(services.sessions())
    progress.say()
    for line in table(("process", "pid", "RSS MiB", "PSS MiB", "CPU s"), _rows(uses)):
        progress.say(line)


def _rows(uses: list[ProcessUse]) -> list[tuple[str, ...]]:
    rows = [
        (use.name, f"{use.pid}", f"{use.rss_mb:.0f}", f"{use.pss_mb:.0f}", f"{use.cpu_s:.1f}")
        for use in uses
    ]
    # Resident memory counts shared pages in every process, so it is not added up.
    pss_mb, cpu_s = sum(use.pss_mb for use in uses), sum(use.cpu_s for use in uses)
    return [*rows, ("all", "", "", f"{pss_mb:.0f}", f"{cpu_s:.1f}")]


def explain(plan: Plan, progress: Progress) -> None:
    """Print how to use what runs now."""
    openstack = "openstack server create --image tiny --flavor m1.tiny --nic none --wait mine"
    manage = f"\n    nova-manage --config-file {plan.nova_conf} cell_v2 list_cells"
    progress.say(f"""
Go on in another terminal:
    export PATH={plan.venv}/bin:$PATH OS_CLIENT_CONFIG_FILE={plan.clouds_yaml} OS_CLOUD=quickstart
    {openstack if not plan.only_neighbours else "openstack image list"}
    openstack --os-cloud quickstart-admin service list{"" if plan.only_neighbours else manage}
Logs are in {plan.logs}; your own options go into {plan.overrides}/nova.conf and the like.
Ctrl-C stops everything; the next start finds it again. tools/quickstart --clean forgets it.""")
