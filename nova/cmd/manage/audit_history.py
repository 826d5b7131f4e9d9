"""``nova-manage audit --history``: what audits have repaired."""

from __future__ import annotations

import json
from dataclasses import asdict

import msgspec

from nova.cmd.manage.deployment import Deployment
from nova.cmd.manage.printing import print_table
from nova.db.api import repairs

_COLUMNS = ("Id", "Begun", "Request", "Kind", "Subject", "Cell", "Outcome")


def show(deployment: Deployment, limit: int, *, as_json: bool) -> None:
    """Print the last repairs, the newest first; as JSON with all that was seen and changed."""
    with deployment.api_database().read() as tx:
        found = repairs.newest(tx, limit)
    if as_json:
        print(json.dumps(msgspec.to_builtins([asdict(each) for each in found]), indent=2))
        return
    rows = [
        (
            each.id,
            f"{each.begun_at:%Y-%m-%d %H:%M:%S}",
            each.request_id,
            each.kind,
            each.subject,
            each.cell_uuid or "-",
            each.outcome or "not known (yet)",
        )
        for each in found
    ]
    print_table(_COLUMNS, rows)
