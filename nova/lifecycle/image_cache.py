"""Having images fetched before servers need them: a hint to each host, in whatever cell it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from groundwork.context import RequestContext
from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.target import Targets
from nova.db.api import host_mappings
from nova.lifecycle.host_messages import CacheImages
from nova.rpc.bus import Address
from nova.saga.messages import COMPUTE_TOPIC


class ImageCaching:
    """Tells hosts. Nobody waits for them, and nothing depends on it."""

    def __init__(self, *, api_database: Database, registry: Registry, targets: Targets) -> None:
        self._database = api_database
        self._registry = registry
        self._targets = targets

    def ask_hosts(
        self, context: RequestContext, hosts: Collection[str], image_ids: Sequence[str]
    ) -> None:
        """Ask each of these hosts to fetch the images; hosts that are in no cell are left out."""
        with self._database.read() as tx:
            mapped = [found for host in hosts if (found := host_mappings.find(tx, host))]
        for each in mapped:
            bus = self._targets.bus(self._registry.by_id(each.cell_id))
            bus.cast(
                context,
                Address(COMPUTE_TOPIC, server=each.host),
                CacheImages(image_ids=tuple(image_ids)),
            )
