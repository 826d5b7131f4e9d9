"""Migrations: moves of servers between hosts. Servers by launch time, for usage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("instances_launched_idx", "instances", ["launched_at", "uuid"], unique=False)
    op.create_table(
        "migrations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("created_at", columns.UtcTime(), nullable=False),
        sa.Column("updated_at", columns.UtcTime(), nullable=True),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("instance_uuid", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("migration_type", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("source_compute", sa.String(length=255), nullable=True),
        sa.Column("source_node", sa.String(length=255), nullable=True),
        sa.Column("dest_compute", sa.String(length=255), nullable=True),
        sa.Column("dest_node", sa.String(length=255), nullable=True),
        sa.Column("dest_host", sa.String(length=255), nullable=True),
        sa.Column("old_instance_type_id", sa.Integer(), nullable=True),
        sa.Column("new_instance_type_id", sa.Integer(), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("memory_total", sa.BigInteger(), nullable=True),
        sa.Column("memory_processed", sa.BigInteger(), nullable=True),
        sa.Column("memory_remaining", sa.BigInteger(), nullable=True),
        sa.Column("disk_total", sa.BigInteger(), nullable=True),
        sa.Column("disk_processed", sa.BigInteger(), nullable=True),
        sa.Column("disk_remaining", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index("migrations_created_idx", "migrations", ["created_at", "id"], unique=False)
    op.create_index(
        "migrations_project_created_idx",
        "migrations",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index("migrations_updated_at_idx", "migrations", ["updated_at"], unique=False)
    op.create_index(
        "migrations_server_status_idx", "migrations", ["instance_uuid", "status"], unique=False
    )
    op.create_index(
        "migrations_source_status_idx", "migrations", ["source_compute", "status"], unique=False
    )
    op.create_index(
        "migrations_dest_status_idx", "migrations", ["dest_compute", "status"], unique=False
    )
