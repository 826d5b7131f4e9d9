"""The work directory: its lock, its secrets and what has been done in it before."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quickstart_parts.failure import Failure

_MARK = "state.json"
_USERS = ("admin", "demo", "nova", "placement", "glance")


class State:
    """What has to be known again at the next start, kept in ``state.json`` (readable by its owner only)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        self.seeded_for: str = known.get("seeded_for", "")
        self.migrated_for: str = known.get("migrated_for", "")
        self.passwords: dict[str, str] = known.get("passwords") or {
            user: secrets.token_urlsafe(24) for user in _USERS
        }

    def save(self) -> None:
        """Replace the file in one step."""
        new = self._path.with_suffix(".new")
        # The passwords are in there: never readable by others, not even for a moment.
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(
                {
                    "passwords": self.passwords,
                    "migrated_for": self.migrated_for,
                    "seeded_for": self.seeded_for,
                },
                file,
                indent=2,
            )
        new.replace(self._path)


def check_directory(work_dir: Path) -> None:
    """Promise that ``work_dir`` is absent, empty or a quick start's.

    :raises Failure: it holds other things, which we would mix with ours or remove.
    """
    if not work_dir.exists():
        return
    if not work_dir.is_dir():
        raise Failure(f"--dir: {work_dir} is not a directory")
    # An installation that failed leaves its log and nothing else.
    foreign = {entry.name for entry in work_dir.iterdir()} - {"logs", "lock"}
    if foreign and not (work_dir / _MARK).is_file():
        raise Failure(
            f"--dir: {work_dir} holds other things ({sorted(foreign)[0]}, ...); name an empty one"
        )


@contextlib.contextmanager
def locked(work_dir: Path) -> Iterator[None]:
    """Hold the directory for this process alone; the kernel lets go of it however the process ends.

    :raises Failure: another quick start runs in it.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Failure(
                f"another quick start (pid {holder}) runs in {work_dir}; use --dir for a second one"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def open_state(work_dir: Path) -> State:
    """The state of the directory; a new one is saved at once, so that its secrets stay."""
    state = State(work_dir / _MARK)
    state.save()
    return state


def remove_directory(work_dir: Path) -> bool:
    """Remove a quick start's directory with all servers in it; tells whether there was one.

    :raises Failure: it is in use, or no quick start made it.
    """
    if not work_dir.exists():
        return False
    check_directory(work_dir)
    with locked(work_dir):
        shutil.rmtree(work_dir)
    return True
