"""Hypervisors on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nova.api.changes import View, changed_in
from nova.api.compute.services.views import state_of, status_of
from nova.db.cell.compute_nodes import ComputeNodeRow, NodeServer, NodeUsage
from nova.db.cell.services import ServiceRow

# What 2.88 took out: Placement tells it better.
_REMOVED_IN_2_88 = (
    "current_workload",
    "cpu_info",
    "vcpus",
    "vcpus_used",
    "free_disk_gb",
    "local_gb",
    "local_gb_used",
    "disk_available_least",
    "free_ram_mb",
    "memory_mb",
    "memory_mb_used",
    "running_vms",
)
_SUMMED = (
    "vcpus",
    "vcpus_used",
    "memory_mb",
    "memory_mb_used",
    "free_ram_mb",
    "local_gb",
    "local_gb_used",
    "free_disk_gb",
    "running_vms",
    "current_workload",
)


@dataclass(frozen=True, slots=True)
class ShownHypervisor:
    """A node with what its row alone does not tell. ``servers`` is None when nobody asked for them."""

    node: ComputeNodeRow
    service: ServiceRow
    is_up: bool
    instance_name_template: str
    usage: NodeUsage = NodeUsage()
    servers: Sequence[NodeServer] | None = None


class HypervisorView(View[ShownHypervisor]):
    """The short form: lists, and the frame of all others."""

    def start(self, shown: ShownHypervisor) -> dict[str, Any]:
        """As of 2.1."""
        body: dict[str, Any] = {
            "id": shown.node.id,
            "hypervisor_hostname": shown.node.hypervisor_hostname,
            "state": state_of(shown.is_up),
            "status": status_of(shown.service),
        }
        if shown.servers:
            body["servers"] = _servers(shown)
        return body

    @changed_in("2.53")
    def _uuid(self, body: dict[str, Any], shown: ShownHypervisor) -> None:
        body["id"] = shown.node.uuid

    @changed_in("2.75")
    def _servers_even_if_none(self, body: dict[str, Any], shown: ShownHypervisor) -> None:
        if shown.servers is not None:
            body["servers"] = _servers(shown)


class HypervisorDetailView(HypervisorView):
    """All that is known of a node."""

    def start(self, shown: ShownHypervisor) -> dict[str, Any]:
        """As of 2.1."""
        node, service, usage = shown.node, shown.service, shown.usage
        return {
            **super().start(shown),
            "hypervisor_type": node.hypervisor_type,
            "hypervisor_version": node.hypervisor_version,
            "host_ip": node.host_ip,
            "cpu_info": json.dumps(node.cpu_info or {}),
            "service": {
                "id": service.id,
                "host": service.host,
                "disabled_reason": service.disabled_reason,
            },
            "running_vms": usage.servers,
            "current_workload": usage.busy,
            **_sizes(node, usage),
        }

    @changed_in("2.28")
    def _cpu_info_as_object(self, body: dict[str, Any], shown: ShownHypervisor) -> None:
        body["cpu_info"] = dict(shown.node.cpu_info or {})

    @changed_in("2.53")
    def _service_uuid(self, body: dict[str, Any], shown: ShownHypervisor) -> None:
        body["service"]["id"] = shown.service.uuid

    @changed_in("2.88")
    def _sizes_are_placements(self, body: dict[str, Any], shown: ShownHypervisor) -> None:
        for name in _REMOVED_IN_2_88:
            del body[name]
        # What a dead host last said would grow older than the host itself.
        body["uptime"] = shown.node.uptime if shown.is_up else None


class UptimeView(HypervisorView):
    """The short form and the uptime; until 2.87."""

    def start(self, shown: ShownHypervisor) -> dict[str, Any]:
        """As of 2.1."""
        return {**super().start(shown), "uptime": shown.node.uptime}


def statistics(hypervisors: Iterable[tuple[ComputeNodeRow, NodeUsage]]) -> dict[str, Any]:
    """Sums over nodes; until 2.87."""
    totals: dict[str, Any] = {"count": 0, **dict.fromkeys(_SUMMED, 0)}
    totals["disk_available_least"] = None
    for node, usage in hypervisors:
        found = {
            **_sizes(node, usage),
            "running_vms": usage.servers,
            "current_workload": usage.busy,
        }
        totals["count"] += 1
        for name in _SUMMED:
            totals[name] += found[name]
    return totals


def _sizes(node: ComputeNodeRow, usage: NodeUsage) -> dict[str, Any]:
    return {
        "vcpus": node.vcpus,
        "vcpus_used": usage.vcpus,
        "memory_mb": node.memory_mb,
        "memory_mb_used": usage.memory_mb,
        "free_ram_mb": node.memory_mb - usage.memory_mb,
        "local_gb": node.local_gb,
        "local_gb_used": usage.disk_gb,
        "free_disk_gb": node.local_gb - usage.disk_gb,
        # Drivers report what a disk holds, not what is left when all its sparse images are full.
        "disk_available_least": None,
    }


def _servers(shown: ShownHypervisor) -> list[dict[str, str]]:
    return [
        {"name": _name(shown.instance_name_template, server), "uuid": server.uuid}
        for server in shown.servers or ()
    ]


def _name(template: str, server: NodeServer) -> str:
    """The name on the hypervisor; templates use the number, or named fields of the server."""
    if "%(" in template:
        return template % {"id": server.id, "uuid": server.uuid}
    return template % server.id
