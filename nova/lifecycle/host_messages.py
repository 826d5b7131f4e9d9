"""What computes are told, besides what waits for them in the journal. They may be lost like every cast."""

from __future__ import annotations

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
