"""What the scheduler is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nova.domain.request_spec import RequestSpec
from nova.rpc.message import message


@dataclass(frozen=True, slots=True)
class Selection:
    """One place for a server: a node, and what the server takes there.

    ``allocations`` is provider uuid -> resource class -> amount; ``mappings`` tells which providers serve which
    request group. Both are what a claim needs, so an alternate can be claimed without asking the scheduler again.
    """

    host: str
    node: str
    node_uuid: str
    cell_uuid: str
    allocations: Mapping[str, Mapping[str, int]]
    mappings: Mapping[str, tuple[str, ...]]
    availability_zone: str | None = None


@dataclass(frozen=True, slots=True)
class ServerSelection:
    """Where one server goes (claimed) and where it may go if that fails (not claimed, best first, same cell)."""

    server_uuid: str
    chosen: Selection
    alternates: tuple[Selection, ...] = ()


@dataclass(frozen=True, slots=True)
class Selections:
    """One selection for each server, in the order in which they were asked for."""

    servers: tuple[ServerSelection, ...]


@message(reply=Selections)
class SelectDestinations:
    """Choose and claim a host for each of ``servers``, or for none of them.

    ``alternates`` is how many further hosts each server gets at most. Asking again for servers that hold a claim
    already replaces the claim, so a repeated message leaves one claim for each.
    """

    spec: RequestSpec
    servers: tuple[str, ...]
    alternates: int = 0
