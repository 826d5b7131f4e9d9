"""Tables of a cell's database."""

from __future__ import annotations

import sqlalchemy as sa

from groundwork.columns import MYSQL_TABLE, Json, LongText, UtcTime
from nova.db.cell.shadows import shadow_of
from nova.db.journal_columns import event_columns, operation_columns

METADATA = sa.MetaData()
_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, METADATA, *parts, **MYSQL_TABLE)


def _id() -> sa.Column[int]:
    return sa.Column("id", _BIG, primary_key=True, autoincrement=True)


def _times() -> list[sa.Column]:  # type: ignore[type-arg]
    return [sa.Column("created_at", UtcTime, nullable=False), sa.Column("updated_at", UtcTime)]


services = _table(
    "services",
    _id(),
    *_times(),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("binary", sa.String(255), nullable=False),
    sa.Column("topic", sa.String(255)),
    sa.Column("version", sa.Integer, nullable=False, default=0),
    # The running process of this service; a new start makes a new one, and what the old one owned is orphaned.
    sa.Column("incarnation", sa.String(36)),
    sa.Column("last_seen_up", UtcTime),
    sa.Column("report_count", sa.Integer, nullable=False, default=0),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("disabled_reason", sa.String(255)),
    sa.Column("forced_down", sa.Boolean, nullable=False, default=False),
    sa.UniqueConstraint("host", "binary", name="uniq_services0host0binary"),
)

compute_nodes = _table(
    "compute_nodes",
    _id(),
    *_times(),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("hypervisor_hostname", sa.String(255), nullable=False),
    sa.Column("hypervisor_type", sa.String(255), nullable=False),
    sa.Column("hypervisor_version", sa.Integer, nullable=False),
    sa.Column("host_ip", sa.String(39)),
    sa.Column("cpu_info", Json),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("local_gb", sa.Integer, nullable=False),
    sa.Column("uptime", sa.Text),
    # False until discover_hosts has mapped the host; new rows are looked for here, not in the whole table.
    sa.Column("mapped", sa.Boolean, nullable=False, default=False),
    # What the host's monitors measured at the last report, by metric; NULL when there are none.
    sa.Column("metrics", Json),
    # Builds that failed here one after the other, since the last that succeeded; NULL is none.
    sa.Column("failed_builds", sa.Integer),
    # NUMA nodes and PCI devices that the host offers; NULL when it tells of none.
    sa.Column("hardware", Json),
    sa.UniqueConstraint(
        "host", "hypervisor_hostname", name="uniq_compute_nodes0host0hypervisor_hostname"
    ),
)

instances = _table(
    "instances",
    _id(),
    *_times(),
    sa.Column("deleted_at", UtcTime),
    # 0 while the server lives, its own id afterwards.
    sa.Column("deleted", _BIG, nullable=False, default=0),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("display_name", sa.String(255)),
    sa.Column("display_description", sa.String(255)),
    sa.Column("hostname", sa.String(255)),
    sa.Column("vm_state", sa.String(255), nullable=False),
    sa.Column("task_state", sa.String(255)),
    sa.Column("power_state", sa.Integer),
    sa.Column("progress", sa.Integer, nullable=False, default=0),
    sa.Column("host", sa.String(255)),
    sa.Column("node", sa.String(255)),
    sa.Column("availability_zone", sa.String(255)),
    sa.Column("pinned_availability_zone", sa.String(255)),
    sa.Column("flavorid", sa.String(255), nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("root_gb", sa.Integer, nullable=False),
    sa.Column("ephemeral_gb", sa.Integer, nullable=False),
    sa.Column("flavor", Json, nullable=False),
    sa.Column("image_ref", sa.String(255)),
    sa.Column("image_properties", Json),
    sa.Column("kernel_id", sa.String(255)),
    sa.Column("ramdisk_id", sa.String(255)),
    sa.Column("key_name", sa.String(255)),
    sa.Column("key_data", sa.Text),
    sa.Column("user_data", LongText),
    sa.Column("config_drive", sa.Boolean, nullable=False, default=False),
    sa.Column("reservation_id", sa.String(255)),
    sa.Column("launch_index", sa.Integer, nullable=False, default=0),
    sa.Column("launched_at", UtcTime),
    sa.Column("terminated_at", UtcTime),
    sa.Column("locked_by", sa.String(16)),
    sa.Column("locked_reason", sa.String(255)),
    sa.Column("access_ip_v4", sa.String(39)),
    sa.Column("access_ip_v6", sa.String(39)),
    sa.Column("auto_disk_config", sa.Boolean, nullable=False, default=True),
    sa.Column("root_device_name", sa.String(255)),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("security_groups", Json, nullable=False),
    sa.Column("scheduler_hints", Json),
    sa.Column("trusted_certs", Json),
    # What lists show of other tables, written with them; NULL is nothing. To look for it in those tables takes the
    # database longer than all else that a list of fifty servers needs.
    sa.Column("tags", Json),
    sa.Column("block_devices", Json),
    sa.Column("fault", Json),
    # Lists read one page along one of these, newest first by default.
    sa.Index("instances_project_created_idx", "project_id", "deleted", "created_at", "uuid"),
    sa.Index("instances_deleted_created_idx", "deleted", "created_at", "uuid"),
    sa.Index("instances_host_deleted_idx", "host", "deleted"),
    sa.Index("instances_updated_at_idx", "updated_at"),
    # Usage over all projects is read page by page along this.
    sa.Index("instances_launched_idx", "launched_at", "uuid"),
)

# CPUs of their own, memory of NUMA nodes and PCI devices that servers hold on a node. Rows are never updated; they are
# deleted with the server, so there is nothing to archive.
hardware_pins = _table(
    "hardware_pins",
    _id(),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("instance_uuid", sa.String(36), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("node", sa.String(255), nullable=False),
    sa.Column("pins", Json, nullable=False),
    sa.Index("hardware_pins_server_idx", "instance_uuid"),
    sa.Index("hardware_pins_node_idx", "host", "node"),
)

tags = _table(
    "tags",
    sa.Column("resource_id", sa.String(36), primary_key=True),
    sa.Column("tag", sa.String(80), primary_key=True, index=True),
)

instance_faults = _table(
    "instance_faults",
    _id(),
    sa.Column("instance_uuid", sa.String(36), nullable=False, index=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("message", sa.String(255)),
    sa.Column("details", LongText),
    sa.Column("host", sa.String(255)),
)

instance_actions = _table(
    "instance_actions",
    _id(),
    sa.Column("updated_at", UtcTime),
    sa.Column("action", sa.String(255), nullable=False),
    sa.Column("instance_uuid", sa.String(36), nullable=False),
    sa.Column("request_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255)),
    sa.Column("project_id", sa.String(255)),
    sa.Column("start_time", UtcTime, nullable=False),
    sa.Column("finish_time", UtcTime),
    sa.Column("message", sa.String(255)),
    # The operation on the same server that has to end first.
    sa.Column("blocked_by", _BIG),
    *operation_columns(),
    sa.Index("instance_actions_server_idx", "instance_uuid", "start_time"),
    sa.Index("instance_actions_request_idx", "request_id"),
    sa.Index("instance_actions_state_idx", "state", "place", "due_at"),
)

instance_actions_events = _table(
    "instance_actions_events",
    _id(),
    sa.Column(
        "action_id",
        _BIG,
        sa.ForeignKey("instance_actions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    *event_columns(),
)

# Moves of servers between hosts of this cell: resizes, cold and live migrations, evacuations.
migrations = _table(
    "migrations",
    _id(),
    *_times(),
    # Also the consumer that holds the source host's resources while the server moves.
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("instance_uuid", sa.String(36), nullable=False),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("migration_type", sa.String(16), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("source_compute", sa.String(255)),
    sa.Column("source_node", sa.String(255)),
    sa.Column("dest_compute", sa.String(255)),
    sa.Column("dest_node", sa.String(255)),
    # The address by which the source reaches the destination.
    sa.Column("dest_host", sa.String(255)),
    # Row ids of flavors in the API database, as the API shows them.
    sa.Column("old_instance_type_id", sa.Integer),
    sa.Column("new_instance_type_id", sa.Integer),
    sa.Column("hidden", sa.Boolean, nullable=False, default=False),
    # What the server was before; NULL for moves that are not taken back.
    sa.Column("origin", Json),
    # How far a live migration got, as the hypervisor last said.
    sa.Column("memory_total", sa.BigInteger),
    sa.Column("memory_processed", sa.BigInteger),
    sa.Column("memory_remaining", sa.BigInteger),
    sa.Column("disk_total", sa.BigInteger),
    sa.Column("disk_processed", sa.BigInteger),
    sa.Column("disk_remaining", sa.BigInteger),
    # Lists read one page along one of the first two, newest first.
    sa.Index("migrations_created_idx", "created_at", "id"),
    sa.Index("migrations_project_created_idx", "project_id", "created_at", "id"),
    sa.Index("migrations_updated_at_idx", "updated_at"),
    sa.Index("migrations_server_status_idx", "instance_uuid", "status"),
    sa.Index("migrations_source_status_idx", "source_compute", "status"),
    sa.Index("migrations_dest_status_idx", "dest_compute", "status"),
)

# Disks of servers as they were asked for, with the attachments of those that are volumes.
block_device_mappings = _table(
    "block_device_mappings",
    _id(),
    *_times(),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("instance_uuid", sa.String(36), nullable=False, index=True),
    sa.Column("source_type", sa.String(16), nullable=False),
    sa.Column("destination_type", sa.String(16), nullable=False),
    sa.Column("boot_index", sa.Integer),
    sa.Column("device_name", sa.String(255)),
    sa.Column("volume_id", sa.String(36), index=True),
    sa.Column("image_id", sa.String(36)),
    sa.Column("volume_size", sa.Integer),
    sa.Column("guest_format", sa.String(255)),
    sa.Column("disk_bus", sa.String(255)),
    sa.Column("device_type", sa.String(255)),
    sa.Column("delete_on_termination", sa.Boolean, nullable=False, default=False),
    sa.Column("tag", sa.String(255)),
    sa.Column("attachment_id", sa.String(36)),
    sa.Column("connection_info", Json),
)

# Who may open which console; only hashes of the tokens.
console_auth_tokens = _table(
    "console_auth_tokens",
    _id(),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    # SHA-256, in hexadecimal.
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("instance_uuid", sa.String(36), nullable=False, index=True),
    # The compute where the server was then: elsewhere the token opens nothing.
    sa.Column("server_host", sa.String(255), nullable=False),
    sa.Column("console_type", sa.String(32), nullable=False),
    sa.Column("access_url_base", sa.Text, nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("tls_port", sa.Integer),
    sa.Column("internal_access_path", sa.String(255)),
)

# Where an operator's command that is run in portions goes on next time.
command_markers = _table(
    "command_markers",
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("position", _BIG, nullable=False),
)

#: What is archived with a deleted server, by the name of the table; dependants come before what they depend on.
SHADOWS = {
    table.name: shadow_of(table)
    for table in (
        tags,
        instance_faults,
        migrations,
        instance_actions_events,
        instance_actions,
        instances,
    )
}
