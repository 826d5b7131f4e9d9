"""The commands that start the programs of this project, from an installed project and from a bare source tree alike."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_PYTHON = sys.executable


#: Makes a Python process write the stacks of its threads to its log; see ``OsProcess.stop``.
STACKS = signal.SIGUSR1
_SHOW_STACKS = f"import faulthandler; faulthandler.register({int(STACKS)})"


def console_script(name: str, *arguments: str) -> list[str]:
    """What the console script of that name in setup.cfg runs; it shows its stacks when it is asked to."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for line in config["options.entry_points"]["console_scripts"].strip().splitlines():
        script, _, target = (part.strip() for part in line.partition("="))
        if script == name:
            module, _, function = target.partition(":")
            start = f"{_SHOW_STACKS}; from {module} import {function}; {function}()"
            return [_PYTHON, "-c", start, *arguments]
    raise LookupError(f"setup.cfg has no console script {name}")


def script(path: str, *arguments: str) -> list[str]:
    """Run a file of the source tree."""
    return [_PYTHON, str(ROOT / path), *arguments]


def find_uwsgi() -> str | None:
    """uWSGI of this Python's environment; None where it is not installed."""
    return shutil.which("uwsgi", path=str(Path(_PYTHON).parent))


def uwsgi_service(module: str, *, port: int, processes: int, threads: int) -> list[str]:
    """A WSGI service as the installation guide has it."""
    uwsgi = find_uwsgi()
    assert uwsgi is not None
    options = {
        "http-socket": f"127.0.0.1:{port}",
        "module": f"{module}:application",
        "pythonpath": str(ROOT),
        "processes": str(processes),
        "threads": str(threads),
        "buffer-size": "65535",
        "worker-reload-mercy": "2",
        # Tells clients that no connection is kept, instead of letting them find out on their next request.
        "add-header": "Connection: close",
    }
    if sys.prefix != sys.base_prefix:
        options["virtualenv"] = sys.prefix
    flags = (
        "master",
        "enable-threads",
        "single-interpreter",
        "lazy-apps",
        "need-app",
        "die-on-term",
        "disable-logging",
    )
    words = [uwsgi, *(f"--{flag}" for flag in flags)]
    for name, value in options.items():
        words += [f"--{name}", value]
    return words


def environment(**more: str) -> dict[str, str]:
    """The variables of a process of ours: the tree first on the path, and no options from this process's variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    # Every process would compile the whole tree anew.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | more
