"""Accepting resizes and cold migrations, and the answers to them: what the API decides before an operation begins.

Two databases without a common transaction, in this order:

1. In the API database the server is counted for the larger of both flavors, if the quota allows; its mapping is
   marked, so that it will be looked at again (``nova/conductor/settling.py``).
2. In the cell, one transaction takes the task_state, records the migration and begins the operation.

Who stops in between, or finds the server busy in the second step, leaves a mark and no more: the server rests, so it
will be counted as what it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid
from nova.cells.registry import Cell
from nova.cells.servers import Located, not_found
from nova.db.api import host_mappings, instance_mappings, moving_mappings
from nova.db.api.moving_mappings import Sizes
from nova.db.cell import server_migrations, servers, services
from nova.domain.flavor import Flavor
from nova.domain.migration import Migration, MigrationStatus, MigrationType, Origin
from nova.domain.pci_aliases import EXTRA_SPEC
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle import hardware
from nova.lifecycle.confirm_resize import CONFIRM
from nova.lifecycle.resize import MIGRATE, RESIZE, MovePayload
from nova.lifecycle.resize_answer import Answer
from nova.lifecycle.revert_resize import REVERT
from nova.lifecycle.states import (
    TaskState,
    VmState,
    require_resting,
    require_unlocked,
    wrong_state,
)
from nova.liveness import is_up
from nova.quota.ledger import spend
from nova.quota.limits import Limits
from nova.quota.tally import Demand
from nova.saga.journal import Journal

_MOVABLE = (VmState.ACTIVE, VmState.STOPPED)
_ANSWERABLE = (VmState.RESIZED,)


class MoveIntake:
    """Takes requests to move servers."""

    def __init__(
        self,
        *,
        api_database: Database,
        limits: Limits,
        journal_of: Callable[[Cell], Journal],
        allow_resize_to_same_host: bool,
        service_down_time_s: int,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._api_database = api_database
        self._limits = limits
        self._journal_of = journal_of
        self._same_host = allow_resize_to_same_host
        self._down_time_s = service_down_time_s
        self._clock = clock

    def resize(
        self,
        context: RequestContext,
        located: Located,
        flavor: Flavor,
        *,
        auto_disk_config: bool | None,
    ) -> None:
        """Begin to resize.

        :raises Conflict: locked, in a wrong state, or its host is down.
        :raises Invalid: the flavor is the one that the server has, or has no disk.
        :raises OverQuota: the larger of both flavors does not fit.
        """
        journal = self._may_move(context, located, RESIZE.action)
        server = located.server
        if flavor.flavorid == server.flavor.flavorid:
            raise Invalid("When resizing, instances must change flavor!")
        if flavor.root_gb == 0 and server.flavor.root_gb and server.image_ref:
            raise Invalid("Resize to zero disk flavor is not allowed.")
        spec = self._spec(located, flavor)
        _require_alike_everywhere(server, spec)
        if not self._same_host:
            spec = replace(spec, ignored_hosts=(str(server.host),))
        self._count(server, spec)
        self._begin(context, journal, located, RESIZE.action, spec, auto_disk_config)

    def migrate(self, context: RequestContext, located: Located, host: str | None) -> None:
        """Begin to migrate, to ``host`` where one is named; never to the host where the server is.

        :raises Conflict: locked, in a wrong state, or its host is down.
        :raises Invalid: there is no such host, or the server is on it.
        """
        journal = self._may_move(context, located, MIGRATE.action)
        server = located.server
        if host is not None:
            self._require_other_host(server, host)
        spec = self._spec(located, server.flavor)
        _require_alike_everywhere(server, spec)
        spec = replace(spec, requested_host=host, ignored_hosts=(str(server.host),))
        sizes = Sizes.of(spec)
        self._api_database.run(lambda tx: moving_mappings.mark(tx, server.uuid, sizes))
        self._begin(context, journal, located, MIGRATE.action, spec, None)

    def confirm(self, context: RequestContext, located: Located) -> None:
        """Begin to confirm a move; the server counts for its new flavor alone at once.

        :raises Conflict: locked, or in a wrong state.
        :raises Invalid: there is no move that waits for it.
        """
        journal = self._may_answer(context, located, CONFIRM.action)
        self._answer(context, journal, located.server, CONFIRM)
        self._count_only(located, located.server.flavor)

    def revert(self, context: RequestContext, located: Located) -> None:
        """Begin to revert a move; the server counts for its old flavor alone at once.

        :raises Conflict: locked, in a wrong state, or the host it would return to is down.
        :raises Invalid: there is no move that waits for it.
        """
        journal = self._may_answer(context, located, REVERT.action)
        migration = self._answer(context, journal, located.server, REVERT)
        assert migration.origin is not None
        self._count_only(located, migration.origin.flavor)

    # What has to hold.

    def _may_move(self, context: RequestContext, located: Located, verb: str) -> Journal:
        server = located.server
        require_unlocked(server, verb=verb, is_admin=bool(context.is_admin))
        require_resting(server, verb=verb, vm_states=_MOVABLE)
        if located.cell is None or server.host is None:
            raise Conflict(f"Instance {server.uuid} is not on any host.", server=server.uuid)
        journal = self._journal_of(located.cell)
        with journal.database.read() as tx:
            self._require_up(tx, server.host)
        return journal

    def _may_answer(self, context: RequestContext, located: Located, verb: str) -> Journal:
        server = located.server
        require_unlocked(server, verb=verb, is_admin=bool(context.is_admin))
        require_resting(server, verb=verb, vm_states=_ANSWERABLE)
        assert located.cell is not None, "a build request is in another state"
        return self._journal_of(located.cell)

    def _require_up(self, tx: Transaction, host: str) -> None:
        service = services.find(tx, host, services.COMPUTE)
        if service is None or not is_up(service, self._clock(), self._down_time_s):
            raise Conflict("Service is unavailable at this time.", host=host)

    def _require_other_host(self, server: Server, host: str) -> None:
        with self._api_database.read() as tx:
            known = host_mappings.find(tx, host)
        if known is None:
            raise Invalid(f"Compute host {host} could not be found.")
        if host == server.host:
            raise Invalid(
                f"Cannot migrate instance {server.uuid} to host {host}: it is there already."
            )

    # What is asked of the scheduler, and what it counts for.

    def _spec(self, located: Located, flavor: Flavor) -> RequestSpec:
        """What the server was created with, as far as it still binds; the cell is the one it may not leave."""
        server = located.server
        assert located.cell is not None
        with self._api_database.read() as tx:
            known = instance_mappings.known_server(tx, server.uuid)
        if known is None or known.spec is None:
            spec = RequestSpec(
                project_id=server.project_id,
                user_id=server.user_id,
                flavor=flavor,
                image_id=server.image_ref or None,
                image_properties=server.image_properties,
                availability_zone=server.pinned_availability_zone,
                is_volume_backed=not server.image_ref,
            )
        else:
            spec = known.spec
        return replace(
            spec,
            flavor=flavor,
            # Of the create alone.
            forced_host=None,
            forced_node=None,
            requested_host=None,
            requested_node=None,
            ignored_hosts=(),
            current_cell=located.cell.uuid,
            only_cell=located.cell.uuid,
        )

    def _count(self, server: Server, spec: RequestSpec) -> None:
        before, wanted = Sizes.of(replace(spec, flavor=server.flavor)), Sizes.of(spec)
        more = before.larger(wanted)
        demand = Demand(
            min_count=1,
            max_count=1,
            vcpus_each=more.vcpus - before.vcpus,
            memory_mb_each=more.memory_mb - before.memory_mb,
            resources_each=_more_by_class(before.resources, more.resources),
            servers_each=0,
        )
        limits = self._limits.of_project(server.project_id)
        spend(
            self._api_database,
            limits,
            server.user_id,
            demand,
            lambda tx, _count: moving_mappings.mark(tx, server.uuid, wanted),
        )

    def _count_only(self, located: Located, flavor: Flavor) -> None:
        sizes = Sizes.of(self._spec(located, flavor))
        self._api_database.run(lambda tx: moving_mappings.count(tx, located.server.uuid, sizes))

    # How operations begin.

    def _begin(
        self,
        context: RequestContext,
        journal: Journal,
        located: Located,
        action: str,
        spec: RequestSpec,
        auto_disk_config: bool | None,
    ) -> None:
        assert located.cell is not None
        cell, seen = located.cell, located.server

        def start(tx: Transaction) -> None:
            server = _take(tx, seen.uuid, action)
            if (server.host, server.flavor.flavorid) != (seen.host, seen.flavor.flavorid):
                raise Conflict(f"Instance {seen.uuid} has just been moved.", server=seen.uuid)
            migration = server_migrations.insert_if_absent(
                tx, _migration(server, action, spec.flavor)
            )
            assert migration.source_compute is not None
            assert migration.origin is not None
            payload = MovePayload(
                migration_uuid=migration.uuid,
                cell_uuid=cell.uuid,
                spec=spec,
                source=migration.source_compute,
                source_node=migration.source_node,
                origin=migration.origin,
                auto_disk_config=auto_disk_config,
            )
            journal.begin(tx, action=action, server=server, payload=payload, context=context)

        journal.database.run(start)

    def _answer(
        self, context: RequestContext, journal: Journal, seen: Server, answer: Answer
    ) -> Migration:
        def start(tx: Transaction) -> Migration:
            server = servers.find(tx, seen.uuid)
            if server is None:
                raise not_found(seen.uuid)
            require_resting(server, verb=answer.action, vm_states=_ANSWERABLE)
            migration = server_migrations.awaiting_answer(tx, seen.uuid)
            if migration is None or migration.origin is None:
                raise Invalid("Instance has not been resized.")
            if answer.needs_source:
                self._require_up(tx, str(migration.source_compute))
            if not answer.begin(tx, journal, server, migration, context):
                raise wrong_state(server, answer.action, "task_state", "of another request")
            return migration

        return journal.database.run(start)


def _take(tx: Transaction, server_uuid: str, verb: str) -> Server:
    """The server, with its task_state ours.

    :raises Conflict: it is busy, or in another state by now; the transaction is not to be committed then.
    """
    values = {"task_state": TaskState.RESIZE_PREP, "updated_at": now(), "progress": 0}
    taken = servers.swap_task_state(tx, server_uuid, expect=(None,), values=values)
    server = servers.find(tx, server_uuid)
    if server is None:
        raise not_found(server_uuid)
    if not taken:
        raise wrong_state(server, verb, "task_state", server.task_state)
    if server.vm_state not in _MOVABLE:
        raise wrong_state(server, verb, "vm_state", server.vm_state)
    return server


def _migration(server: Server, action: str, flavor: Flavor) -> Migration:
    is_resize = action == RESIZE.action
    return Migration(
        uuid=str(uuid.uuid4()),
        server_uuid=server.uuid,
        project_id=server.project_id,
        user_id=server.user_id,
        migration_type=MigrationType.RESIZE if is_resize else MigrationType.MIGRATION,
        status=MigrationStatus.PRE_MIGRATING,
        created_at=now(),
        source_compute=server.host,
        source_node=server.node,
        old_flavor_id=server.flavor.id,
        new_flavor_id=flavor.id,
        origin=Origin(server.flavor, server.vm_state, server.availability_zone),
    )


def _require_alike_everywhere(server: Server, spec: RequestSpec) -> None:
    """:raises Invalid: the server has, or shall have, what its host alone holds for it."""
    if server.volumes:
        raise Invalid(f"Instance {server.uuid} has volumes; servers with volumes cannot be moved.")
    before = replace(spec, flavor=server.flavor)
    if any(
        hardware.is_wanted(each) or EXTRA_SPEC in each.flavor.extra_specs for each in (before, spec)
    ):
        raise Invalid(
            f"Instance {server.uuid} cannot be moved: servers with NUMA nodes, CPUs of their own or PCI "
            "devices stay where they are, and no other server gets any by a resize."
        )


def _more_by_class(before: Mapping[str, int], after: Mapping[str, int]) -> Mapping[str, int]:
    more = {name: amount - before.get(name, 0) for name, amount in after.items()}
    return {name: amount for name, amount in more.items() if amount}
