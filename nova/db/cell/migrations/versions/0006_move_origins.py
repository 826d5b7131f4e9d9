"""What a server was before a move that can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # NULL: a move of the last release, or one that is never taken back.
    for table in ("migrations", "shadow_migrations"):
        op.add_column(table, sa.Column("origin", columns.Json(), nullable=True))
