"""Checks of what guests see."""

from __future__ import annotations

from groundwork.upgrade_checks import Finding, Result
from nova.cmd.manage.deployment import Deployment
from nova.cmd.status.cells import read_every_cell, some
from nova.db.cell import server_scan

# What libvirt drives, with KVM or without; other hypervisors have no machine types.
_QEMU = "QEMU"
_PROPERTY = "hw_machine_type"


def check_machine_types(deployment: Deployment) -> Finding:
    """Every server on a libvirt host should have its machine type recorded.

    Without, it has the default of its host: when that changes, the guest finds other hardware at its next start.
    """
    unset = read_every_cell(
        deployment,
        lambda tx: server_scan.without_image_property(tx, _PROPERTY, hypervisor_type=_QEMU),
    )
    if isinstance(unset, Finding):
        return unset
    if not unset:
        return Finding(Result.SUCCESS)
    return Finding(
        Result.WARNING,
        f"Servers on libvirt hosts have no {_PROPERTY}: {some(unset)}. Leave the default machine type of their hosts "
        "as it is until each has one: with another they would find other hardware at their next start.",
    )
