"""What a server counts for in limits on resource classes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable, and rows are left as they are: their request specs tell the same, only more slowly.
    op.add_column("instance_mappings", sa.Column("resources", columns.Json(), nullable=True))
