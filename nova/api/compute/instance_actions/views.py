"""Instance actions and their events on the wire."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.api.compute.services.views import time_text
from nova.db.cell.actions import ActionRow, EventRow


class ActionView(View[ActionRow]):
    """An action without its events."""

    def start(self, shown: ActionRow) -> dict[str, Any]:
        """As of 2.1."""
        return {
            "action": shown.action,
            "instance_uuid": shown.instance_uuid,
            "request_id": shown.request_id,
            "user_id": shown.user_id,
            "project_id": shown.project_id,
            "start_time": time_text(shown.start_time),
            "message": shown.message,
        }

    @changed_in("2.58")
    def _updated_at(self, body: dict[str, Any], shown: ActionRow) -> None:
        body["updated_at"] = time_text(shown.updated_at)


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event, the project of its server, and which parts of it the caller may see."""

    event: EventRow
    project_id: str
    shows_traceback: bool
    shows_host: bool
    shows_details: bool


class EventView(View[ShownEvent]):
    """One event of an action."""

    def start(self, shown: ShownEvent) -> dict[str, Any]:
        """As of 2.1."""
        event = shown.event
        body = {
            "event": event.event,
            "start_time": time_text(event.start_time),
            "finish_time": time_text(event.finish_time),
            "result": event.result,
        }
        if shown.shows_traceback:
            body["traceback"] = event.traceback
        return body

    @changed_in("2.62")
    def _host(self, body: dict[str, Any], shown: ShownEvent) -> None:
        body["hostId"] = host_id(shown.project_id, shown.event.host)
        if shown.shows_host:
            body["host"] = shown.event.host

    @changed_in("2.84")
    def _details(self, body: dict[str, Any], shown: ShownEvent) -> None:
        if shown.shows_details:
            body["details"] = shown.event.details


def host_id(project_id: str, host: str | None) -> str:
    """A name for the host that differs per project, so that tenants can tell hosts apart but not name them."""
    if not host:
        return ""
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest()
