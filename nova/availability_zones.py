"""Which availability zone a host or service is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The only kind of service that has a zone of its own; all others are in the internal one.
_COMPUTE = "nova-compute"


@dataclass(frozen=True, slots=True)
class ZoneNames:
    """The zones that need no aggregate: where a host is by default, and where services without servers are."""

    default: str
    internal: str

    def of_host(self, host: str, zones: Mapping[str, str]) -> str:
        """The zone of a compute host; ``zones`` is what the aggregates say (host -> zone)."""
        return zones.get(host, self.default)

    def of_service(self, host: str, binary: str, zones: Mapping[str, str]) -> str:
        """The zone of a service; ``zones`` as for :meth:`of_host`."""
        return self.of_host(host, zones) if binary == _COMPUTE else self.internal
