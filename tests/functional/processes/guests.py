"""What the fake hypervisors hold, read from their disks."""

from __future__ import annotations

from pathlib import Path

from nova.virt.fake.guest_files import GuestFiles


def complete_guests(state: Path) -> dict[str, str]:
    """The host of each guest that is made, of all hosts that keep their state there; a guest on two is a failure."""
    found: dict[str, str] = {}
    for folder in sorted((state / "fake-hypervisor").iterdir()):
        for record in GuestFiles(folder).read_all():
            if record.is_complete:
                assert record.uuid not in found, f"guest {record.uuid} is on two hosts"
                found[record.uuid] = folder.name
    return found


def unfinished_guests(state: Path) -> set[str]:
    """Guests whose making has begun and not ended."""
    return {
        record.uuid
        for folder in (state / "fake-hypervisor").iterdir()
        for record in GuestFiles(folder).read_all()
        if not record.is_complete
    }
