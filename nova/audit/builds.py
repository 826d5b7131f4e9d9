"""Build requests are worked on, and leave the API database when their server is in a cell.

In motion: a build waits for its turn, and stands in both databases during its hand-over. The first is reported after
``idle_s`` only, the second when it is still so at the second look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from nova.audit import operations
from nova.audit.finding import Check, Finding, Kind, Nudge
from nova.audit.view import View, pages
from nova.db import journal as rows
from nova.db.api.census import EndedBuild, ended_builds
from nova.db.journal_census import Standing, alive

_ADVICE = (
    "see that a nova-conductor above the cells and a nova-scheduler run: they take the build up"
)


def look(view: View) -> Iterator[Finding]:
    """Builds that stand still, and builds that have arrived; builds belong to no cell."""
    if not view.is_everything:
        return
    found = view.cell0_services()
    known = None if found is None else operations.by_owner(found)
    since = view.now - timedelta(seconds=view.idle_s)
    for standings in pages(view.ask_api, lambda tx, **page: alive(tx, rows.BUILDS, **page)):
        arrived = view.living(standing.instance_uuid for standing in standings)
        yield from judge(standings, known, since, {uuid: list(arrived[uuid]) for uuid in arrived})
    yield from map(judge_ended, view.ask_api(ended_builds))


def judge(
    standings: Sequence[Standing],
    known: operations.Services | None,
    since: datetime,
    arrived: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """``arrived``: the cells in which builds live already. ``known`` None: nobody can tell who is alive."""
    for standing in standings:
        uuid = standing.instance_uuid
        why = None if known is None else operations.why_dead(standing, known, since)
        owner = (standing.owner, standing.incarnation) if why else (None, None)
        nudge = Nudge(None, standing.id, *owner)
        if uuid in arrived:
            yield Finding(
                Check.BUILDS,
                Kind.BUILD_IN_CELL,
                uuid,
                f"is a build request and lives in cell {', '.join(sorted(arrived[uuid]))} as well",
                _ADVICE,
                repair=nudge,
            )
        elif why or operations.is_idle(standing, since):
            held = f"in the hands of {standing.owner}, {why}" if why else "in nobody's hands"
            yield Finding(
                Check.BUILDS,
                Kind.IDLE_BUILD,
                uuid,
                f"its build stands at step {standing.step} since {standing.touched_at:%Y-%m-%d %H:%M:%S}, {held}",
                _ADVICE,
                repair=nudge,
            )


def judge_ended(build: EndedBuild) -> Finding:
    """A build that was given up although something of it could not be undone."""
    return Finding(
        Check.BUILDS,
        Kind.IDLE_BUILD,
        build.instance_uuid,
        f"its build ended as {build.state}, but was neither buried nor forgotten",
        "read its build_request_events for what could not be undone, then set its state to 'undoing'",
    )
