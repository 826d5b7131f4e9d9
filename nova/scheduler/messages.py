"""What the scheduler is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from nova.domain.request_spec import RequestSpec
from nova.domain.selection import ServerSelection
from nova.rpc.message import message

SCHEDULER_TOPIC = "scheduler"


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
