"""What computes are told or asked, besides what waits for them in the journal. Casts may be lost, as always."""

from __future__ import annotations

from nova.domain.console import ConsoleAccess
from nova.domain.external_event import ExternalEvent
from nova.rpc.message import message


@message()
class TakeExternalEvents:
    """Other services tell of these events of servers that are on your host, or on their way to it or from it.

    Like every cast it may get lost: whoever waits for an event has a deadline and looks for itself when it has passed.
    """

    events: tuple[ExternalEvent, ...]


@message()
class CacheImages:
    """Fetch these images now, so that later servers need not wait for them. Losing it costs that wait."""

    image_ids: tuple[str, ...]


@message(reply=ConsoleAccess)
class OpenConsole:
    """Where is this console of this guest of yours, and how do clients get there?

    ``console_type`` is one of :class:`~nova.domain.console.ConsoleType`, as text: an older host could not even read a
    new member.
    """

    server_uuid: str
    console_type: str
