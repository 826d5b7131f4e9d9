"""What the scheduler weighs nodes by besides their size: metrics, and builds that failed there in a row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("compute_nodes", sa.Column("metrics", columns.Json(), nullable=True))
    # Nullable without default: the last release inserts rows without it, and no table is rewritten.
    op.add_column("compute_nodes", sa.Column("failed_builds", sa.Integer(), nullable=True))
