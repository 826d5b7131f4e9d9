"""Environments for what others published: test suites and clients, beside the one that the tests themselves run in.

They are kept apart because their packages would hide ours (both services are called ``placement`` when imported) or
bring other versions of what we share.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_HOME = Path(__file__).resolve().parents[2] / ".venv-conformance"
_STAMP = "installed.txt"

# A client with all it needs, from an empty cache over a slow line.
_INSTALL_TIMEOUT_S = 600


def own_environment(name: str, *requirements: str, with_dependencies: bool = True) -> Path:
    """The folder of a virtual environment that holds just these packages; made once and kept.

    :raises RuntimeError: the packages cannot be installed; the text ends with what pip said.
    """
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _HOME / f"{name}-{running}"
    _HOME.mkdir(exist_ok=True)
    stamp, wanted = folder / _STAMP, "\n".join(requirements)
    # Several workers of a test run may want it at the same moment.
    with (_HOME / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted:
            return folder
        print(f"making {folder.name} ...", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        more = [] if with_dependencies else ["--no-deps"]
        _run([*pip, "--disable-pip-version-check", *more, *requirements])
        stamp.write_text(wanted)
    return folder


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-10:])
        raise RuntimeError(f"'{' '.join(command)}' failed:\n{tail}")
