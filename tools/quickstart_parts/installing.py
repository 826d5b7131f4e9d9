"""The virtual environment: the project, its neighbours and the command line, from PyPI."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from quickstart_parts.failure import Failure
from quickstart_parts.pip_output import newest_step, why_it_failed
from quickstart_parts.plan import Plan
from quickstart_parts.processes import start, stop
from quickstart_parts.progress import Progress

# pyuwsgi is uWSGI as a wheel: the same server without a compiler on the machine.
NEIGHBOURS = (
    "keystone>=30,<31",
    "glance>=33,<34",
    "pyuwsgi>=2.0.30,<2.1",
    "python-openstackclient>=8",
    "osc-placement>=4.6",
)

_STAMP = "quickstart.stamp"

# Hundreds of modules are loaded at each start, and none of that is garbage: looking for some less often saves a sixth
# of the time. Every Python of the environment reads it.
_SITE_FILE = "quickstart.pth"
_SITE_LINE = "import gc; gc.set_threshold(100_000, 50, 100)\n"


def install(plan: Plan, progress: Progress) -> None:
    """Promise that ``plan.venv`` holds everything.

    What was installed is remembered by a hash of the files that decide it, so that the next start costs
    nothing, and a changed ``constraints.txt`` or ``setup.cfg`` installs again.

    :raises Failure: no venv module, no network, no compiler for a package without a wheel, ...
    """
    stamp = plan.venv / _STAMP
    wanted = _fingerprint(plan)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    plan.logs.mkdir(parents=True, exist_ok=True)
    log = plan.logs / "install.log"
    if not (plan.venv / "bin" / "pip").exists():
        _make_venv(plan, log, progress)
    _check_venv_version(plan)
    python = plan.program("python")
    _run([python, *_pip_words(plan)], log, progress, "installing")
    # pip would compile with one core; files that a package ships broken on purpose are no failure.
    compile_all = [python, "-m", "compileall", "-q", "-j", "0", str(plan.venv / "lib")]
    _run(compile_all, log, progress, "compiling", must_succeed=False)
    for packages in plan.venv.glob("lib/python*/site-packages"):
        (packages / _SITE_FILE).write_text(_SITE_LINE)
    stamp.write_text(wanted)
    progress.done("installed Nova, Placement, Keystone, Glance and the openstack command line")


def neighbour_versions(plan: Plan) -> str:
    """Which Keystone and Glance are installed, and so which schema their databases must have."""
    names = ("keystone", "glance")
    found = [
        path.stem
        for name in names
        for path in plan.venv.glob(f"lib/python*/site-packages/{name}-*.dist-info")
    ]
    return " ".join(sorted(found))


def _fingerprint(plan: Plan) -> str:
    digest = hashlib.sha256("\n".join([*_pip_words(plan), _SITE_LINE]).encode())
    for name in ("constraints.txt", "requirements.txt", "setup.cfg"):
        path = plan.project_root / name
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _pip_words(plan: Plan) -> list[str]:
    words = [
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--no-compile",
    ]
    constraints = plan.project_root / "constraints.txt"
    if constraints.is_file():
        words += ["--constraint", str(constraints)]
    if not plan.only_neighbours:
        words += ["--editable", str(plan.project_root)]
    return [*words, *NEIGHBOURS]


def _make_venv(plan: Plan, log: Path, progress: Progress) -> None:
    # Debian splits both out of its python3 package.
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise Failure(
            "this Python cannot make virtual environments; install python3-venv (apt install python3-venv)"
        )
    _run([sys.executable, "-m", "venv", str(plan.venv)], log, progress, "making the environment")
    progress.done(f"made {plan.venv}")


def _check_venv_version(plan: Plan) -> None:
    found = re.search(
        r"^version\s*=\s*(\d+)\.(\d+)", (plan.venv / "pyvenv.cfg").read_text(), re.MULTILINE
    )
    if found and (int(found[1]), int(found[2])) < (3, 11):
        raise Failure(
            f"{plan.venv} holds Python {found[1]}.{found[2]}, but 3.11 is needed; remove it or use --venv"
        )


def _run(
    command: Sequence[str], log: Path, progress: Progress, doing: str, *, must_succeed: bool = True
) -> None:
    process = start(command, log=log, environment=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        with log.open(encoding="utf-8", errors="replace") as output:
            output.seek(0, os.SEEK_END)
            while process.poll() is None:
                doing = newest_step(output.read()) or doing
                progress.working(doing)
                time.sleep(0.2)
    finally:
        stop([process])
    if process.returncode and must_succeed:
        said = log.read_text(encoding="utf-8", errors="replace")
        raise Failure(why_it_failed(said), log=log, shows_log=True)
