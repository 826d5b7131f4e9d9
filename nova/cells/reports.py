"""Where services above the cells report that they live: cell0's database, wherever that is mapped to now."""

from __future__ import annotations

from dataclasses import dataclass

from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.target import Targets


@dataclass(frozen=True, slots=True)
class Cell0Reports:
    """See :class:`nova.life_signs.ReportingDatabase`. :raises NotFound: cell0 is not mapped."""

    registry: Registry
    targets: Targets

    def known(self) -> Database:
        """By the mapping as it was read last."""
        return self.targets.database(self.registry.cell0())

    def latest(self) -> Database:
        """By the mapping as it is."""
        self.registry.forget()
        return self.known()
