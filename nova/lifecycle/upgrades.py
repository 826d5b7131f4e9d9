"""What waits until the last compute of an older release is upgraded.

A new server may come to any host of any cell, and a compute cannot refuse what it has never heard of. So whatever
older computes cannot build is not accepted before all of them are gone (``nova/domain/service_versions.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.errors import Conflict
from nova.cells.service_versions import ServiceVersions
from nova.domain.injected_file import InjectedFile
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.domain.service_versions import FILES_VERSION, HARDWARE_VERSION, VOLUMES_VERSION
from nova.lifecycle import hardware


class Upgrades:
    """Knows what the computes of all cells can do."""

    def __init__(self, computes: ServiceVersions) -> None:
        self._computes = computes

    def require_buildable(
        self, server: Server, spec: RequestSpec, files: Sequence[InjectedFile] = ()
    ) -> None:
        """:raises Conflict: there is a compute that could not build such a server, with these files in it."""
        if server.volumes:
            self._require(VOLUMES_VERSION, "Servers with volumes")
        if hardware.is_wanted(spec):
            self._require(
                HARDWARE_VERSION, "Servers with NUMA nodes, dedicated CPUs or PCI devices"
            )

        if files:
            self._require(FILES_VERSION, "Servers with files")

    def _require(self, version: int, what: str) -> None:
        oldest = self._computes.minimum()
        if oldest is not None and oldest < version:
            raise Conflict(
                f"{what} cannot be created yet: compute services of an older release are still there, and have to be "
                "upgraded first.",
                internal=f"the oldest compute service has version {oldest}, {version} is needed",
            )
