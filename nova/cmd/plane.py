"""Where the objects above the cells meet: registry, targets, scatter, schedulers, conductors.

Nothing here decides anything; it takes values out of the configuration and puts collaborators together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from oslo_config import cfg

from groundwork.database import Database
from nova.audit.auditor import Auditor
from nova.audit.daemon import AuditDaemon
from nova.cells.discovery import discover_hosts
from nova.cells.registry import Cell, Registry
from nova.cells.reports import Cell0Reports
from nova.cells.scatter import Scatter
from nova.cells.target import Targets, with_timeouts
from nova.cells.templates import fill
from nova.clients.placement import Placement, load_placement
from nova.clients.volumes import load_attachments
from nova.conductor.scheduling import RemoteScheduling
from nova.conductor.super import SuperConductor
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.tools import SuperTools
from nova.rpc.bus import Bus
from nova.saga.entry import Hinter
from nova.saga.hints import CellHinter
from nova.saga.journal import Journal
from nova.saga.operation import Place
from nova.saga.store import CellStore
from nova.scheduler.daemon import SchedulerDaemon
from nova.scheduler.hosts import HostTable
from nova.scheduler.options import rules_from_conf
from nova.scheduler.rehearsal import Rehearsal
from nova.scheduler.selection import Selector
from nova.scheduler.server_places import ServerPlaces
from nova.scheduler.service import SchedulerEndpoint
from nova.service import Identity


class Plane:
    """What a process above the cells shares among its parts; each made when first asked for."""

    def __init__(self, conf: cfg.ConfigOpts, *, api_database: Database, transport_url: str) -> None:
        self.conf = conf
        self.api_database = api_database
        self._transport_url = transport_url

    @cached_property
    def bus(self) -> Bus:
        """The API level's bus."""
        return Bus(self.conf, self._transport_url)

    @cached_property
    def registry(self) -> Registry:
        """The cells."""
        return Registry(
            self.api_database,
            fill=fill,
            local_database_url=self.conf.database.connection or "",
            local_transport_url=self._transport_url,
            on_read=self._keep_only,
        )

    @cached_property
    def targets(self) -> Targets:
        """How to reach them."""
        return Targets(
            open_database=self._open_cell_database,
            open_lists=partial(self._open_cell_database, longest_read_s=self.conf.cell_timeout),
            open_bus=lambda url: Bus(self.conf, url),
        )

    @cached_property
    def reports(self) -> Cell0Reports:
        """Where services above the cells report."""
        return Cell0Reports(self.registry, self.targets)

    @cached_property
    def scatter(self) -> Scatter:
        """How to ask many of them."""
        return Scatter(
            self.targets,
            threads=self.conf.cell_worker_thread_pool_size,
            deadline_s=self.conf.cell_timeout,
        )

    @cached_property
    def placement(self) -> Placement:
        """Placement, with this service's credentials."""
        return load_placement(self.conf)

    def journal_of(self, cell: Cell) -> Journal:
        """The journal of a cell, with hints sent on its bus and on ours (cell0 has nobody to hint at)."""
        hinter: Hinter = _Silent()
        if not cell.is_cell0:
            hinter = CellHinter(
                cell_uuid=cell.uuid, cell_bus=self.targets.bus(cell), api_bus=self.bus
            )
        return Journal(self.scatter.database(cell), CellStore(), OPERATIONS, hinter)

    def super_conductor(self, identity: Identity) -> SuperConductor:
        """The super-conductor."""
        conf = self.conf
        tools = SuperTools(
            api_database=self.api_database,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
            scheduling=RemoteScheduling(self.bus, max_attempts=conf.scheduler.max_attempts),
            placement=self.placement,
            journal_of=lambda uuid: self.journal_of(self.registry.by_uuid(uuid)),
            attachments=load_attachments(conf),
        )
        return SuperConductor(
            tools=tools,
            api_bus=self.bus,
            reports=self.reports,
            identity=identity,
            threads=conf.rpc_threads,
            service_down_time_s=conf.service_down_time,
            report_interval_s=conf.report_interval,
        )

    def scheduler(self, identity: Identity) -> SchedulerDaemon:
        """A scheduler."""
        conf = self.conf
        rules = rules_from_conf(conf)
        hosts = HostTable(
            api_database=self.api_database,
            registry=self.registry,
            scatter=self.scatter,
            default_zone=conf.default_availability_zone,
            with_counts=rules.needs_counts,
            with_images=rules.needs_images,
            image_keys=rules.image_keys,
        )
        servers = ServerPlaces(
            api_database=self.api_database, registry=self.registry, scatter=self.scatter
        )
        selector = Selector(
            hosts=hosts,
            rules=rules,
            servers=servers,
            max_placement_results=conf.scheduler.max_placement_results,
        )
        rehearsal = Rehearsal(
            hosts=hosts,
            rules=rules,
            servers=servers,
            max_placement_results=conf.scheduler.max_placement_results,
        )
        return SchedulerDaemon(
            endpoint=SchedulerEndpoint(
                selector=selector, rehearsal=rehearsal, placement_for=self.placement.acting_for
            ),
            bus=self.bus,
            reports=self.reports,
            identity=identity,
            threads=conf.rpc_threads,
            report_interval_s=conf.report_interval,
            discover_hosts=self.discover_hosts,
            discover_interval_s=conf.scheduler.discover_hosts_in_cells_interval,
        )

    def audit(self) -> Iterator[AuditDaemon]:
        """The periodic audit, where it is switched on."""
        options = self.conf.audit
        if options.interval:
            yield AuditDaemon(
                lambda sleep: Auditor(
                    api_database=self.api_database,
                    cells=self.registry.all,
                    databases=self.targets,
                    placement=self.placement,
                    idle_s=options.idle_time,
                    grace_s=options.grace,
                    sleep=sleep,
                ),
                interval_s=options.interval,
                metrics_file=Path(options.metrics_file) if options.metrics_file else None,
            )

    def discover_hosts(self) -> object:
        """Map hosts that are new in their cells."""
        return discover_hosts(self.api_database, self.registry.real(), self.targets)

    def _open_cell_database(self, url: str, longest_read_s: float | None = None) -> Database:
        # Nobody above the cells waits for one that is not there: retries are the breakers' business.
        return Database.from_conf(
            self.conf.database,
            url=with_timeouts(url),
            max_retries=0,
            longest_read_s=longest_read_s,
        )

    def _keep_only(self, cells: tuple[Cell, ...]) -> None:
        self.scatter.keep_only(cells)
        self.targets.keep_only(cells)

    def close(self) -> None:
        """Give back connections and threads."""
        self.scatter.close()
        self.targets.close()
        self.bus.close()
        self.api_database.dispose()


class _Silent:
    """Hints into cell0: nobody works there."""

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Nothing to do."""
