"""Servers whose allocations are missing in Placement are given them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum, auto

from groundwork import starting
from groundwork.errors import Conflict, Invalid, NotFound, Problem
from nova.cells.registry import Cell
from nova.clients.candidates import AllocationRequest
from nova.clients.placement import Placement
from nova.clients.providers import Allocation
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.schemas import one_line
from nova.db.api import instance_mappings, mapped_servers
from nova.db.cell import compute_nodes, server_scan, servers
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle.node_claims import place_at_node
from nova.scheduler.demand import candidate_query

_BAD_INPUT = 127
_BATCH = 50


class _Outcome(Enum):
    HEALED = auto()
    SOUND = auto()
    NO_NODE = auto()
    UNWRITTEN = auto()


def heal_allocations(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: some made. 1: max-count, more left. 2: compute node missing. 3: not written. 4: nothing to do. 127: bad input.

    A server in trouble does not keep others from being healed; 2 and 3 are told at the end. Nor does a cell that cannot
    be read, which makes it 255.
    """
    lost: list[Cell] = []
    try:
        _check(given)
        found = _servers(deployment, given, lost)
    except (Invalid, NotFound) as problem:
        print(problem)
        return _BAD_INPUT

    healer = _Healer(deployment, dry_run=given.dry_run, force=given.force, verbose=given.verbose)
    outcomes: Counter[_Outcome] = Counter()
    is_cut = False
    for cell, server in found:
        if given.max_count is not None and outcomes[_Outcome.HEALED] >= given.max_count:
            is_cut = True
            break
        outcomes[healer.heal(cell, server)] += 1
    status = _tell(outcomes, given, is_cut=is_cut)
    return starting.UNEXPECTED if lost else status


def _check(given: argparse.Namespace) -> None:
    """:raises Invalid: arguments exclude or need each other."""
    if given.instance is not None and given.cell is not None:
        raise Invalid("The --cell and --instance options are mutually exclusive.")
    if given.force and given.instance is None and given.cell is None:
        raise Invalid("The --force option needs either --instance or --cell.")
    if given.max_count is not None and given.max_count < 1:
        raise Invalid("Must supply a positive integer for --max-count.")


def _servers(
    deployment: Deployment, given: argparse.Namespace, lost: list[Cell]
) -> Iterator[tuple[Cell, Server]]:
    """The servers to look at; cells that turn out to be unreadable are told, and added to ``lost``.

    :raises NotFound: the server or the cell that was named does not exist.
    """
    if given.instance is not None:
        return iter([_one_server(deployment, given.instance)])
    cells = deployment.cells() if given.cell is None else [deployment.cell(given.cell)]
    return _all_servers(deployment, [cell for cell in cells if not cell.is_cell0], lost)


def _one_server(deployment: Deployment, uuid: str) -> tuple[Cell, Server]:
    with deployment.api_database().read() as tx:
        mapping = instance_mappings.find(tx, uuid)
    for cell in deployment.cells():
        if mapping is None or cell.id != mapping.cell_id:
            continue
        with deployment.database(cell).read() as tx:
            server = servers.find(tx, uuid)
        if server is not None:
            return cell, server
    raise NotFound(f"Instance {uuid} was not found in any cell.")


def _all_servers(
    deployment: Deployment, cells: list[Cell], lost: list[Cell]
) -> Iterator[tuple[Cell, Server]]:
    for cell in cells:
        seen = 0
        while True:
            try:
                with deployment.database(cell).read() as tx:
                    batch = server_scan.living_after(tx, seen, at_most=_BATCH)
            except UNREADABLE as exc:
                print(f"ERROR: Cell {cell.uuid} cannot be read: {one_line(exc)}")
                lost.append(cell)
                break
            if not batch:
                break
            yield from ((cell, server) for server in batch)
            seen = batch[-1].id


def _tell(outcomes: Counter[_Outcome], given: argparse.Namespace, *, is_cut: bool) -> int:
    healed = outcomes[_Outcome.HEALED]
    if is_cut:
        print(f"Max count reached. Processed {healed} instances.")
    else:
        print(f"Processed {healed} instances.")
    if outcomes[_Outcome.NO_NODE]:
        return 2
    if outcomes[_Outcome.UNWRITTEN]:
        return 3
    if is_cut:
        return 1
    return 0 if healed else 4


class _Healer:
    """Heals one server after the other."""

    def __init__(
        self, deployment: Deployment, *, dry_run: bool, force: bool, verbose: bool
    ) -> None:
        self._deployment = deployment
        self._placement: Placement = deployment.placement()
        self._dry_run = dry_run
        self._force = force
        self._verbose = verbose

    def heal(self, cell: Cell, server: Server) -> _Outcome:
        """What became of the server, which was told. :raises Unavailable: Placement does not answer."""
        if server.host is None or server.node is None:
            return self._pass(server, "is not on a host")
        if server.task_state is not None:
            return self._pass(server, f"is undergoing a task state transition: {server.task_state}")
        held = self._placement.allocation(server.uuid)
        if held is not None and not self._force:
            return self._heal_owner(server, held)
        node_uuid = self._node_of(cell, server)
        if node_uuid is None:
            print(
                f"Compute node {server.node} of host {server.host} was not found in cell {cell.uuid}; "
                f"instance {server.uuid} cannot be healed."
            )
            return _Outcome.NO_NODE
        try:
            wanted = self._wanted(server, node_uuid)
        except (Invalid, NotFound, Conflict) as problem:
            return self._fail(server, problem)
        if held is not None and _is_same(held, wanted.allocations, server):
            return self._pass(server, "has these allocations already")
        return self._write(server, wanted.allocations, held, wanted.mappings)

    def _heal_owner(self, server: Server, held: Allocation) -> _Outcome:
        """What is held counts for the project and user of the server, which older records may not say."""
        if (held.project_id, held.user_id) == (server.project_id, server.user_id):
            return self._pass(server, "already has allocations with matching consumer project/user")
        return self._write(server, held.resources, held, {})

    def _node_of(self, cell: Cell, server: Server) -> str | None:
        assert server.host is not None
        with self._deployment.database(cell).read() as tx:
            nodes = compute_nodes.list_on_host(tx, server.host)
        return next((n.uuid for n in nodes if n.hypervisor_hostname == server.node), None)

    def _wanted(self, server: Server, node_uuid: str) -> AllocationRequest:
        """What the server has to hold at its node, as its present flavor says.

        :raises Invalid: the flavor makes no sense.
        :raises NotFound: the node has no provider.
        :raises NoRoom: it asks for what is not on the node itself (devices, shared disk), and there is not enough left.
        """
        query = candidate_query(self._spec_of(server))
        return place_at_node(self._placement, query, node_uuid)

    def _spec_of(self, server: Server) -> RequestSpec:
        with self._deployment.api_database().read() as tx:
            asked = mapped_servers.spec_of(tx, server.uuid)
        if asked is None:
            asked = RequestSpec(
                project_id=server.project_id,
                user_id=server.user_id,
                flavor=server.flavor,
                is_volume_backed=not server.image_ref,
            )
        # The server may have been resized or rebuilt since it was asked for.
        return replace(asked, flavor=server.flavor, image_properties=server.image_properties)

    def _write(
        self,
        server: Server,
        allocations: Mapping[str, Mapping[str, int]],
        held: Allocation | None,
        mappings: Mapping[str, tuple[str, ...]],
    ) -> _Outcome:
        verb = "create" if held is None else "update"
        if self._dry_run:
            shown = {uuid: dict(amounts) for uuid, amounts in allocations.items()}
            print(f"[dry-run] {verb.capitalize()} allocations for instance {server.uuid}: {shown}")
            return _Outcome.HEALED
        try:
            self._placement.claim(
                server.uuid,
                allocations,
                project_id=server.project_id,
                user_id=server.user_id,
                consumer_generation=held.consumer_generation if held else None,
                mappings=mappings,
            )
        except (Invalid, Conflict, NotFound) as problem:
            return self._fail(server, problem)
        print(f"Successfully {verb}d allocations for instance {server.uuid}.")
        return _Outcome.HEALED

    def _pass(self, server: Server, why: str) -> _Outcome:
        if self._verbose:
            print(f"Instance {server.uuid} {why}.")
        return _Outcome.SOUND

    def _fail(self, server: Server, problem: Problem) -> _Outcome:
        details = f" ({problem.internal})" if problem.internal else ""
        print(f"Failed to write allocations for instance {server.uuid}: {problem}{details}")
        return _Outcome.UNWRITTEN


def _is_same(held: Allocation, wanted: Mapping[str, Mapping[str, int]], server: Server) -> bool:
    return (held.resources, held.project_id, held.user_id) == (
        wanted,
        server.project_id,
        server.user_id,
    )
