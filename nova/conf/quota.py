"""Default limits (``[quota]``)."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "quota"


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
]
