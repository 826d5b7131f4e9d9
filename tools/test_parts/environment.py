"""One virtual environment per Python version and end of the supported range, made once and kept."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from test_parts.interpreters import Missing

_STAMP = "tools-test.stamp"
_DECIDING = ("setup.cfg", "pyproject.toml", "requirements.txt", "test-requirements.txt")

# Everything from an empty cache over a slow line; a package index that hangs is noticed after this.
_INSTALL_TIMEOUT_S = 1200


@dataclass(frozen=True, slots=True)
class Environment:
    """Where it is and which exact versions it holds."""

    folder: Path
    constraints: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")


def prepare(environment: Environment, *, interpreter: str, root: Path) -> None:
    """Promise an environment with the project, its tests' and its lint tools' needs.

    What was installed is remembered by a hash of the files that decide it; then this costs nothing.

    :raises Missing: no venv module, or packages that cannot be installed.
    """
    stamp = environment.folder / _STAMP
    wanted = _fingerprint(environment, root)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    began = time.monotonic()
    print(f"making {environment.folder.name} ...", flush=True)
    stamp.unlink(missing_ok=True)
    _run([interpreter, "-m", "venv", "--clear", str(environment.folder)], root)
    _install(environment, root)
    stamp.write_text(wanted)
    print(f"made {environment.folder.name} in {time.monotonic() - began:.0f} s", flush=True)


def _fingerprint(environment: Environment, root: Path) -> str:
    digest = hashlib.sha256(str(environment.folder).encode())
    for path in (environment.constraints, *(root / name for name in _DECIDING)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _install(environment: Environment, root: Path) -> None:
    """uv installs in seconds what pip takes more than a minute for, but it does not read pip's settings.

    So where packages come from elsewhere than PyPI, uv may fail, and pip has the last word.
    """
    constraints = ["--constraint", str(environment.constraints)]
    pip = [environment.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    project = [*constraints, "--editable", f"{root}[test,lint]"]
    try:
        _run([*pip, *constraints, "uv"], root)
        uv = [str(environment.folder / "bin" / "uv"), "pip", "install", "--quiet"]
        _run([*uv, "--python", environment.python, *project], root)
    except Missing as missing:
        print(f"uv could not install, trying pip ({missing})", flush=True)
        _run([*pip, *project], root)


def _run(command: Sequence[str], root: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as exc:
        raise Missing(f"'{' '.join(command)}' failed:\n{_tail(exc.stdout)}") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Missing(str(exc)) from exc


def _tail(output: str, lines: int = 15) -> str:
    return "\n".join(output.strip().splitlines()[-lines:])
