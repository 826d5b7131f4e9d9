"""What every daemon is: something with a name that starts, reports that it lives, and stops."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Protocol


class Daemon(Protocol):
    """A part of a process."""

    def start(self) -> None:
        """Begin to work; everything it needs to take requests is there when this returns."""

    def stop(self) -> None:
        """Finish what is in hand and end."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One running process of a service. A restart is a new incarnation, and what the old one owned is orphaned."""

    binary: str
    host: str
    incarnation: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def owner(self) -> str:
        """How the journal names it."""
        return f"{self.binary}@{self.host}"
