"""Services and the hosts on which they run."""

from __future__ import annotations

import socket
from pathlib import Path

from oslo_config import cfg
from oslo_utils import netutils

GROUP = None
OPTIONS = [
    cfg.HostDomainOpt(
        "host",
        default=socket.gethostname(),
        sample_default="<current_hostname>",
        help="Name of this host: in the service table, as message queue and on servers. Two processes of one service "
        "must not share it. Never change it on a compute host with servers, they would be lost to it.",
    ),
    cfg.StrOpt(
        "my_ip",
        default=netutils.get_my_ipv4(),
        sample_default="<host_ipv4>",
        help="Address by which other hosts reach this one. Set it on hosts with several addresses, where the guess "
        "(the one of the default route) may be wrong.",
    ),
    cfg.StrOpt(
        "pybasedir",
        default=str(Path(__file__).resolve().parents[2]),
        sample_default="<Path>",
        help="Directory of the installed code, for use in other options as $pybasedir. There is no reason to set it.",
    ),
    cfg.StrOpt(
        "state_path",
        default="$pybasedir",
        help="Directory for what a service keeps on its host. Set it to a directory that survives upgrades and that "
        "the service may write to.",
    ),
    cfg.IntOpt(
        "report_interval",
        default=10,
        min=1,
        help="Seconds between two reports of a service that it lives. Keep it several times smaller than "
        "service_down_time; each report is one write to the cell's database.",
    ),
    cfg.IntOpt(
        "service_down_time",
        default=60,
        min=1,
        help="Seconds without a report after which a service counts as down. Smaller: failed hosts are noticed "
        "sooner, but hosts under load are taken for dead; larger: the reverse. Use the same value everywhere.",
    ),
    cfg.StrOpt(
        "servicegroup_driver",
        default="db",
        choices=[("db", "The cell's database"), ("mc", "Accepted for old files; treated as db")],
        help="Where services report. Reports are kept in the cell's database, whichever value is set.",
    ),
    cfg.BoolOpt(
        "enable_new_services",
        default=True,
        help="Whether a compute service takes servers from its first start on. Set it to false to look at new hosts "
        "before they are used; enable them one by one through the API.",
    ),
    cfg.StrOpt(
        "default_availability_zone",
        default="nova",
        help="Availability zone of compute hosts that no aggregate puts into another. Choose it before there are "
        "servers: those that asked for the old name stay bound to it.",
    ),
    cfg.StrOpt(
        "internal_service_availability_zone",
        default="internal",
        help="Availability zone shown for services that run no servers (scheduler, conductor). Must differ from the "
        "zones of compute hosts.",
    ),
    cfg.StrOpt(
        "default_schedule_zone",
        help="Availability zone of servers whose creator names none. Unset: any zone.",
    ),
]
