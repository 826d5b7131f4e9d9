"""Which limits are in force, and the default ones (``[quota]``)."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "quota"

#: The drivers by the names that operators write; they are no paths of classes here.
DATABASE_DRIVER = "nova.quota.DbQuotaDriver"
NOOP_DRIVER = "nova.quota.NoopQuotaDriver"
UNIFIED_DRIVER = "nova.quota.UnifiedLimitsDriver"


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
            (
                UNIFIED_DRIVER,
                "registered and project limits of the identity service, see [oslo_limit]; the limits of this group "
                "and what os-quota-sets set have no effect",
            ),
        ],
        help="Where limits come from. Usage is counted the same way whatever the driver is, so limits hold at once "
        "when it is changed. Limits that os-quota-sets set under the other drivers are kept for later. With limits of "
        "the identity service every create asks it twice, and nothing is created while it does not answer.",
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
    cfg.StrOpt(
        "unified_limits_resource_strategy",
        default="require",
        choices=[
            (
                "require",
                "those in unified_limits_resource_list have to have one; all others are unlimited without",
            ),
            (
                "ignore",
                "those in unified_limits_resource_list are unlimited without; all others have to have one",
            ),
        ],
        help="Which resources have to have a registered limit in the identity service, where limits come from there. "
        "One that has to and has none counts as having a limit of 0: requests for it are refused. ``ignore`` is the "
        "stricter one: it refuses whatever nobody thought of, such as the resource class of a new flavor.",
    ),
    cfg.ListOpt(
        "unified_limits_resource_list",
        default=["servers"],
        help="The resources that unified_limits_resource_strategy speaks of, by their names in the identity service: "
        "``servers``, ``class:VCPU``, ``class:MEMORY_MB``, ``class:DISK_GB``, ``class:CUSTOM_...``, ``server_groups`` "
        "and so on. More of them with ``require``: fewer surprises with what is unlimited, and each needs a "
        "registered limit before anybody can have it.",
    ),
]
