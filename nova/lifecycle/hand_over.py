"""How a build leaves the API level: the server and its operation move into a cell.

Two databases, no common transaction; the order makes it safe to stop anywhere and to begin again:

1. In the cell, one transaction inserts the server, its tags, the operation and the events so far; a repetition finds
   the server and inserts nothing. From then on the cell can build by itself.
2. In the API database, one transaction points the mapping to the cell and drops the build request. Until then the
   build request is what the API shows, and its sweeper repeats this step.
3. If the user cancelled in between, the server is deleted in the cell like any other.

A cell that does not answer when it is asked for the first time has got nothing: then the build goes back and is
scheduled anew (``create.py``). But once a commit was sent to it, or an earlier run of this step may have sent one,
the server may be there whatever the answer was, and nobody else may get it.

A list reads build requests before it reads cells, so a server in transit is seen at least once.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from oslo_db import exception as db_exc

from groundwork.database import Transaction, is_curable
from groundwork.errors import Unavailable
from nova.cells.registry import Cell
from nova.db import journal as rows
from nova.db.api import builds
from nova.db.cell import servers
from nova.domain.selection import Selection
from nova.errors import NotBegun
from nova.lifecycle import delete
from nova.lifecycle.tools import SuperTools
from nova.saga.journal import Journal
from nova.saga.operation import Run

#: The last step that counts as done when the operation arrives in the cell: its host is chosen and claimed.
DONE_ABOVE = "occupy_host"


def into_cell(run: Run, selection: Selection) -> None:
    """Move the build to the cell of the selected host.

    :raises NotBegun: the cell does not answer, and this call has certainly written nothing there.
    """
    tools: SuperTools = run.tools
    cell = tools.registry.by_uuid(selection.cell_uuid)
    try:
        journal = tools.journal_of(cell.uuid)
    except Unavailable as exc:
        raise NotBegun(exc.text, internal=exc.internal, **exc.facts) from exc
    server = replace(
        run.server,
        host=selection.host,
        node=selection.node,
        availability_zone=selection.availability_zone,
        task_state=None,
    )
    events = events_so_far(run)

    def place(tx: Transaction) -> None:
        if not servers.insert_if_absent(tx, server):
            return
        operation_id = journal.begin(
            tx,
            action="create",
            server=server,
            payload=run.payload,
            context=run.context,
            after=DONE_ABOVE,
            started_at=server.created_at,
        )
        copy_events(tx, operation_id, events)

    _run_in_cell(cell, journal, place)
    wanted = tools.api_database.run(lambda tx: builds.hand_over(tx, server.uuid, cell.id))
    if not wanted:
        delete.begin(journal, server, run.context)


def _run_in_cell(cell: Cell, journal: Journal, work: Callable[[Transaction], None]) -> None:
    """Do the work in the cell's database. :raises NotBegun: it did not answer, and no commit was sent to it."""
    is_reached = may_be_committed = False

    def watched(tx: Transaction) -> None:
        nonlocal is_reached, may_be_committed
        is_reached = True
        work(tx)
        # The commit follows. That it was not the last attempt does not matter: it may have succeeded unheard.
        may_be_committed = True

    def is_silence(exc: Exception) -> bool:
        return isinstance(exc, db_exc.DBConnectionError) or not (is_reached or is_curable(exc))

    try:
        try:
            with journal.database.write() as tx:
                watched(tx)
        except Exception as exc:
            # Where no connection can be made, ten tries would only take ten times as long to say so.
            if not is_curable(exc) or (is_silence(exc) and not is_reached):
                raise
            journal.database.run(watched)
    except Exception as exc:
        if may_be_committed or not is_silence(exc):
            raise
        raise NotBegun(
            f"Cell {cell.name} does not answer.", internal=str(exc), cell=cell.uuid
        ) from exc


def events_so_far(run: Run) -> list[dict[str, object]]:
    """The events of a build that is on its way to a cell (or to cell0)."""
    with run.tools.api_database.read() as tx:
        found = rows.events(tx, rows.BUILDS, run.operation_id)
    return [
        {name: value for name, value in row._mapping.items() if name not in ("id", "action_id")}
        for row in found
    ]


def copy_events(tx: Transaction, operation_id: int, events: list[dict[str, object]]) -> None:
    """Take along what the operation did above the cells; the step that is moving it ends with the move."""
    for event in events:
        moved = dict(event)
        if moved["finish_time"] is None:
            moved |= {"finish_time": moved["start_time"], "result": "Success"}
        rows.begin_event(tx, rows.CELL, {**moved, "action_id": operation_id})
