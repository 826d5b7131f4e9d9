"""Accepting a create request: the promise that the rest of the plane keeps.

One transaction in the API database checks the quota and inserts, for each server, its mapping, its request spec, its
build request and its membership in a server group. After the commit the super-conductor is hinted at; should the hint
get lost, its sweeper finds the build requests.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Invalid
from nova.db import journal as rows
from nova.db.api import builds, instance_mappings, server_groups
from nova.domain.injected_file import InjectedFile
from nova.domain.request_spec import RequestSpec
from nova.domain.resources import amounts_by_class
from nova.domain.server import Server
from nova.lifecycle.create import CREATE, CreatePayload
from nova.lifecycle.names import name_of
from nova.lifecycle.unique_names import UniqueNames
from nova.quota.ledger import spend
from nova.quota.limits import Limits, ProjectLimits
from nova.quota.server_groups import admit_members
from nova.quota.tally import Demand
from nova.rpc.bus import Address, Bus
from nova.saga.entry import HINT_AGAIN_S
from nova.saga.messages import SUPER_TOPIC, LookAt
from nova.saga.operation import Place, State


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A checked create request. ``template`` is the first server, but for what makes each one different."""

    template: Server
    spec: RequestSpec
    min_count: int = 1
    max_count: int = 1
    admin_password: str | None = None
    #: For each of the guests.
    files: tuple[InjectedFile, ...] = ()
    #: The user chose the host name; otherwise it follows the server's name.
    has_own_hostname: bool = False


class Intake:
    """Takes create requests and cancels builds that have no cell yet."""

    def __init__(
        self,
        *,
        api_database: Database,
        limits: Limits,
        api_bus: Bus,
        unique_names: UniqueNames | None = None,
    ) -> None:
        """``unique_names``: what keeps names from being taken twice; anything goes without."""
        self._database = api_database
        self._limits = limits
        self._bus = api_bus
        self._unique_names = unique_names

    def accept(self, context: RequestContext, request: CreateRequest) -> Sequence[Server]:
        """Promise the servers of a request; as many as the quota allows between its two counts.

        :raises OverQuota: not even ``min_count`` fit, or not all into the server group.
        :raises Invalid: the server group was deleted a moment ago.
        :raises Conflict: names have to be unique, and one is taken.
        :raises Unavailable: limits come from a service that does not answer, or a cell does not and may have the name;
            nothing was promised then.
        """
        flavor = request.template.flavor
        demand = Demand(
            min_count=request.min_count,
            max_count=request.max_count,
            vcpus_each=flavor.vcpus,
            memory_mb_each=flavor.memory_mb,
            resources_each=amounts_by_class(request.spec),
        )
        # Before the transaction, which others wait for.
        limits = self._limits.of_project(request.template.project_id)
        of_group = self._limits_of_group(request, limits)
        if self._unique_names is not None:
            self._unique_names.prepare()

        def insert(tx: Transaction, count: int) -> Sequence[Server]:
            servers = _servers(request, count)
            if self._unique_names is not None:
                self._unique_names.check(tx, servers)
            ids = builds.insert(
                tx, servers, spec=request.spec, journal=_first_entry(context, request)
            )
            if request.spec.group is not None:
                _join(tx, request.spec.group.uuid, servers, of_group)
            tx.after_commit(lambda: self._hint(context, ids))
            return servers

        return spend(self._database, limits, request.template.user_id, demand, insert)

    def _limits_of_group(self, request: CreateRequest, limits: ProjectLimits) -> ProjectLimits:
        """The limits of the project that has the server group: for admins it may be another than the servers'."""
        if request.spec.group is None:
            return limits
        with self._database.read() as tx:
            group = server_groups.find(tx, request.spec.group.uuid)
        if group is None or group.project_id == limits.project_id:
            return limits
        return self._limits.of_project(group.project_id)

    def cancel(self, context: RequestContext, server: Server) -> bool:
        """Give up a build that has no cell yet; False when it has one by now.

        From this moment the server is gone for its user and for the quota; what was claimed for it is released by
        whoever is at work on the build, or by the sweeper.
        """

        def work(tx: Transaction) -> bool:
            build = builds.find(tx, server.uuid)
            if build is None or not rows.request_cancel(tx, rows.BUILDS, build.operation_id):
                return False
            instance_mappings.queue_for_delete(tx, [server.uuid])
            tx.after_commit(lambda: self._hint(context, [build.operation_id]))
            return True

        return self._database.run(work)

    def _hint(self, context: RequestContext, operation_ids: Sequence[int]) -> None:
        message = LookAt(operation_ids=tuple(operation_ids))
        self._bus.cast(context, Address(SUPER_TOPIC), message)


def _join(
    tx: Transaction, group_uuid: str, servers: Sequence[Server], limits: ProjectLimits
) -> None:
    """Make the servers members. The group's lock makes creates of several projects (by admins) take turns."""
    group = server_groups.lock(tx, group_uuid)
    if group is None:
        raise Invalid(f"Instance group {group_uuid} could not be found.")
    admit_members(tx, limits, group, servers[0].user_id, len(servers))
    server_groups.join(tx, group.id, [server.uuid for server in servers])


def _servers(request: CreateRequest, count: int) -> list[Server]:
    return [_numbered(request, index) for index in range(count)]


def _numbered(request: CreateRequest, index: int) -> Server:
    """The server of that index; several servers of one request get numbers after their names."""
    template = request.template
    name = template.display_name or ""
    hostname = template.hostname
    if request.max_count > 1:
        name = f"{name}-{index + 1}"
        if request.has_own_hostname:
            hostname = f"{hostname}-{index + 1}"
    server_uuid = str(uuid.uuid4())
    if not request.has_own_hostname:
        hostname = name_of(name, fallback=f"Server-{server_uuid}")
    return msgspec.structs.replace(
        template,
        uuid=server_uuid,
        display_name=name,
        hostname=hostname,
        launch_index=index,
        block_devices=tuple(
            msgspec.structs.replace(device, uuid=str(uuid.uuid4()))
            for device in template.block_devices
        ),
    )


def _first_entry(context: RequestContext, request: CreateRequest) -> Mapping[str, Any]:
    """The journal of a build at its beginning: the first step that really does something is next."""
    payload = CreatePayload(
        spec=request.spec,
        reservation_id=request.template.reservation_id or "",
        admin_password=request.admin_password,
        files=request.files,
    )
    first = CREATE.after("accept", request.template, payload)
    assert first is not None
    return {
        "action": CREATE.action,
        "request_id": context.request_id,
        "start_time": request.template.created_at,
        "state": State.RUNNING,
        "step": first.name,
        "place": Place.SUPER,
        "attempts": 0,
        "cancel_requested": False,
        "due_at": now() + timedelta(seconds=HINT_AGAIN_S),
        "payload": {"request": context.to_dict(), "values": msgspec.to_builtins(payload)},
    }
