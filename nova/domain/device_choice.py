"""Which devices of a host a guest gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from nova.domain.hardware import DeviceType, PciDevice, PinnedDevice, Use
from nova.domain.numa import PciRequest

#: Whether a device may serve a request, as far as where it is matters.
Near = Callable[[PciRequest, PciDevice], bool]


def free_devices(devices: Iterable[PciDevice], use: Use) -> tuple[PciDevice, ...]:
    """The devices that nobody has. A physical function and its virtual ones exclude each other."""
    return tuple(
        device
        for device in devices
        if device.address not in use.addresses
        and device.address not in use.parents
        and device.parent not in use.addresses
    )


def choose_devices(
    free: Sequence[PciDevice], use: Use, requests: Sequence[PciRequest], near: Near
) -> tuple[PinnedDevice, ...] | None:
    """A device for everything that is asked for; None when there is no way. The same input gives the same devices.

    Virtual functions come from physical ones of which some are used already, so that others stay whole.
    """
    if not requests:
        return ()
    pools = _pools(free, use)
    eligible = [[r.fits(pool[0]) and near(r, pool[0]) for pool in pools] for r in requests]
    for request, may in zip(requests, eligible, strict=True):
        if request.count > sum(len(pool) for pool, is_in in zip(pools, may, strict=True) if is_in):
            return None
    units = [number for number, request in enumerate(requests) for _ in range(request.count)]
    taken = _Search(pools, eligible, units).run()
    if taken is None:
        return None
    rest = [list(pool) for pool in pools]
    return tuple(
        PinnedDevice(requests[unit].alias, rest[pool].pop(0))
        for unit, pool in zip(units, taken, strict=True)
    )


def _pools(free: Iterable[PciDevice], use: Use) -> list[tuple[PciDevice, ...]]:
    """Devices that are as good as each other; each physical function is one by itself."""

    def kind(device: PciDevice) -> tuple[object, ...]:
        return (
            device.parent not in use.parents,
            device.vendor_id,
            device.product_id,
            device.dev_type,
            -1 if device.numa_node is None else device.numa_node,
            device.parent or "",
            device.physical_network or "",
            device.address if device.dev_type is DeviceType.PF else "",
        )

    ordered = sorted(free, key=lambda device: (kind(device), device.address))
    return [tuple(pool) for _, pool in groupby(ordered, key=kind)]


class _Search:
    """Looks for a pool for each unit, depth first; what has failed once is not tried again."""

    def __init__(
        self,
        pools: Sequence[tuple[PciDevice, ...]],
        eligible: Sequence[Sequence[bool]],
        units: Sequence[int],
    ) -> None:
        self._sizes = tuple(len(pool) for pool in pools)
        self._eligible = eligible
        self._units = units
        self._excludes = [_excluded(pool[0], pools) for pool in pools]
        self._failed: set[tuple[int, int, tuple[int, ...]]] = set()

    def run(self) -> list[int] | None:
        """The pool of each unit."""
        found = self._from(0, 0, self._sizes)
        return None if found is None else found[::-1]

    def _from(self, unit: int, first: int, left: tuple[int, ...]) -> list[int] | None:
        """The pools of this unit and those after it, last first.

        Units of one request are alike, so each takes from the pool of the one before it or from later ones.
        """
        if unit == len(self._units):
            return []
        state = (unit, first, left)
        if state in self._failed:
            return None
        request = self._units[unit]
        goes_on = unit + 1 < len(self._units) and self._units[unit + 1] == request
        for pool in range(first, len(left)):
            if left[pool] and self._eligible[request][pool]:
                rest = self._from(unit + 1, pool if goes_on else 0, self._less(left, pool))
                if rest is not None:
                    rest.append(pool)
                    return rest
        self._failed.add(state)
        return None

    def _less(self, left: tuple[int, ...], pool: int) -> tuple[int, ...]:
        less = list(left)
        less[pool] -= 1
        for other in self._excludes[pool]:
            less[other] = 0
        return tuple(less)


def _excluded(device: PciDevice, pools: Sequence[tuple[PciDevice, ...]]) -> tuple[int, ...]:
    """The pools that nobody may take from once this device is taken."""
    return tuple(
        number
        for number, pool in enumerate(pools)
        if pool[0].parent == device.address or pool[0].address == device.parent
    )
