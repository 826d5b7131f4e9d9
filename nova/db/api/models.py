"""Tables of the API database."""

from __future__ import annotations

import sqlalchemy as sa

from groundwork.columns import MYSQL_TABLE, Json, LongText, UtcTime
from nova.db.journal_columns import event_columns, operation_columns

METADATA = sa.MetaData()
_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, METADATA, *parts, **MYSQL_TABLE)


def _id() -> sa.Column[int]:
    return sa.Column("id", _BIG, primary_key=True, autoincrement=True)


def _times() -> list[sa.Column]:  # type: ignore[type-arg]
    return [sa.Column("created_at", UtcTime, nullable=False), sa.Column("updated_at", UtcTime)]


cell_mappings = _table(
    "cell_mappings",
    _id(),
    *_times(),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("name", sa.String(255)),
    sa.Column("transport_url", sa.Text),
    sa.Column("database_connection", sa.Text),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
)

host_mappings = _table(
    "host_mappings",
    _id(),
    *_times(),
    sa.Column("cell_id", _BIG, sa.ForeignKey("cell_mappings.id"), nullable=False, index=True),
    sa.Column("host", sa.String(255), nullable=False, unique=True),
)

instance_mappings = _table(
    "instance_mappings",
    _id(),
    *_times(),
    sa.Column("instance_uuid", sa.String(36), nullable=False, unique=True),
    # NULL while no cell is chosen: the server is a build request then.
    sa.Column("cell_id", _BIG, sa.ForeignKey("cell_mappings.id")),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False),
    # The quota ledger: what this server counts for, as long as it is not on its way out.
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("queued_for_delete", sa.Boolean, nullable=False, default=False),
    # What it counts for in limits on resource classes: amounts by class. NULL where no release that knows the column
    # wrote the row; the request spec tells it then.
    sa.Column("resources", Json),
    # Since when the server moves, from flavor to flavor or from host to host: what it counts for is looked at again
    # when the move has ended. NULL: nothing is expected to change.
    sa.Column("unsettled_at", UtcTime),
    sa.Index(
        "instance_mappings_ledger_idx",
        "project_id",
        "queued_for_delete",
        "user_id",
        "vcpus",
        "memory_mb",
    ),
    sa.Index("instance_mappings_cell_idx", "cell_id", "project_id"),
    sa.Index("instance_mappings_unsettled_idx", "unsettled_at"),
)

request_specs = _table(
    "request_specs",
    _id(),
    *_times(),
    sa.Column("instance_uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("spec", Json, nullable=False),
)

build_requests = _table(
    "build_requests",
    _id(),
    *_times(),
    sa.Column("instance_uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("reservation_id", sa.String(255), index=True),
    # The whole server as it will stand in the cell, and the tags that go with it.
    sa.Column("server", Json, nullable=False),
    sa.Column("action", sa.String(255), nullable=False),
    sa.Column("request_id", sa.String(255), nullable=False),
    sa.Column("start_time", UtcTime, nullable=False),
    sa.Column("finish_time", UtcTime),
    sa.Column("message", sa.String(255)),
    sa.Column("blocked_by", _BIG),
    *operation_columns(),
    sa.Index("build_requests_project_idx", "project_id", "created_at"),
    sa.Index("build_requests_state_idx", "state", "due_at"),
)

build_request_events = _table(
    "build_request_events",
    _id(),
    sa.Column(
        "action_id",
        _BIG,
        sa.ForeignKey("build_requests.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    *event_columns(),
)

flavors = _table(
    "flavors",
    _id(),
    *_times(),
    sa.Column("flavorid", sa.String(255), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("root_gb", sa.Integer, nullable=False),
    sa.Column("ephemeral_gb", sa.Integer, nullable=False, default=0),
    sa.Column("swap", sa.Integer, nullable=False, default=0),
    sa.Column("rxtx_factor", sa.Float, nullable=False, default=1.0),
    sa.Column("vcpu_weight", sa.Integer),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("is_public", sa.Boolean, nullable=False, default=True),
    sa.Column("description", LongText),
)

flavor_extra_specs = _table(
    "flavor_extra_specs",
    _id(),
    sa.Column("flavor_id", _BIG, sa.ForeignKey("flavors.id", ondelete="CASCADE"), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("value", sa.String(255)),
    sa.UniqueConstraint("flavor_id", "key", name="uniq_flavor_extra_specs0flavor_id0key"),
)

flavor_projects = _table(
    "flavor_projects",
    _id(),
    sa.Column("flavor_id", _BIG, sa.ForeignKey("flavors.id", ondelete="CASCADE"), nullable=False),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.UniqueConstraint(
        "flavor_id", "project_id", name="uniq_flavor_projects0flavor_id0project_id"
    ),
)

key_pairs = _table(
    "key_pairs",
    _id(),
    *_times(),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("fingerprint", sa.String(255), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.UniqueConstraint("user_id", "name", name="uniq_key_pairs0user_id0name"),
)

aggregates = _table(
    "aggregates",
    _id(),
    *_times(),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
)

aggregate_hosts = _table(
    "aggregate_hosts",
    _id(),
    sa.Column(
        "aggregate_id", _BIG, sa.ForeignKey("aggregates.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("host", sa.String(255), nullable=False),
    sa.UniqueConstraint("aggregate_id", "host", name="uniq_aggregate_hosts0aggregate_id0host"),
)

aggregate_metadata = _table(
    "aggregate_metadata",
    _id(),
    sa.Column(
        "aggregate_id", _BIG, sa.ForeignKey("aggregates.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("value", sa.String(255), nullable=False),
    sa.UniqueConstraint("aggregate_id", "key", name="uniq_aggregate_metadata0aggregate_id0key"),
)

# Limits that differ from the configured defaults; user_id "" means the whole project.
quotas = _table(
    "quotas",
    _id(),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False, default=""),
    sa.Column("resource", sa.String(64), nullable=False),
    sa.Column("hard_limit", sa.Integer, nullable=False),
    sa.UniqueConstraint(
        "project_id", "user_id", "resource", name="uniq_quotas0project0user0resource"
    ),
)

quota_classes = _table(
    "quota_classes",
    _id(),
    sa.Column("class_name", sa.String(255), nullable=False),
    sa.Column("resource", sa.String(64), nullable=False),
    sa.Column("hard_limit", sa.Integer, nullable=False),
    sa.UniqueConstraint("class_name", "resource", name="uniq_quota_classes0class_name0resource"),
)

# One row per project or user whose quota was ever checked; locking it serializes checks that must not overlap.
quota_locks = _table(
    "quota_locks",
    sa.Column("holder", sa.String(255), primary_key=True),
    sa.Column("uses", _BIG, nullable=False, default=0),
)

# ``generation`` counts the decisions about the group; changing it is how they take turns.
server_groups = _table(
    "server_groups",
    _id(),
    *_times(),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("policy", sa.String(32), nullable=False),
    sa.Column("max_server_per_host", sa.Integer),
    sa.Column("generation", _BIG, nullable=False, default=0),
    sa.Index("server_groups_project_idx", "project_id", "user_id"),
)

# ``host`` is where the member was placed when it was last decided on; its cell may know better.
server_group_members = _table(
    "server_group_members",
    _id(),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column(
        "group_id",
        _BIG,
        sa.ForeignKey("server_groups.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("server_uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("host", sa.String(255)),
)

# ``check_name``, as "check" is a word of SQL. ``ended_at`` NULL: nobody knows yet how it ended.
audit_repairs = _table(
    "audit_repairs",
    _id(),
    sa.Column("request_id", sa.String(255), nullable=False),
    sa.Column("check_name", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("cell_uuid", sa.String(36)),
    sa.Column("repair", Json, nullable=False),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.Text),
    sa.Index("audit_repairs_ended_idx", "ended_at"),
    sa.Index("audit_repairs_begun_idx", "begun_at"),
)
