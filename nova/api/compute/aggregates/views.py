"""Aggregates as clients see them, by version."""

from __future__ import annotations

from typing import Any

from nova.api.changes import View, changed_in
from nova.api.compute.services.views import time_text
from nova.db.api.aggregates import Aggregate


class MadeView(View[Aggregate]):
    """What was just created: nothing can be in it yet."""

    def start(self, shown: Aggregate) -> dict[str, Any]:
        return {
            "id": shown.id,
            "name": shown.name,
            "availability_zone": shown.zone,
            "created_at": time_text(shown.created_at),
            "updated_at": time_text(shown.updated_at),
            "deleted": False,
            "deleted_at": None,
        }

    @changed_in("2.41")
    def _uuid(self, body: dict[str, Any], shown: Aggregate) -> None:
        body["uuid"] = shown.uuid


class AggregateView(MadeView):
    """An aggregate with its hosts and metadata."""

    def start(self, shown: Aggregate) -> dict[str, Any]:
        return {
            **super().start(shown),
            "hosts": list(shown.hosts),
            "metadata": dict(shown.metadata),
        }
