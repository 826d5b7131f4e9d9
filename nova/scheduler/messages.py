"""What the scheduler is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from nova.domain.outlook import Outlook
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


@message(reply=Outlook)
class DryRun:
    """Say where ``count`` servers would go now, or why not and what would help; nothing is claimed or written.

    Changes that would help are looked for as long as ``within_s`` seconds allow.
    """

    spec: RequestSpec
    count: int = 1
    alternates: int = 0
    within_s: float = 20.0
