"""Mappings of servers that move: what they count for has to be looked at again when the move has ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instance_mappings", sa.Column("unsettled_at", columns.UtcTime(), nullable=True))
    op.create_index("instance_mappings_unsettled_idx", "instance_mappings", ["unsettled_at"])
