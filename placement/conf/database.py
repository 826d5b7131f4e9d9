"""``[placement_database]``: the names and meanings that oslo.db gives these options."""

from oslo_config import cfg

GROUP = "placement_database"
OPTIONS = [
    cfg.StrOpt(
        "connection",
        secret=True,
        required=True,
        help="URL of Placement's own database, such as mysql+pymysql://placement:SECRET@db/placement, "
        "postgresql+psycopg2://... or sqlite:////var/lib/placement/placement.db.",
    ),
    cfg.StrOpt(
        "connection_parameters",
        default="",
        help="More parameters for the end of the URL: param1=value1&param2=value2.",
    ),
    cfg.StrOpt(
        "slave_connection",
        secret=True,
        help="URL of a replica that reads may go to. It must not lag: what it shows is what clients "
        "decide upon. Claims are always checked in the database above.",
    ),
    cfg.BoolOpt(
        "sqlite_synchronous",
        default=True,
        help="Let SQLite wait for the disk. Without, the last transactions may be lost in a crash.",
    ),
    cfg.StrOpt(
        "mysql_sql_mode",
        default="TRADITIONAL",
        help="SQL mode of MySQL and MariaDB sessions; empty for the server's own.",
    ),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        help="Seconds after which a pooled connection is made anew. Keep it below the idle time-out "
        "of the server and of firewalls on the way.",
    ),
    cfg.IntOpt(
        "max_pool_size",
        help="Connections that a process keeps open. Raise it with the number of threads.",
    ),
    cfg.IntOpt(
        "max_retries",
        default=10,
        help="How often a start tries to reach the database; -1 for ever.",
    ),
    cfg.IntOpt("retry_interval", default=10, help="Seconds between these tries."),
    cfg.IntOpt(
        "max_overflow",
        help="Connections that a process may open above max_pool_size while it is busy.",
    ),
    cfg.IntOpt(
        "connection_debug",
        default=0,
        min=0,
        max=100,
        help="How much of SQL goes to the log: 0 nothing, 50 statements, 100 everything.",
    ),
    cfg.BoolOpt(
        "connection_trace",
        default=False,
        help="Add the Python stack to each statement as a comment; for debugging.",
    ),
    cfg.IntOpt("pool_timeout", help="Seconds that a request waits for a pooled connection."),
    cfg.BoolOpt(
        "sync_on_startup",
        default=False,
        help="Bring the schema up to date when the service starts. Several processes may start at "
        "once. Leave it off where 'placement-manage db sync' is a step of your upgrades.",
    ),
]
