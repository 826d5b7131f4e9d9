"""Where the members of a server group go, so that affinity and anti-affinity hold whoever else decides meanwhile.

Two creates for one group may be decided at the same moment, by two schedulers, for hosts in two cells. No host could
see that it went wrong, and asking above from a cell is not allowed; so it is settled before a cell is touched:

1. *Look.* The super-conductor reads the group with its generation and the place reserved for each member (API
   database), and asks the members' cells where they really are. A cell knows better: a build that failed has left its
   host, a deleted server is gone. A cell that is silent is believed to keep what was reserved.
2. *Choose.* The scheduler gets the hosts of the members with the request, chooses by its filters, and claims in
   Placement. Somebody else may do the same for another member now.
3. *Reserve.* One transaction raises the group's generation, which takes the group's row lock; it reads the members'
   places again and tries the policy on them. Who comes second sees what the first one has reserved. If the policy
   holds, the places are written; from then on nobody can decide against them.
4. *Or lose.* If it does not hold, the claims are given back and the decision is made anew from 1. Somebody has won
   every such round, so this ends.
5. Only then the step is reported and the server is handed over to its cell.

What else could break it:

- The step runs twice because its worker was thought dead. Only who still holds the journal's claim may reserve: the
  claim is looked at under the group's lock. So the old worker either reserves before the new one does, which then
  overwrites it, or not at all.
- A build fails in its cell and takes an alternate there, without asking anybody. So members of strict groups get no
  alternates: keeping two more hosts free for each member would make groups fail that have just enough hosts.
- A server is deleted. With anti-affinity its place is kept until its cell has let it go, or a new member could meet the
  old one on the host; with affinity it does not bind the others any more from the moment the delete is accepted.
- A build is undone, above the cells: the undo of ``schedule`` gives the place up together with the claim.
- An operator forces a host, or has taken the filters out: then the decision is against the policy though nobody else
  has decided since. That is no lost race but a refusal: no valid host.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from groundwork.database import Transaction
from groundwork.errors import Unavailable
from nova.cells.group_sight import Sight, look
from nova.db import journal as rows
from nova.db.api import server_groups
from nova.domain.selection import ServerSelection
from nova.errors import NoValidHost, OwnershipLost
from nova.lifecycle.tools import SuperTools
from nova.saga.operation import Run

LOG = logging.getLogger(__name__)

# Decisions in a row that may lose to others of the same group. Each time another one has won, so this many deciders at
# once never run out of it. More: one request holds a thread for longer; fewer: a large burst has to wait and try later.
_ROUNDS = 30


def _is_our_build(tx: Transaction, run: Run) -> bool:
    return rows.is_claimed(tx, rows.BUILDS, run.operation_id, claim=run.claim)


def choose(
    runs: Sequence[Run],
    group_uuid: str,
    *,
    is_ours: Callable[[Transaction, Run], bool] = _is_our_build,
) -> Sequence[ServerSelection]:
    """A claimed and reserved host for each server of one request; those of strict groups get no alternates.

    ``is_ours`` tells whether the journal still says so, for who moves servers that are in a cell already.

    :raises NoValidHost: for at least one there is none; no claim is left then.
    :raises Unavailable: others of the group were faster too often, or the scheduler does not answer.
    :raises OwnershipLost: the builds are somebody else's by now.
    """
    first = runs[0]
    tools: SuperTools = first.tools
    servers = {run.server.uuid for run in runs}
    spec = first.payload.spec
    for _ in range(_ROUNDS):
        sight = look(
            group_uuid,
            api_database=tools.api_database,
            registry=tools.registry,
            scatter=tools.scatter,
            without=servers,
        )
        if sight is None:
            # The group was deleted since: nothing binds its servers.
            spec = replace(spec, group=None)
            return tools.scheduling.select(first.context, spec, [run.server.uuid for run in runs])
        spec = replace(spec, group=sight.counting_all())
        chosen = tools.scheduling.select(first.context, spec, [run.server.uuid for run in runs])
        hosts = {each.server_uuid: each.chosen.host for each in chosen}
        generation = tools.api_database.run(lambda tx: _reserve(tx, runs, sight, hosts, is_ours))  # noqa: B023
        if generation is None:
            if not sight.group.policy.is_strict:
                return chosen
            return [replace(each, alternates=()) for each in chosen]
        _release(runs)
        if generation == sight.group.generation:
            raise NoValidHost(
                f"No valid host was found. The {sight.group.policy} policy of server group {group_uuid} does not "
                "allow the chosen host."
            )
        LOG.info("others of server group %s were faster, deciding anew", group_uuid)
    raise Unavailable(f"Too many servers of group {group_uuid} are being placed at once.")


def _reserve(
    tx: Transaction,
    runs: Sequence[Run],
    sight: Sight,
    hosts: Mapping[str, str],
    is_ours: Callable[[Transaction, Run], bool],
) -> int | None:
    """Reserve the hosts; None when that is done, else the generation at which the policy forbids it."""
    group = server_groups.lock(tx, sight.group.uuid)
    if group is None:
        return None
    for run in runs:
        if not is_ours(tx, run):
            raise OwnershipLost("The operation is not yours any more.", operation=run.operation_id)
    others = [m for m in server_groups.members(tx, group.id) if m.server_uuid not in hosts]
    placed = sight.counting(others)
    for host in hosts.values():
        if placed.refuses(host):
            return group.generation - 1
        placed = placed.with_member(host)
    for server_uuid, host in hosts.items():
        server_groups.place(tx, server_uuid, host)
    server_groups.leave(tx, sight.gone)
    return None


def _release(runs: Sequence[Run]) -> None:
    tools: SuperTools = runs[0].tools
    for run in runs:
        tools.placement.acting_for(run.context).delete_allocation(run.server.uuid)


def give_up(tools: SuperTools, server_uuid: str) -> None:
    """Free the place of a server whose build is being undone; nothing happens to who has none."""
    tools.api_database.run(lambda tx: server_groups.place(tx, server_uuid, None))
