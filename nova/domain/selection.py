"""Where a server goes: what the scheduler chose and claimed, and what it would have chosen next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Selection:
    """One node with the allocations that hold room for one server there."""

    host: str
    node: str
    node_uuid: str
    cell_uuid: str
    #: provider uuid -> resource class -> amount, as PUT /allocations takes it.
    allocations: Mapping[str, Mapping[str, int]]
    #: request group suffix -> provider uuids (Placement 1.34).
    mappings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    availability_zone: str | None = None


@dataclass(frozen=True, slots=True)
class ServerSelection:
    """The claimed host of one server, and unclaimed alternates in the same cell, best first."""

    server_uuid: str
    chosen: Selection
    alternates: tuple[Selection, ...] = ()
