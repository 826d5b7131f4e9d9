"""Which limits are in force, and the default ones (``[quota]``)."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "quota"

#: The drivers by the names that operators write; they are no paths of classes here.
DATABASE_DRIVER = "nova.quota.DbQuotaDriver"
NOOP_DRIVER = "nova.quota.NoopQuotaDriver"


def _limit(name: str, default: int, what: str) -> cfg.Opt:
    return cfg.IntOpt(
        name,
        min=-1,
        default=default,
        help=f"{what} -1 means unlimited. Limits of a class, project or user override it.",
    )


OPTIONS = [
    _limit("instances", 10, "Servers that a project may have."),
    _limit("cores", 20, "vCPUs of all servers of a project."),
    _limit("ram", 51200, "Memory of all servers of a project, MiB."),
    _limit("metadata_items", 128, "Metadata keys that a server may have."),
    _limit("injected_files", 5, "Files that a create may inject."),
    _limit("injected_file_content_bytes", 10240, "Bytes of each injected file."),
    _limit("injected_file_path_length", 255, "Bytes of the path of each injected file."),
    _limit("key_pairs", 100, "Key pairs that a user may have."),
    _limit("server_groups", 10, "Server groups that a project may have."),
    _limit("server_group_members", 10, "Servers that a server group may have."),
    cfg.StrOpt(
        "driver",
        default=DATABASE_DRIVER,
        choices=[
            (DATABASE_DRIVER, "the defaults of this group, and what os-quota-sets set instead"),
            (NOOP_DRIVER, "no limits at all; every limit is shown as -1"),
        ],
        help="Where limits come from. Usage is counted the same way whatever the driver is, so limits hold at once "
        "when it is changed back. Limits that are set under the driver without limits are kept for later.",
    ),
    cfg.BoolOpt(
        "recheck_quota",
        default=True,
        help="Has no effect, and is accepted so that configurations of other deployments can be used. Usage is "
        "checked and the server recorded in one transaction that locks the quota of the project, so there is no "
        "race that a second check could close, and none is opened by leaving it out.",
    ),
    cfg.BoolOpt(
        "count_usage_from_placement",
        default=False,
        help="Has no effect, and is accepted so that configurations of other deployments can be used. Servers, vCPUs "
        "and memory are counted in the API database, so no cell has to answer and none that is down is left out; "
        "during a resize a server counts once, not on both of its hosts.",
    ),
]
