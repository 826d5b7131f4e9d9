"""Problems of the compute plane that somebody catches by name."""

from __future__ import annotations

from groundwork.errors import Conflict, NotFound, Problem, Unavailable


class NoValidHost(Problem):
    """No host satisfies the request.

    ``facts["removed"]`` maps each constraint to the number of hosts that it removed, ``facts["hosts"]`` is how many
    there were to begin with.
    """


class ServerNotFound(NotFound):
    """No such server, or not for this project."""


class OwnershipLost(Conflict):
    """Somebody else owns this step now: drop the result."""


class NotBegun(Unavailable):
    """What a step needs did not answer, and the step has certainly changed nothing yet."""


class HardwareTaken(Conflict):
    """NUMA nodes or PCI devices of a host are not enough for a server, or not any more."""


class HostDown(Problem):
    """The compute service of the host does not report any more."""
