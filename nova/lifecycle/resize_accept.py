"""Accepting resizes and cold migrations, and the answers to them: what the API decides before an operation begins.

Two databases without a common transaction, in this order:

1. In the API database the server is counted for the larger of both flavors, if the quota allows; its mapping is
   marked, so that it will be looked at again (``resize_counting.py``, ``nova/conductor/settling.py``).
2. In the cell, one transaction takes the task_state, records the migration and begins the operation
   (``resize_begin.py``).

Who stops in between, or finds the server busy in the second step, leaves a mark and no more: the server rests, so it
will be counted as what it is.

An answer begins in the cell (``resize_answer.py``), and then the server counts for one flavor alone. What has to hold
before any of it is in ``resize_checks.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Invalid
from nova.cells.registry import Cell
from nova.cells.servers import Located, not_found
from nova.db.cell import server_migrations, servers
from nova.domain.flavor import Flavor
from nova.domain.migration import Migration
from nova.lifecycle import resize_begin
from nova.lifecycle.confirm_resize import CONFIRM
from nova.lifecycle.resize import MIGRATE, RESIZE
from nova.lifecycle.resize_answer import Answer
from nova.lifecycle.resize_begin import MoveRequest
from nova.lifecycle.resize_checks import (
    ANSWERABLE,
    HostChecks,
    require_alike_everywhere,
    require_answerable,
    require_movable,
)
from nova.lifecycle.resize_counting import MoveCounting
from nova.lifecycle.revert_resize import REVERT
from nova.lifecycle.states import require_resting, wrong_state
from nova.quota.limits import Limits
from nova.saga.journal import Journal


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
        self._counting = MoveCounting(api_database=api_database, limits=limits)
        self._hosts = HostChecks(
            api_database=api_database, service_down_time_s=service_down_time_s, clock=clock
        )
        self._journal_of = journal_of
        self._same_host = allow_resize_to_same_host

    def resize(
        self,
        context: RequestContext,
        located: Located,
        flavor: Flavor,
        *,
        auto_disk_config: bool | None,
    ) -> None:
        """Begin to resize.

        :raises Conflict: locked, in a wrong state, or its host is down or too old.
        :raises Invalid: the flavor is the one that the server has, or has no disk.
        :raises OverQuota: the larger of both flavors does not fit.
        """
        journal, too_old = self._may_move(context, located, RESIZE.action)
        server = located.server
        if flavor.flavorid == server.flavor.flavorid:
            raise Invalid("When resizing, instances must change flavor!")
        if flavor.root_gb == 0 and server.flavor.root_gb and server.image_ref:
            raise Invalid("Resize to zero disk flavor is not allowed.")
        spec = self._counting.spec_for(located, flavor)
        require_alike_everywhere(server, spec)
        left_out = too_old if self._same_host else (str(server.host), *too_old)
        spec = replace(spec, ignored_hosts=left_out)
        self._counting.count_larger(server, spec)
        request = MoveRequest(RESIZE.action, spec, auto_disk_config)
        resize_begin.begin(context, journal, located, request)

    def migrate(self, context: RequestContext, located: Located, host: str | None) -> None:
        """Begin to migrate, to ``host`` where one is named; never to the host where the server is.

        :raises Conflict: locked, in a wrong state, its host is down, or one of both hosts is too old.
        :raises Invalid: there is no such host, it is in another cell, or the server is on it.
        """
        journal, too_old = self._may_move(context, located, MIGRATE.action)
        server = located.server
        if host is not None:
            assert located.cell is not None, "a server that may be moved is in a cell"
            self._hosts.require_destination(server, located.cell, host, too_old)
        spec = self._counting.spec_for(located, server.flavor)
        require_alike_everywhere(server, spec)
        spec = replace(spec, requested_host=host, ignored_hosts=(str(server.host), *too_old))
        self._counting.mark(server, spec)
        resize_begin.begin(context, journal, located, MoveRequest(MIGRATE.action, spec))

    def confirm(self, context: RequestContext, located: Located) -> None:
        """Begin to confirm a move; the server counts for its new flavor alone at once.

        :raises Conflict: locked, or in a wrong state.
        :raises Invalid: there is no move that waits for it.
        """
        self._answer(context, located, CONFIRM)
        self._counting.count_only(located, located.server.flavor)

    def revert(self, context: RequestContext, located: Located) -> None:
        """Begin to revert a move; the server counts for its old flavor alone at once.

        :raises Conflict: locked, in a wrong state, or the host it would return to is down.
        :raises Invalid: there is no move that waits for it.
        """
        migration = self._answer(context, located, REVERT)
        assert migration.origin is not None
        self._counting.count_only(located, migration.origin.flavor)

    def _may_move(
        self, context: RequestContext, located: Located, verb: str
    ) -> tuple[Journal, tuple[str, ...]]:
        """The journal of the server's cell, and the hosts in it that are too old for moves."""
        cell, host = require_movable(context, located, verb)
        journal = self._journal_of(cell)
        with journal.database.read() as tx:
            too_old = self._hosts.require_able(tx, located.server, host)
        return journal, too_old

    def _answer(self, context: RequestContext, located: Located, answer: Answer) -> Migration:
        """Begin the answer; the move that it is for."""
        journal = self._journal_of(require_answerable(context, located, answer.action))
        uuid = located.server.uuid

        def start(tx: Transaction) -> Migration:
            server = servers.find(tx, uuid)
            if server is None:
                raise not_found(uuid)
            require_resting(server, verb=answer.action, vm_states=ANSWERABLE)
            migration = server_migrations.awaiting_answer(tx, uuid)
            if migration is None or migration.origin is None:
                raise Invalid("Instance has not been resized.")
            if answer.needs_source:
                self._hosts.require_up(tx, str(migration.source_compute))
            if not answer.begin(tx, journal, server, migration, context):
                raise wrong_state(server, answer.action, "task_state", "of another request")
            return migration

        return journal.database.run(start)
