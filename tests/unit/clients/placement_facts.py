"""What the tests of the Placement client speak of."""

from __future__ import annotations

P1, P2, AGG = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
SERVER = "11111111-0000-4000-8000-000000000000"
OWNER = {"project_id": "p", "user_id": "u"}


def error(status: int, code: str = "placement.undefined_code") -> dict:
    return {
        "status_code": status,
        "json": {"errors": [{"status": status, "title": "", "detail": "why", "code": code}]},
    }
