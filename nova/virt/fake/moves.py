"""Guests that move between fake hosts: what stays aside at the source, and what arrives at the destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from groundwork.errors import NotFound
from nova.virt.fake.faults import FaultPlan
from nova.virt.fake.guest_files import GuestFiles, GuestRecord
from nova.virt.guest import GuestSpec, PowerState


class GuestMoves:
    """The part of the fake driver that is ``ColdMoves``. The disk is what a guest's file says beyond its flavor."""

    _files: GuestFiles
    _faults: FaultPlan
    _complete: Callable[[str], GuestRecord]
    _check_node: Callable[[str], None]

    def hand_off(self, uuid: str) -> Mapping[str, Any]:
        """See ``ColdMoves``. One rename, so a process that is killed has done it or not."""
        self._faults.strike("hand_off", uuid)
        with self._files.locked():
            origin = self._files.read_aside(uuid)
            if origin is None:
                origin = self._complete(uuid)
                self._files.put_aside(uuid)
        return {
            "image_id": origin.image_id,
            "root_gb": origin.root_gb,
            "extended_volumes": list(origin.extended_volumes),
        }

    def take_over(self, guest: GuestSpec, disk: Mapping[str, Any], *, running: bool) -> None:
        """See ``ColdMoves``."""
        self._check_node(guest.node)
        self._faults.strike("take_over", guest.uuid)
        with self._files.locked():
            present = self._files.read(guest.uuid)
            if present is not None and present.is_complete:
                return
            arrived = replace(
                GuestRecord.begun(guest),
                power_state=_power(running=running),
                image_id=disk["image_id"],
                extended_volumes=tuple(disk["extended_volumes"]),
            )
            self._files.write(arrived)

    def discard_arrival(self, uuid: str) -> None:
        """See ``ColdMoves``."""
        self._faults.strike("discard_arrival", uuid)
        with self._files.locked():
            self._files.remove(uuid)

    def restore(self, uuid: str, *, running: bool) -> None:
        """See ``ColdMoves``."""
        self._faults.strike("restore", uuid)
        with self._files.locked():
            self._files.take_back(uuid)
            record = self._files.read(uuid)
            if record is None:
                raise NotFound(f"Guest {uuid} is not on this host.")
            self._files.write(replace(record, power_state=_power(running=running)))

    def forget_origin(self, uuid: str) -> None:
        """See ``ColdMoves``."""
        self._faults.strike("forget_origin", uuid)
        with self._files.locked():
            self._files.remove_aside(uuid)


def _power(*, running: bool) -> PowerState:
    return PowerState.RUNNING if running else PowerState.SHUTDOWN
