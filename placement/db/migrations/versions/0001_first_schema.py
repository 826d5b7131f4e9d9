"""The first schema: providers in trees, what they offer, who holds it, and the change feed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from groundwork.columns import UtcTime

revision = "0001"
down_revision = None

_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql"
    )


def _uuid() -> sa.types.TypeEngine[str]:
    return sa.String(36).with_variant(
        mysql.VARCHAR(36, charset="ascii", collation="ascii_bin"), "mysql"
    )


def _updated_at() -> sa.Column[object]:
    return sa.Column("updated_at", UtcTime, nullable=False)


def _named(table: str) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", _text(255), nullable=False),
        _updated_at(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("name", name=f"uq_{table}_name"),
        sqlite_autoincrement=True,
        **_MYSQL,
    )


def upgrade() -> None:
    _named("resource_classes")
    _start_class_ids_at(10001)
    _named("traits")
    _create_providers()
    _create_what_providers_have()
    _create_consumers()
    op.create_table(
        "provider_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("resource_provider_id", sa.Integer, nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_provider_changes"),
        sa.Index("ix_provider_changes_changed_at", "changed_at"),
        sqlite_autoincrement=True,
        **_MYSQL,
    )


def _start_class_ids_at(first: int) -> None:
    """Standard classes live below, custom ones from here on; the number never goes back."""
    match op.get_bind().dialect.name:
        case "mysql":
            op.execute(f"ALTER TABLE resource_classes AUTO_INCREMENT = {first}")
        case "postgresql":
            op.execute(f"ALTER SEQUENCE resource_classes_id_seq RESTART WITH {first}")
        case _:
            op.execute(
                f"INSERT INTO sqlite_sequence (name, seq) VALUES ('resource_classes', {first - 1})"
            )


def _create_providers() -> None:
    op.create_table(
        "resource_providers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("uuid", _uuid(), nullable=False),
        sa.Column("name", _text(200), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("parent_provider_id", sa.Integer),
        sa.Column("root_provider_id", sa.Integer),
        sa.Column("created_at", UtcTime, nullable=False),
        _updated_at(),
        sa.PrimaryKeyConstraint("id", name="pk_resource_providers"),
        sa.UniqueConstraint("uuid", name="uq_resource_providers_uuid"),
        sa.UniqueConstraint("name", name="uq_resource_providers_name"),
        sa.ForeignKeyConstraint(
            ["parent_provider_id"],
            ["resource_providers.id"],
            name="fk_resource_providers_parent_provider_id",
        ),
        sa.ForeignKeyConstraint(
            ["root_provider_id"],
            ["resource_providers.id"],
            name="fk_resource_providers_root_provider_id",
        ),
        sa.Index("ix_resource_providers_parent_provider_id", "parent_provider_id"),
        sa.Index("ix_resource_providers_root_provider_id", "root_provider_id"),
        sqlite_autoincrement=True,
        **_MYSQL,
    )


def _of_provider(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["resource_provider_id"], ["resource_providers.id"], name=f"fk_{table}_resource_provider_id"
    )


def _of_class(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["resource_class_id"], ["resource_classes.id"], name=f"fk_{table}_resource_class_id"
    )


def _create_what_providers_have() -> None:
    op.create_table(
        "inventories",
        sa.Column("resource_provider_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("resource_class_id", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("total", "reserved", "min_unit", "max_unit", "step_size")
        ),
        sa.Column("allocation_ratio", sa.Double, nullable=False),
        _updated_at(),
        sa.PrimaryKeyConstraint("resource_provider_id", "resource_class_id", name="pk_inventories"),
        _of_provider("inventories"),
        _of_class("inventories"),
        sa.Index("ix_inventories_resource_class_id", "resource_class_id"),
        **_MYSQL,
    )
    op.create_table(
        "provider_traits",
        sa.Column("resource_provider_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("trait_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("resource_provider_id", "trait_id", name="pk_provider_traits"),
        _of_provider("provider_traits"),
        sa.ForeignKeyConstraint(["trait_id"], ["traits.id"], name="fk_provider_traits_trait_id"),
        sa.Index("ix_provider_traits_trait_id", "trait_id"),
        **_MYSQL,
    )
    op.create_table(
        "provider_aggregates",
        sa.Column("resource_provider_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("aggregate_uuid", _uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "resource_provider_id", "aggregate_uuid", name="pk_provider_aggregates"
        ),
        _of_provider("provider_aggregates"),
        sa.Index("ix_provider_aggregates_aggregate_uuid", "aggregate_uuid"),
        **_MYSQL,
    )


def _create_consumers() -> None:
    op.create_table(
        "consumers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("uuid", _uuid(), nullable=False),
        sa.Column("project_id", _text(255), nullable=False),
        sa.Column("user_id", _text(255), nullable=False),
        sa.Column("consumer_type", _text(255)),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        _updated_at(),
        sa.PrimaryKeyConstraint("id", name="pk_consumers"),
        sa.UniqueConstraint("uuid", name="uq_consumers_uuid"),
        sa.Index("ix_consumers_project_id_user_id", "project_id", "user_id"),
        sqlite_autoincrement=True,
        **_MYSQL,
    )
    op.create_table(
        "allocations",
        sa.Column("consumer_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("resource_provider_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("resource_class_id", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        _updated_at(),
        sa.PrimaryKeyConstraint(
            "consumer_id", "resource_provider_id", "resource_class_id", name="pk_allocations"
        ),
        sa.ForeignKeyConstraint(
            ["consumer_id"], ["consumers.id"], name="fk_allocations_consumer_id"
        ),
        _of_provider("allocations"),
        _of_class("allocations"),
        sa.Index("ix_allocations_resource_class_id", "resource_class_id"),
        sa.Index("ix_allocations_usage", "resource_provider_id", "resource_class_id", "used"),
        **_MYSQL,
    )
