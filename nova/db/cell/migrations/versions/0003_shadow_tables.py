"""Shadow tables for archived rows, and the places where commands go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from groundwork.columns import MYSQL_TABLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SHADOWED = (
    "instance_actions",
    "instance_actions_events",
    "instance_faults",
    "instances",
    "migrations",
    "tags",
)


def upgrade() -> None:
    op.create_table(
        "command_markers",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("position", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **MYSQL_TABLE,
    )
    for name in _SHADOWED:
        _create_shadow(name)
    op.create_index("shadow_instances_deleted_at_idx", "shadow_instances", ["deleted_at"])


def _create_shadow(name: str) -> None:
    """The columns that the table has at this revision, as the database itself tells them."""
    columns = sa.inspect(op.get_bind()).get_columns(name)
    shadow = f"shadow_{name}"
    op.create_table(
        shadow,
        sa.Column("shadow_id", _BIG, autoincrement=True, nullable=False),
        sa.Column("server_uuid", sa.String(length=36), nullable=False),
        *(sa.Column(own["name"], own["type"], nullable=own["nullable"]) for own in columns),
        sa.PrimaryKeyConstraint("shadow_id"),
        **MYSQL_TABLE,
    )
    op.create_index(f"{shadow}_server_idx", shadow, ["server_uuid"])
