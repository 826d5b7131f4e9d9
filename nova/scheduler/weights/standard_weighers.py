"""The preferences that come with the scheduler, a few lines each."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar

from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.host_view import Ask
from nova.scheduler.lineup import Lineup
from nova.scheduler.weights.weigher import Weigher

_num_io_ops = attrgetter("num_io_ops")
_num_instances = attrgetter("num_instances")
_failed_builds = attrgetter("failed_builds")
_hypervisor_version = attrgetter("hypervisor_version")


class RAMWeigher(Weigher):
    """Prefer free memory: spread; with a negative multiplier, fill hosts up one by one."""

    name = "ram"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.free("MEMORY_MB")

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.free("MEMORY_MB")


class CPUWeigher(Weigher):
    """Prefer free vCPUs, shared and dedicated ones."""

    name = "cpu"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.free("VCPU") + candidate.free("PCPU")

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.free("VCPU", "PCPU")


class DiskWeigher(Weigher):
    """Prefer free disk, of the host itself or shared with it."""

    name = "disk"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.free("DISK_GB")

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.free("DISK_GB")


class IoOpsWeigher(Weigher):
    """Prefer hosts with many servers at work; the default multiplier is negative and prefers quiet ones."""

    name = "io_ops"
    needs_counts: ClassVar[bool] = True

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.host.num_io_ops

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.column(_num_io_ops)


class NumInstancesWeigher(Weigher):
    """Prefer hosts with many servers; with a negative multiplier, with few."""

    name = "num_instances"
    needs_counts: ClassVar[bool] = True

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.host.num_instances

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.column(_num_instances)


class BuildFailureWeigher(Weigher):
    """Avoid hosts that have failed builds since their last success, those with most failures first.

    Its multiplier is so large that a broken host, on which much is free just because nothing can be built there, is
    the last choice. A build that succeeds there makes it like any other again.
    """

    name = "build_failure"
    sense: ClassVar[int] = -1

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.host.failed_builds

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.column(_failed_builds)


class HypervisorVersionWeigher(Weigher):
    """Prefer newer hypervisors, so that servers can move on to anywhere later."""

    name = "hypervisor_version"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return candidate.host.hypervisor_version

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.column(_hypervisor_version)
