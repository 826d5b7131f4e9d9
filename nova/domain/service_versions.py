"""What services can do that older ones cannot, by the version that they report.

Services of two releases run beside each other while a cloud is upgraded. Who asks something new of a service looks at
its version first.
"""

from __future__ import annotations

from collections.abc import Mapping

#: A new entry comes with whatever others must not ask of services that were not upgraded yet.
HISTORY: Mapping[int, str] = {
    1: "The first release: servers are built and deleted.",
    2: "Computes take part in moves: resize and cold migration, confirmed or reverted.",
    3: "Computes build servers that have volumes, hold NUMA nodes, CPUs and PCI devices of their host, or "
    "bring files along.",
}

#: What services of this release report.
SERVICE_VERSION = max(HISTORY)

#: The oldest compute that may run beside this release: what the release before this one reported last.
OLDEST_COMPUTE_VERSION = 1

#: From here on computes take part in moves.
MOVES_VERSION = 2

#: From here on computes connect the volumes of servers that they build.
VOLUMES_VERSION = 3

#: From here on computes claim NUMA nodes, CPUs and PCI devices by number.
HARDWARE_VERSION = 3

#: From here on computes tell drivers which files a new guest gets.
FILES_VERSION = 3
