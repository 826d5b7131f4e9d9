"""The host table: every node that Placement may name, as a host that filters and weighers can look at.

Which cell a node lives in is learned once, by asking all cells that have hosts; after that only the cells that own
candidates are asked, and they only when what is known is older than a few seconds.

How many servers a host has is what its cell has told, and those that this process has sent there since
(``arrivals.py``, which also says by how much several processes can be wrong).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from groundwork import columns
from groundwork.database import Database
from nova.cells.registry import Cell, Registry
from nova.cells.scatter import Scatter
from nova.db.api.aggregates import ZONE_KEY
from nova.scheduler.arrivals import Arrivals
from nova.scheduler.cell_hosts import Moment
from nova.scheduler.cell_readings import CellReadings, Freshness, age_s
from nova.scheduler.host_rows import read_aggregates, read_mappings
from nova.scheduler.host_view import AggregateView, Ask, HostView, Load
from nova.scheduler.kept_answers import KeptAnswers, Known

# Why a node that Placement named is no host; the constraints under which "no valid host" counts them.
UNKNOWN = "known compute nodes"
UNMAPPED = "hosts mapped to a cell"
DISABLED_CELL = "enabled cells"
SILENT_CELL = "cells that answer"
NO_SERVICE = "compute services"


@dataclass(frozen=True, slots=True)
class _Globals:
    """What the API database says of hosts."""

    read_at: Moment
    cell_of_host: Mapping[str, int]
    cells_with_hosts: frozenset[int]
    aggregates: Mapping[str, tuple[AggregateView, ...]]
    every_aggregate: tuple[AggregateView, ...]
    zones: Mapping[str, str]


class HostTable:
    """Hosts of all enabled cells, read when needed and kept for seconds. Thread safe; a process needs one."""

    def __init__(
        self,
        *,
        api_database: Database,
        registry: Registry,
        scatter: Scatter,
        default_zone: str = "nova",
        with_counts: bool = True,
        with_images: bool = False,
        image_keys: Collection[str] = (),
        freshness: Freshness | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = columns.now,
    ) -> None:
        """``with_counts``: whether ``num_instances`` and ``num_io_ops`` are wanted, ``with_images``: whether ``images``
        are: else they are while an aggregate has metadata under one of ``image_keys``. ``clock``: monotonic seconds.
        """
        self._api_database = api_database
        self._registry = registry
        self._default_zone = default_zone
        self._with_counts = with_counts or with_images
        self._with_images = with_images
        self._image_keys = frozenset(image_keys)
        self._fresh = freshness or Freshness()
        self._clock = clock
        self._now = now
        # Not held while cells are asked.
        self._lock = threading.Lock()
        self._globals: _Globals | None = None
        #: Nodes that no cell has, and when all were asked for them.
        self._unknown_at: dict[str, Moment] = {}
        #: Answers that hold as long as ``_state`` does.
        self._found: dict[str, HostView | str] = {}
        self._state: object = None
        self._kept = KeptAnswers()
        self._arrivals = Arrivals(longest_s=self._fresh.arrival_s)
        self._readings = CellReadings(
            scatter,
            self._lock,
            self._arrivals,
            freshness=self._fresh,
            with_counts=self._with_counts,
            with_images=with_images,
            moment=self.moment,
        )
        #: How often the API database was read.
        self._looks = 0

    def moment(self) -> Moment:
        """Now, by this table's clocks."""
        return Moment(self._clock(), self._now())

    def find(self, node_uuids: Collection[str], *, not_before: Moment | None = None) -> Known:
        """The hosts behind these providers; those that are no node (shared storage) are among the missing.

        :param not_before: what was read earlier is read again, because it makes a request fail.
        """
        with self._lock:
            at = self.moment()
            known = self._refresh_globals(at, not_before)
            enabled = self._enabled_cells()
            found = self._kept.get(node_uuids, self._state_of(enabled))
            if found is None:
                owners = self._owners(node_uuids, known, enabled, at, not_before)
            else:
                owners = [enabled[owner] for owner in found.owners if owner in enabled]
            refreshed = self._readings.refresh(owners, at, not_before)
            # Others may have read them anew meanwhile.
            known = self._globals or known
            if found is not None and found.state == self._state_of(enabled):
                return found.known
            self._note_unknown(node_uuids, known.cells_with_hosts & enabled.keys(), refreshed, at)
            told = self._known(node_uuids, known, enabled)
            self._kept.keep(node_uuids, self._state, self._readings.cell_of_node, told)
            return told

    def promised(self, host: HostView, ask: Ask) -> None:
        """A server of this request was placed on the host: its hardware is not promised again.

        Holds until rows are read the next time. By then the host's compute has claimed it, and if not, it will find out
        itself what is left.
        """
        if ask.numa is None and not ask.spec.pci_requests:
            return
        with self._lock:
            found = self._found.get(host.node_uuid)
            if isinstance(found, HostView) and found.hardware is not None:
                less = found.hardware.after_placing(ask.numa, ask.spec.pci_requests, 1)
                self._replace(replace(found, hardware=less))

    def expect(self, server: str, host: HostView) -> Load:
        """Count the server on the host from now on, and on no other; everyone else who counts there now.

        Holds until the counts of its cell show it (``arrivals.py``), or ``expect_no_more``. Costs the same however many
        hosts and arrivals there are.
        """
        if not self._with_counts:
            return host.load
        with self._lock:
            self._expect_no_more(server)
            others = self._load_of(host)
            self._arrivals.add(server, host, now_s=self._clock())
            self._recount(host)
            return others

    def expect_no_more(self, servers: Iterable[str]) -> None:
        """These servers go nowhere, or it has not been decided yet where."""
        with self._lock:
            for server in servers:
                self._expect_no_more(server)

    def doubt_counts(self, *, not_before: Moment) -> None:
        """Counts from before that make a request fail: they are read again together with rows that are too old for it.

        Not sooner than the part of the time that reading may take allows.
        """
        with self._lock:
            self._readings.doubt_counts(not_before)

    def nodes_of(self, host: str | None, node: str | None) -> tuple[HostView, ...]:
        """The nodes of a host, or the nodes of that name on any host, or both; by host and node name."""
        with self._lock:
            at = self.moment()
            known = self._refresh_globals(at, None)
            owners = known.cells_with_hosts if host is None else {known.cell_of_host.get(host)}
            enabled = self._enabled_cells()
            cells = [cell for cell_id, cell in enabled.items() if cell_id in owners]
            self._readings.refresh(cells, at, None)
            known = self._globals or known
            uuids = [
                row.uuid
                for cell in cells
                for row in self._readings.cells[cell.id].nodes.values()
                if host in (None, row.host) and node in (None, row.hypervisor_hostname)
            ]
            found = self._known(uuids, known, enabled).hosts.values()
            return tuple(sorted(found, key=lambda view: (view.host, view.node)))

    def cells_of(self, node_uuids: Collection[str]) -> Mapping[str, str]:
        """The names of the cells that these nodes are in, whatever their state; those in none are left out."""
        self.find(node_uuids)
        with self._lock:
            names = {cell.id: cell.name or cell.uuid for cell in self._registry.real()}
            owners = ((uuid, self._readings.cell_of_node.get(uuid)) for uuid in node_uuids)
            return {uuid: names[owner] for uuid, owner in owners if owner in names}

    def aggregates(self, *, not_before: Moment | None = None) -> tuple[AggregateView, ...]:
        """Every host aggregate, those without hosts too, oldest first.

        :param not_before: what was read earlier is read again, because it makes a request fail.
        """
        with self._lock:
            return self._refresh_globals(self.moment(), not_before).every_aggregate

    def count(self) -> int:
        """How many hosts there are in enabled cells, whatever their state."""
        with self._lock:
            known = self._refresh_globals(self.moment(), None)
            enabled = self._enabled_cells()
            return sum(1 for cell_id in known.cell_of_host.values() if cell_id in enabled)

    def _expect_no_more(self, server: str) -> None:
        host = self._arrivals.remove(server)
        if host is not None:
            self._recount(host)

    def _recount(self, host: HostView) -> None:
        """Give the host with other counts to whoever asks next."""
        found = self._found.get(host.node_uuid)
        if isinstance(found, HostView):
            self._replace(found.with_load(self._load_of(found)))

    def _load_of(self, host: HostView) -> Load:
        """The servers that the host's cell has told of, and those that are on their way."""
        arrivals = self._arrivals.on(host.node_uuid)
        counts = self._readings.cells[self._readings.cell_of_node[host.node_uuid]].counts_of(
            host.host, host.node
        )
        return Load(counts.servers + arrivals, counts.busy + arrivals)

    def _replace(self, host: HostView) -> None:
        self._found[host.node_uuid] = host
        self._kept.change(host)

    def _enabled_cells(self) -> dict[int, Cell]:
        return {cell.id: cell for cell in self._registry.real() if not cell.disabled}

    def _refresh_globals(self, at: Moment, not_before: Moment | None) -> _Globals:
        found = self._globals
        if found is not None and not self._readings.is_old(found.read_at, at, not_before):
            return found
        with self._api_database.read() as tx:
            mappings, (every, aggregates) = read_mappings(tx), read_aggregates(tx)
        if found is not None:
            # The same objects where nothing changed, so that views made of them stay.
            old = found.aggregates
            aggregates = {h: old[h] if old.get(h) == of else of for h, of in aggregates.items()}
            if found.cell_of_host != mappings:
                self._unknown_at.clear()
        self._looks += 1
        self._readings.with_images = self._with_images or any(
            not self._image_keys.isdisjoint(each.metadata) for each in every
        )
        zones = {host: zone for host, of in aggregates.items() if (zone := _zone(of))}
        cells = frozenset(mappings.values())
        self._globals = _Globals(at, mappings, cells, aggregates, every, zones)
        return self._globals

    def _owners(
        self,
        node_uuids: Iterable[str],
        known: _Globals,
        enabled: Mapping[int, Cell],
        at: Moment,
        not_before: Moment | None,
    ) -> list[Cell]:
        """The cells that own these nodes; all that have hosts, when a node is new to this table."""
        owners: set[int] = set()
        for uuid in node_uuids:
            owner = self._readings.cell_of_node.get(uuid)
            if owner is not None:
                owners.add(owner)
            elif not_before or age_s(self._unknown_at.get(uuid), at) >= self._fresh.full_s:
                owners.update(known.cells_with_hosts)
        return [cell for cell_id, cell in enabled.items() if cell_id in owners]

    def _note_unknown(
        self,
        node_uuids: Iterable[str],
        with_hosts: Collection[int],
        refreshed: Collection[int],
        at: Moment,
    ) -> None:
        """Remember which nodes no cell has, if every cell has just told: else shared storage means asking all cells."""
        if all(
            cell_id in refreshed and self._readings.has_told(cell_id, at) for cell_id in with_hosts
        ):
            unknown = (uuid for uuid in node_uuids if uuid not in self._readings.cell_of_node)
            self._unknown_at.update(dict.fromkeys(unknown, at))

    def _known(
        self, node_uuids: Iterable[str], known: _Globals, enabled: Mapping[int, Cell]
    ) -> Known:
        """What is known of these nodes; each is looked up once after every reading."""
        state = self._state_of(enabled)
        if state != self._state:
            self._state = state
            self._found = {}
        hosts: dict[str, HostView] = {}
        missing: dict[str, str] = {}
        for uuid in node_uuids:
            found = self._found.get(uuid)
            if found is None:
                found = self._view(uuid, known, enabled)
                if isinstance(found, HostView) and self._arrivals.on(uuid):
                    found = found.with_load(self._load_of(found))
                self._found[uuid] = found
            if isinstance(found, str):
                missing[uuid] = found
            else:
                hosts[uuid] = found
        return Known(hosts, missing)

    def _state_of(self, enabled: Mapping[int, Cell]) -> object:
        """Two answers that were given in the same state are the same."""
        return (self._looks, self._readings.number, frozenset(enabled))

    def _view(self, uuid: str, known: _Globals, enabled: Mapping[int, Cell]) -> HostView | str:
        """The node as a host, or why it is none."""
        owner = self._readings.cell_of_node.get(uuid)
        if owner is None:
            return UNKNOWN
        if owner not in enabled:
            return DISABLED_CELL
        cell = self._readings.cells[owner]
        node = cell.nodes.get(uuid)
        if node is None:
            return UNKNOWN
        if known.cell_of_host.get(node.host) != owner:
            return UNMAPPED
        if cell.silent_since is not None:
            return SILENT_CELL
        zone = known.zones.get(node.host, self._default_zone)
        view = cell.view(uuid, aggregates=known.aggregates.get(node.host, ()), zone=zone)
        return NO_SERVICE if view is None else view


def _zone(aggregates: Iterable[AggregateView]) -> str | None:
    """The zone that a host's aggregates put it in; the API lets no host into two."""
    return next((a.metadata[ZONE_KEY] for a in aggregates if ZONE_KEY in a.metadata), None)
