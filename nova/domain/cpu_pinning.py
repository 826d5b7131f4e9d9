"""Which CPUs of a host cell become a guest's own."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from nova.domain.hardware import HostCell
from nova.domain.numa import ThreadPolicy


@dataclass(frozen=True, slots=True)
class Choice:
    """CPUs for the vCPUs, those of one core beside each other, and CPUs that stay idle for their sake."""

    cores: tuple[tuple[int, ...], ...]
    idle: tuple[int, ...] = ()

    @property
    def cpus(self) -> tuple[int, ...]:
        """The CPUs, core by core."""
        return tuple(cpu for core in self.cores for cpu in core)


def choose_cpus(cell: HostCell, taken: Set[int], count: int, policy: ThreadPolicy) -> Choice | None:
    """``count`` dedicated CPUs of the cell that nobody has; None when there are not enough of the wanted kind.

    The same cell and use give the same CPUs. Whole cores are left to others as far as the policy lets them.
    """
    if not count:
        return Choice(())
    free = set(cell.dedicated) - taken
    if len(free) < count:
        return None
    if policy is ThreadPolicy.ISOLATE:
        return _isolated(cell, free, count)
    cores = [core for each in _cores(cell) if (core := tuple(c for c in each if c in free))]
    if policy is ThreadPolicy.REQUIRE:
        return _in_company(cores, count)
    return _packed(cores, count)


def _cores(cell: HostCell) -> Sequence[tuple[int, ...]]:
    """The threads of each core of the cell's CPUs; a CPU that no core names is one by itself."""
    own = {*cell.cpus, *cell.dedicated}
    named = [tuple(sorted(core)) for core in cell.siblings if not own.isdisjoint(core)]
    alone = own.difference(*named)
    return sorted([*named, *((cpu,) for cpu in alone)])


def _isolated(cell: HostCell, free: Set[int], count: int) -> Choice | None:
    """Cores none of whose threads is anybody else's. Threads that no guest may have do not disturb."""
    of_guests = {*cell.cpus, *cell.dedicated}
    quiet: list[list[int]] = []
    for core in _cores(cell):
        threads = [cpu for cpu in core if cpu in of_guests]
        if free >= set(threads):
            quiet.append(threads)
    # Cores with few threads first: fewer stay idle.
    quiet.sort(key=len)
    if len(quiet) < count:
        return None
    return Choice(
        tuple((threads[0],) for threads in quiet[:count]),
        tuple(cpu for threads in quiet[:count] for cpu in threads[1:]),
    )


def _in_company(cores: Sequence[tuple[int, ...]], count: int) -> Choice | None:
    """Two threads or more of each core that is used.

    With the ``n`` fullest cores everything from ``2 n`` to the sum of their threads can be had, so the smallest ``n``
    that is enough decides.
    """
    large = sorted((core for core in cores if len(core) > 1), key=lambda core: -len(core))
    room = 0
    for number, core in enumerate(large, start=1):
        room += len(core)
        if room >= count:
            return _shares(large[:number], count) if 2 * number <= count else None
    return None


def _shares(cores: Sequence[tuple[int, ...]], count: int) -> Choice:
    rest = count - 2 * len(cores)
    chosen = []
    for core in cores:
        more = min(rest, len(core) - 2)
        rest -= more
        chosen.append(core[: 2 + more])
    return Choice(tuple(chosen))


def _packed(cores: Sequence[tuple[int, ...]], count: int) -> Choice | None:
    """As few cores as possible; what is left over goes to the core that it leaves the fewest threads of."""
    if sum(map(len, cores)) < count:
        return None
    left = sorted(cores, key=lambda core: -len(core))
    chosen: list[tuple[int, ...]] = []
    while count:
        if len(left[0]) <= count:
            core = left.pop(0)
        else:
            core = min((c for c in left if len(c) >= count), key=len)
            left.remove(core)
        chosen.append(core[:count])
        count -= len(chosen[-1])
    return Choice(tuple(chosen))
