"""The tables. Identifiers of classes, traits and providers are never given out twice (readers cache them)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from groundwork.columns import UtcTime, now

# Ids of custom resource classes start here; below live the standard ones, at their position plus one, so that
# every process knows them without asking, and new standard ones find room.
FIRST_CUSTOM_CLASS_ID = 10001

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def exact_text(length: int) -> sa.types.TypeEngine[str]:
    """Text that compares by its very characters; MariaDB's default would take ``Host`` and ``host`` for the same."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql"
    )


def uuid_text() -> sa.types.TypeEngine[str]:
    """A uuid in its dashed lower-case form."""
    return sa.String(36).with_variant(
        mysql.VARCHAR(36, charset="ascii", collation="ascii_bin"), "mysql"
    )


def _updated_at() -> sa.Column[datetime]:
    return sa.Column("updated_at", UtcTime, nullable=False, default=now, onupdate=now)


def _provider_id(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "resource_provider_id",
        sa.ForeignKey("resource_providers.id"),
        primary_key=primary_key,
        nullable=False,
        autoincrement=False,
    )


resource_classes = sa.Table(
    "resource_classes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", exact_text(255), nullable=False),
    _updated_at(),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

traits = sa.Table(
    "traits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", exact_text(255), nullable=False),
    _updated_at(),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

resource_providers = sa.Table(
    "resource_providers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uuid", uuid_text(), nullable=False),
    sa.Column("name", exact_text(200), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, default=0),
    sa.Column("parent_provider_id", sa.ForeignKey("resource_providers.id"), index=True),
    # A root points at itself, which it can only do once it has an id: null for that moment, inside one transaction.
    sa.Column("root_provider_id", sa.ForeignKey("resource_providers.id"), index=True),
    sa.Column("created_at", UtcTime, nullable=False, default=now),
    _updated_at(),
    sa.UniqueConstraint("uuid"),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

inventories = sa.Table(
    "inventories",
    metadata,
    _provider_id(primary_key=True),
    sa.Column(
        "resource_class_id", sa.ForeignKey("resource_classes.id"), primary_key=True, index=True
    ),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("min_unit", sa.Integer, nullable=False),
    sa.Column("max_unit", sa.Integer, nullable=False),
    sa.Column("step_size", sa.Integer, nullable=False),
    sa.Column("allocation_ratio", sa.Double, nullable=False),
    _updated_at(),
)

provider_traits = sa.Table(
    "provider_traits",
    metadata,
    _provider_id(primary_key=True),
    sa.Column("trait_id", sa.ForeignKey("traits.id"), primary_key=True, index=True),
)

provider_aggregates = sa.Table(
    "provider_aggregates",
    metadata,
    _provider_id(primary_key=True),
    sa.Column("aggregate_uuid", uuid_text(), primary_key=True, index=True),
)

consumers = sa.Table(
    "consumers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uuid", uuid_text(), nullable=False),
    sa.Column("project_id", exact_text(255), nullable=False),
    sa.Column("user_id", exact_text(255), nullable=False),
    # Null until a client at 1.38 or newer says what the consumer is.
    sa.Column("consumer_type", exact_text(255)),
    sa.Column("generation", sa.Integer, nullable=False, default=1),
    sa.Column("created_at", UtcTime, nullable=False, default=now),
    _updated_at(),
    sa.UniqueConstraint("uuid"),
    sa.Index("ix_consumers_project_id_user_id", "project_id", "user_id"),
    sqlite_autoincrement=True,
)

allocations = sa.Table(
    "allocations",
    metadata,
    # The key starts with the consumer: its rows lie together, and are always written and removed together.
    sa.Column("consumer_id", sa.ForeignKey("consumers.id"), primary_key=True, autoincrement=False),
    _provider_id(primary_key=True),
    sa.Column(
        "resource_class_id", sa.ForeignKey("resource_classes.id"), primary_key=True, index=True
    ),
    sa.Column("used", sa.Integer, nullable=False),
    _updated_at(),
    # Usage of a provider is summed from this index alone.
    sa.Index("ix_allocations_usage", "resource_provider_id", "resource_class_id", "used"),
)

# The change feed: every write appends the providers it touched, in its own transaction. Readers that hold a copy of
# the world apply the rows they have not seen. No foreign key, because deleted providers are announced too.
provider_changes = sa.Table(
    "provider_changes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("resource_provider_id", sa.Integer, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False, default=now, index=True),
    sqlite_autoincrement=True,
)
