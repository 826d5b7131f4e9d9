"""The columns in which an operation remembers how far it got.

The same columns stand in ``instance_actions`` (cell) and ``build_requests`` (API database, before a cell is chosen):
the journal of an operation is the instance action itself, there is no second task table.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from groundwork.columns import Json, LongText, UtcTime


def operation_columns() -> list[sa.Column[Any]]:
    """Progress of one operation; NULL ``claim`` means that nobody is at work on it."""
    return [
        # running, undoing: alive. done, failed, cancelled, interrupted: ended.
        sa.Column("state", sa.String(16), nullable=False),
        # The step to run (or to undo) next, by name: positions would change with the code.
        sa.Column("step", sa.String(64)),
        sa.Column("place", sa.String(16)),
        sa.Column("place_host", sa.String(255)),
        # Who is at work: "binary@host", the incarnation of that process, and the token of this very claim.
        sa.Column("owner", sa.String(320)),
        sa.Column("incarnation", sa.String(36)),
        sa.Column("claim", sa.String(36)),
        sa.Column("attempts", sa.Integer, nullable=False, default=0),
        # Not before this time (retries); after it the sweeper hints again.
        sa.Column("due_at", UtcTime),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
        sa.Column("payload", Json),
        # Why it is being undone, or why it failed.
        sa.Column("failure", Json),
    ]


def event_columns() -> list[sa.Column[Any]]:
    """One run of one step."""
    return [
        sa.Column("event", sa.String(255), nullable=False),
        sa.Column("start_time", UtcTime, nullable=False),
        sa.Column("finish_time", UtcTime),
        sa.Column("result", sa.String(16)),
        sa.Column("traceback", LongText),
        sa.Column("host", sa.String(255)),
        sa.Column("details", LongText),
        sa.Column("claim", sa.String(36)),
    ]
