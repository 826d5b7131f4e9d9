"""The fake hypervisor's disk: one JSON file per guest, and nothing else that remembers.

A file is replaced by renaming a complete new one over it, so a reader, or a process that comes
after one that was killed, sees the old content or the new one. There is no fsync: what a crash of
the whole machine tears is read as a half-made guest, which ``spawn`` completes and ``destroy``
clears.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import uuid as uuidlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from groundwork.errors import Invalid, Unavailable
from nova.virt.guest import GuestSpec, PowerState

_SUFFIX = ".json"
_UNFINISHED = ".tmp"
_IMAGES = "images"
_ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class GuestRecord:
    """What the fake hypervisor keeps of a guest. Secrets of the tenant are not kept."""

    uuid: str
    power_state: PowerState = PowerState.NOSTATE
    name: str = ""
    instance_name: str = ""
    project_id: str = ""
    node: str = ""
    image_id: str | None = None
    vcpus: int = 0
    memory_mb: int = 0
    root_gb: int = 0
    ephemeral_gb: int = 0
    swap_mb: int = 0
    #: CPUs of the host that are the guest's own, and addresses of its PCI devices.
    cpus: tuple[int, ...] = ()
    devices: tuple[str, ...] = ()
    #: Volumes whose growth the guest was shown, by id.
    extended_volumes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the making of the guest came to its end."""
        return self.power_state is not PowerState.NOSTATE

    @classmethod
    def begun(cls, guest: GuestSpec) -> GuestRecord:
        """The record of a guest whose making has begun."""
        return cls(
            uuid=guest.uuid,
            name=guest.name,
            instance_name=guest.instance_name,
            project_id=guest.project_id,
            node=guest.node,
            image_id=guest.image_id,
            vcpus=guest.vcpus,
            memory_mb=guest.memory_mb,
            root_gb=guest.root_gb,
            ephemeral_gb=guest.ephemeral_gb,
            swap_mb=guest.swap_mb,
            cpus=tuple(cpu for cell in guest.pins.cells for _, cpu in cell.pins),
            devices=tuple(pinned.device.address for pinned in guest.pins.devices),
        )


class GuestFiles:
    """The files of one host's guests, below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self) -> None:
        """Make the directory, and clear what a killed process left half-written."""
        with _reachable():
            self._directory.mkdir(parents=True, exist_ok=True)
        with self.locked():
            for leftover in self._directory.glob(f"*{_UNFINISHED}"):
                leftover.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the files, among threads and processes; for read-then-write, never for
        waiting.

        The kernel lets go of the lock when the process dies.
        """
        with _reachable(), open(self._directory / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, uuid: str) -> GuestRecord | None:
        """The guest's record, None when there is no such guest."""
        path = self._path(uuid)
        with _reachable():
            try:
                text = path.read_bytes()
            except FileNotFoundError:
                return None
        return _parsed(path.stem, text)

    def read_all(self) -> list[GuestRecord]:
        """All records, sorted by uuid; a guest that vanishes meanwhile is left out."""
        with _reachable():
            names = sorted(p.stem for p in self._directory.glob(f"*{_SUFFIX}"))
        records = (self.read(name) for name in names)
        return [record for record in records if record is not None]

    def write(self, record: GuestRecord) -> None:
        """Put the record in place of the former one, all of it or nothing."""
        path = self._path(record.uuid)
        with _reachable():
            handle, unfinished = tempfile.mkstemp(suffix=_UNFINISHED, dir=self._directory)
            with open(handle, "w") as file:
                json.dump(asdict(record), file, indent=1)
            os.replace(unfinished, path)

    def remove(self, uuid: str) -> None:
        """Make sure that the guest has no file."""
        with _reachable():
            self._path(uuid).unlink(missing_ok=True)

    # Guests that have moved away, or are about to: kept, switched off, until the move is confirmed.

    def read_aside(self, uuid: str) -> GuestRecord | None:
        """The guest as it was put aside, off; None when none was."""
        path = self._path(uuid, _ASIDE)
        with _reachable():
            try:
                text = path.read_bytes()
            except FileNotFoundError:
                return None
        return replace(_parsed(path.stem, text), power_state=PowerState.SHUTDOWN)

    def all_aside(self) -> list[str]:
        """The uuids of guests that were put aside, sorted."""
        with _reachable():
            return sorted(p.stem for p in (self._directory / _ASIDE).glob(f"*{_SUFFIX}"))

    def put_aside(self, uuid: str) -> None:
        """Put the guest's file aside."""
        with _reachable():
            (self._directory / _ASIDE).mkdir(exist_ok=True)
            os.replace(self._path(uuid), self._path(uuid, _ASIDE))

    def take_back(self, uuid: str) -> None:
        """Make what was put aside the guest's file again, in place of the present one; nothing was: no change."""
        with _reachable():
            try:
                os.replace(self._path(uuid, _ASIDE), self._path(uuid))
            except FileNotFoundError:
                return

    def remove_aside(self, uuid: str) -> None:
        """Make sure that nothing of the guest is aside."""
        with _reachable():
            self._path(uuid, _ASIDE).unlink(missing_ok=True)

    def note_image(self, image_id: str) -> None:
        """Remember that the image is on the host."""
        folder = self._directory / _IMAGES
        with _reachable():
            folder.mkdir(exist_ok=True)
            (folder / str(uuidlib.UUID(image_id))).touch()

    def noted_images(self) -> tuple[str, ...]:
        """The images that are on the host, sorted."""
        with _reachable():
            return tuple(sorted(path.name for path in (self._directory / _IMAGES).glob("*")))

    def _path(self, uuid: str, folder: str = "") -> Path:
        try:
            return self._directory / folder / f"{uuidlib.UUID(uuid)}{_SUFFIX}"
        except ValueError:
            raise Invalid(f"{uuid} is no uuid of a guest.") from None


def _parsed(uuid: str, text: bytes) -> GuestRecord:
    try:
        fields: dict[str, Any] = json.loads(text)
        found = GuestRecord(**{**fields, "power_state": PowerState(fields["power_state"])})
        return replace(
            found,
            cpus=tuple(found.cpus),
            devices=tuple(found.devices),
            extended_volumes=tuple(found.extended_volumes),
        )
    except (ValueError, TypeError, KeyError):
        return GuestRecord(uuid)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Unavailable(
            "The fake hypervisor cannot use its files.", internal=f"{exc.filename}: {exc.strerror}"
        ) from exc
