"""What nodes consist of (NUMA nodes, PCI devices), and what servers hold of it by number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("compute_nodes", sa.Column("hardware", columns.Json(), nullable=True))
    op.create_table(
        "hardware_pins",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("created_at", columns.UtcTime(), nullable=False),
        sa.Column("instance_uuid", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("pins", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **columns.MYSQL_TABLE,
    )
    op.create_index("hardware_pins_server_idx", "hardware_pins", ["instance_uuid"])
    op.create_index("hardware_pins_node_idx", "hardware_pins", ["host", "node"])
