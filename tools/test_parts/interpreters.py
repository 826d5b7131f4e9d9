"""Finding the Python of a given version: on the path, or among those that pyenv keeps."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path


class Missing(Exception):
    """What is needed is not on this machine; the text says how to get it."""


def find_interpreter(version: str) -> str:
    """The path of a Python ``version`` ("3.12") that starts.

    :raises Missing: there is none.
    """
    for candidate in _candidates(version):
        if _version_of(candidate) == version:
            return str(candidate)
    raise Missing(f"no Python {version} found on the path or in pyenv")


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder) / f"python{version}"
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = [path for path in root.glob(f"{version}.*") if re.fullmatch(r"[0-9.]+", path.name)]
    for path in sorted(kept, key=lambda path: int(path.name.split(".")[2]), reverse=True):
        yield path / "bin" / "python"


def _version_of(interpreter: Path) -> str | None:
    """Asked by running it: pyenv puts names on the path that start nothing."""
    if not interpreter.is_file():
        return None
    asked = [str(interpreter), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
