"""Fitting servers into hosts, against a plain search over everything that is possible in small worlds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova.domain.hardware import (
    DeviceType,
    Hardware,
    HostCell,
    Pages,
    PciDevice,
    PinnedCell,
    PinnedDevice,
    Pins,
    Use,
)
from nova.domain.hardware_fit import Misfit, fit
from nova.domain.numa import (
    Affinity,
    GuestCell,
    NumaRequest,
    PageWish,
    PciRequest,
    PciSpec,
    ThreadPolicy,
)

GIB_KB = 1 << 20
HUGE_KB = 2048


# The oracle


def oracle_fits(
    hardware: Hardware, use: Use, numa: NumaRequest | None, pci: Sequence[PciRequest]
) -> bool:
    """Whether there is a way, by trying all of them."""
    if numa is None:
        return any(True for _ in device_ways(hardware, use, pci, None))
    for page_kb in page_sizes(hardware, numa):
        for hosts in permutations(hardware.cells, len(numa.cells)):
            pairs = list(zip(numa.cells, hosts, strict=True))
            if not all(has_room(hardware, use, g, h, page_kb, numa.threads) for g, h in pairs):
                continue
            if any(True for _ in device_ways(hardware, use, pci, hosts)):
                return True
    return False


def page_sizes(hardware: Hardware, numa: NumaRequest) -> set[int | None]:
    smallest = {cell.pages[0].size_kb for cell in hardware.cells}
    every = {pages.size_kb for cell in hardware.cells for pages in cell.pages}
    choices: dict[object, set[int | None]] = {
        PageWish.SMALL: {*smallest},
        PageWish.LARGE: {*(every - smallest)},
        PageWish.ANY: {*every},
    }
    return choices.get(numa.pages, {numa.pages})  # type: ignore[arg-type]


def has_room(
    hardware: Hardware,
    use: Use,
    guest: GuestCell,
    cell: HostCell,
    page_kb: int | None,
    threads: ThreadPolicy,
) -> bool:
    used, wanted_kb = use.cells[cell.id], guest.memory_mb * 1024
    plain_kb = cell.pages[0].size_kb * cell.pages[0].total
    if page_kb is None:
        if wanted_kb > plain_kb or used.plain_kb + wanted_kb > plain_kb * hardware.ram_ratio:
            return False
    elif page_kb == cell.pages[0].size_kb:
        if used.plain_kb + wanted_kb > plain_kb:
            return False
    else:
        total = sum(p.total for p in cell.pages[1:] if p.size_kb == page_kb)
        if wanted_kb % page_kb or used.pages.get(page_kb, 0) + wanted_kb // page_kb > total:
            return False
    shared = len(guest.shared)
    if shared > len(cell.cpus):
        return False
    if shared and used.shared_vcpus + shared > len(cell.cpus) * hardware.cpu_ratio:
        return False
    free = sorted(set(cell.dedicated) - used.cpus)
    return any(
        are_allowed(cell, use, chosen, threads) for chosen in combinations(free, len(guest.own))
    )


def core_of(cell: HostCell, cpu: int) -> set[int]:
    return next((set(core) for core in cell.siblings if cpu in core), {cpu})


def are_allowed(cell: HostCell, use: Use, chosen: Sequence[int], threads: ThreadPolicy) -> bool:
    taken = use.cells[cell.id].cpus
    for cpu in chosen:
        others = core_of(cell, cpu) - {cpu}
        if threads is ThreadPolicy.ISOLATE and others & {*chosen, *taken, *cell.cpus}:
            return False
        if threads is ThreadPolicy.REQUIRE and not others & {*chosen}:
            return False
    return True


def device_ways(
    hardware: Hardware, use: Use, pci: Sequence[PciRequest], hosts: Sequence[HostCell] | None
) -> Iterator[list[PciDevice]]:
    wanted = [request for request in pci for _ in range(request.count)]
    for devices in permutations(hardware.devices, len(wanted)):
        addresses = {d.address for d in devices} | use.addresses
        parents = {d.parent for d in devices if d.parent} | use.parents
        if any(d.address in use.addresses for d in devices) or addresses & parents:
            continue
        if all(is_right(r, d, hardware, hosts) for r, d in zip(wanted, devices, strict=True)):
            yield list(devices)


def is_right(
    request: PciRequest, device: PciDevice, hardware: Hardware, hosts: Sequence[HostCell] | None
) -> bool:
    if not any(
        s.dev_type is device.dev_type and s.product_id in (None, device.product_id)
        for s in request.specs
    ):
        return False
    if hosts is None or request.affinity is Affinity.PREFERRED:
        return True
    if device.numa_node is None:
        return request.affinity is Affinity.LEGACY
    near = {cell.id for cell in hosts}
    if request.affinity is Affinity.SOCKET:
        sockets = {cell.socket for cell in hosts} - {None}
        near |= {cell.id for cell in hardware.cells if cell.socket in sockets}
    return device.numa_node in near


# Small worlds


@st.composite
def cells(draw: st.DrawFn, number: int) -> HostCell:
    first = number * 8
    threads = draw(st.sampled_from([1, 2, 3]))
    count = draw(st.integers(0, 6))
    everything = list(range(first, first + count))
    kinds = draw(st.lists(st.sampled_from("sdn"), min_size=count, max_size=count))
    siblings = tuple(tuple(everything[i : i + threads]) for i in range(0, count, threads))
    return HostCell(
        id=number,
        cpus=tuple(c for c, kind in zip(everything, kinds, strict=True) if kind == "s"),
        dedicated=tuple(c for c, kind in zip(everything, kinds, strict=True) if kind == "d"),
        pages=(
            Pages(4, draw(st.sampled_from([0, 1, 2, 4])) * 1024),
            Pages(HUGE_KB, draw(st.integers(0, 4))),
        ),
        siblings=siblings,
        socket=draw(st.sampled_from([0, 1, None])),
    )


@st.composite
def device_lists(draw: st.DrawFn, nodes: int) -> tuple[PciDevice, ...]:
    node = st.sampled_from([*range(nodes), None])
    found: list[PciDevice] = []
    for number in range(draw(st.integers(0, 3))):
        slot, where = f"0000:0{number}:00", draw(node)
        match draw(st.sampled_from(["plain", "function"])):
            case "plain":
                product_id = draw(st.sampled_from(["000a", "000b"]))
                found.append(PciDevice(f"{slot}.0", "8086", product_id, numa_node=where))
            case _:
                pf = PciDevice(f"{slot}.0", "8086", "0001", DeviceType.PF, where)
                vfs = [
                    PciDevice(f"{slot}.{n}", "8086", "000a", DeviceType.VF, where, pf.address)
                    for n in range(1, draw(st.integers(1, 3)))
                ]
                found += [*([pf] if draw(st.booleans()) else []), *vfs]
    return tuple(found[:5])


@st.composite
def requests(draw: st.DrawFn) -> NumaRequest:
    guests, vcpu = [], 0
    for number in range(draw(st.integers(1, 3))):
        shared, own = draw(st.integers(0, 2)), draw(st.integers(0, 3))
        guests.append(
            GuestCell(
                id=number,
                memory_mb=draw(st.integers(1, 6)),
                shared=tuple(range(vcpu, vcpu + shared)),
                own=tuple(range(vcpu + shared, vcpu + shared + own)),
            )
        )
        vcpu += shared + own
    pages = st.sampled_from([None, None, *PageWish, 4, HUGE_KB, GIB_KB])
    return NumaRequest(tuple(guests), draw(pages), draw(st.sampled_from(ThreadPolicy)))


pci_requests = st.lists(
    st.builds(
        PciRequest,
        alias=st.sampled_from(["a", "b"]),
        count=st.integers(1, 2),
        specs=st.lists(
            st.builds(
                PciSpec,
                product_id=st.sampled_from([None, "000a", "000b"]),
                dev_type=st.sampled_from(DeviceType),
            ),
            min_size=1,
            max_size=2,
        ).map(tuple),
        affinity=st.sampled_from(Affinity),
    ),
    max_size=2,
).map(tuple)


@st.composite
def hosts(draw: st.DrawFn) -> Hardware:
    number = draw(st.integers(0, 3))
    return Hardware(
        cells=tuple(draw(cells(n)) for n in range(number)),
        devices=draw(device_lists(number)),
        cpu_ratio=draw(st.sampled_from([1.0, 1.5, 4.0])),
        ram_ratio=draw(st.sampled_from([0.5, 1.0, 2.0])),
    )


asks = st.tuples(st.one_of(st.none(), requests()), pci_requests)


@settings(max_examples=600, deadline=None)
@given(hardware=hosts(), arrivals=st.lists(asks, min_size=1, max_size=3))
def test_servers_fit_exactly_when_there_is_a_way_and_never_hold_the_same(
    hardware: Hardware, arrivals: list[tuple[NumaRequest | None, tuple[PciRequest, ...]]]
) -> None:
    """Servers that come one after the other; what one holds is what the next one finds taken."""
    held: list[Pins] = []
    for numa, pci in arrivals:
        use = Use.by(hardware, held)
        found = fit(hardware, use, numa, pci)
        assert isinstance(found, Pins) == oracle_fits(hardware, use, numa, pci), found
        if isinstance(found, Misfit):
            assert found.text
            continue
        check_answers(hardware, use, numa, pci, found)
        assert fit(hardware, Use.by(hardware, held), numa, pci) == found
        held.append(found)
    check_apart(hardware, held)


def check_answers(
    hardware: Hardware,
    use: Use,
    numa: NumaRequest | None,
    pci: Sequence[PciRequest],
    found: Pins,
) -> None:
    """The pins are what was asked for."""
    by_id = {cell.id: cell for cell in hardware.cells}
    taken = [by_id[pinned.host_cell] for pinned in found.cells]
    wanted = [request for request in pci for _ in range(request.count)]
    assert [pinned.alias for pinned in found.devices] == [request.alias for request in wanted]
    for request, pinned in zip(wanted, found.devices, strict=True):
        assert is_right(request, pinned.device, hardware, taken if numa else None)
    if numa is None:
        assert not found.cells
        return
    assert len({cell.id for cell in taken}) == len(numa.cells)
    [page_kb] = {pinned.page_kb for pinned in found.cells}
    assert page_kb in page_sizes(hardware, numa)
    for guest, pinned, cell in zip(numa.cells, found.cells, taken, strict=True):
        assert (pinned.id, pinned.memory_mb, pinned.shared) == (
            guest.id,
            guest.memory_mb,
            guest.shared,
        )
        assert tuple(vcpu for vcpu, _ in pinned.pins) == guest.own
        cpus = [cpu for _, cpu in pinned.pins]
        assert are_allowed(cell, use, cpus, numa.threads)
        own = {vcpu: core_of(cell, cpu) for vcpu, cpu in pinned.pins}
        for group in pinned.siblings:
            assert len(group) > 1
            assert len({frozenset(own[vcpu]) for vcpu in group}) == 1


def check_apart(hardware: Hardware, held: Sequence[Pins]) -> None:
    """No CPU and no device is held twice, no cell gives more than it has."""
    pinned = [cell for pins in held for cell in pins.cells]
    cpus = list(chain.from_iterable((*(c for _, c in p.pins), *p.idle) for p in pinned))
    assert len(cpus) == len(set(cpus))
    devices = [d.device for pins in held for d in pins.devices]
    addresses = [device.address for device in devices]
    assert len(addresses) == len(set(addresses))
    assert not set(addresses) & {device.parent for device in devices}
    use = Use.by(hardware, held)
    for cell in hardware.cells:
        used = use.cells[cell.id]
        assert used.shared_vcpus <= len(cell.cpus) * hardware.cpu_ratio
        assert used.pages.get(HUGE_KB, 0) <= cell.pages[1].total
        assert used.cpus <= set(cell.dedicated)


# What operators rely on, one by one


def host(cores: int = 4, threads: int = 2, **more: object) -> HostCell:
    cpus = tuple(range(cores * threads))
    siblings = tuple(cpus[i : i + threads] for i in range(0, len(cpus), threads))
    cell = HostCell(0, (), cpus, (Pages(4, GIB_KB),), siblings)
    return replace(cell, **more)  # type: ignore[arg-type]


def pinned(
    cell: HostCell, own: int, threads: ThreadPolicy = ThreadPolicy.PREFER, *held: Pins
) -> PinnedCell | None:
    numa = NumaRequest((GuestCell(0, 64, own=tuple(range(own))),), threads=threads)
    hardware = Hardware((cell,))
    found = fit(hardware, Use.by(hardware, held), numa, ())
    return found.cells[0] if isinstance(found, Pins) else None


def cpus_of(cell: PinnedCell | None) -> list[int]:
    assert cell is not None
    return [cpu for _, cpu in cell.pins]


def test_cpus_are_packed_onto_cores_and_whole_cores_are_left_to_others() -> None:
    assert cpus_of(pinned(host(), 3)) == [0, 1, 2]
    first = pinned(host(), 3)
    assert first is not None
    # The odd one out goes to the core that is used already.
    assert cpus_of(pinned(host(), 1, ThreadPolicy.PREFER, Pins((first,)))) == [3]
    assert cpus_of(pinned(host(), 2, ThreadPolicy.PREFER, Pins((first,)))) == [4, 5]
    assert first.siblings == ((0, 1),)


def test_isolated_cpus_keep_their_siblings_from_everybody() -> None:
    first = pinned(host(), 3, ThreadPolicy.ISOLATE)
    assert first is not None
    assert cpus_of(first) == [0, 2, 4]
    assert first.idle == (1, 3, 5)
    assert first.siblings == ()
    assert cpus_of(pinned(host(), 2, ThreadPolicy.PREFER, Pins((first,)))) == [6, 7]
    assert pinned(host(), 3, ThreadPolicy.PREFER, Pins((first,))) is None
    # A thread that floating guests use disturbs.
    assert pinned(host(2, cpus=(1, 3), dedicated=(0, 2)), 1, ThreadPolicy.ISOLATE) is None


def test_required_threads_are_never_alone_on_their_core() -> None:
    assert cpus_of(pinned(host(), 4, ThreadPolicy.REQUIRE)) == [0, 1, 2, 3]
    assert pinned(host(), 3, ThreadPolicy.REQUIRE) is None
    assert pinned(host(threads=1), 2, ThreadPolicy.REQUIRE) is None
    # Four threads: five vCPUs are three and two.
    assert cpus_of(pinned(host(2, 4), 5, ThreadPolicy.REQUIRE)) == [0, 1, 2, 4, 5]


def test_many_nodes_that_do_not_fit_are_refused_at_once() -> None:
    """A plain search over all orders of 64 nodes would not end."""
    room = tuple(replace(host(1, 1), id=n, dedicated=(n,), siblings=()) for n in range(63))
    full = replace(host(1, 1), id=63, dedicated=(), siblings=())
    hardware = Hardware((*room, full))
    numa = NumaRequest(tuple(GuestCell(n, 1, own=(n,)) for n in range(64)))
    assert isinstance(fit(hardware, Use.by(hardware, ()), numa, ()), Misfit)
    fewer = replace(numa, cells=numa.cells[:63])
    assert isinstance(fit(hardware, Use.by(hardware, ()), fewer, ()), Pins)


def test_virtual_functions_come_from_cards_that_are_in_use_already() -> None:
    devices = []
    for card in (1, 2):
        parent = f"0000:0{card}:00.0"
        devices.append(PciDevice(parent, "8086", "1572", DeviceType.PF))
        devices += [
            PciDevice(f"0000:0{card}:00.{n}", "8086", "154c", DeviceType.VF, parent=parent)
            for n in (1, 2)
        ]
    hardware = Hardware(devices=tuple(devices))
    [vf] = [d for d in devices if d.address == "0000:02:00.1"]
    held = [Pins(devices=(PinnedDevice("nic", vf),))]
    ask = (PciRequest("nic", 1, (PciSpec("8086", "154c", DeviceType.VF),)),)
    found = fit(hardware, Use.by(hardware, held), None, ask)
    assert isinstance(found, Pins)
    assert found.devices[0].device.address == "0000:02:00.2"
    whole = (PciRequest("card", 1, (PciSpec("8086", "1572", DeviceType.PF),)),)
    found = fit(hardware, Use.by(hardware, [*held, found]), None, whole)
    assert isinstance(found, Pins)
    assert found.devices[0].device.address == "0000:01:00.0"


@pytest.mark.parametrize(("affinity", "node"), list(product(Affinity, (0, 1, None))))
def test_cells_with_devices_are_left_to_those_who_want_them(
    affinity: Affinity, node: int | None
) -> None:
    hardware = Hardware(
        tuple(replace(host(2, 1), id=n, socket=0, dedicated=(2 * n, 2 * n + 1)) for n in (0, 1)),
        (PciDevice("0000:01:00.0", "8086", "1572", numa_node=node),),
    )
    plain = NumaRequest((GuestCell(0, 64, own=(0, 1)),))
    found = fit(hardware, Use.by(hardware, ()), plain, ())
    assert isinstance(found, Pins)
    assert found.cells[0].host_cell == (1 if node == 0 else 0)
    ask = (PciRequest("card", 1, (PciSpec("8086", "1572"),), affinity),)
    second = fit(hardware, Use.by(hardware, [found]), plain, ask)
    if affinity in (Affinity.REQUIRED, Affinity.SOCKET) and node is None:
        assert isinstance(second, Misfit)
    else:
        assert isinstance(second, Pins)
        assert second.devices[0].device.address == "0000:01:00.0"


def test_a_misfit_says_what_is_lacking() -> None:
    ask = (PciRequest("card", 1, (PciSpec("8086", "1572"),), Affinity.REQUIRED),)
    numa = NumaRequest((GuestCell(0, 64, own=(0,)),))
    card = PciDevice("0000:01:00.0", "8086", "1572", numa_node=None)
    bare, full = Hardware(devices=(card,)), Hardware((host(),), (card,))
    texts = [
        fit(hardware, Use.by(hardware, ()), wanted, devices)
        for hardware, wanted, devices in (
            (Hardware(), None, ask),
            (bare, numa, ask),
            (full, replace(numa, pages=HUGE_KB), ask),
            (full, numa, ask),
        )
    ]
    assert [text.text for text in texts if isinstance(text, Misfit)] == [
        "The host lacks free PCI devices that are asked for.",
        "The host reports no NUMA topology.",
        "The server's NUMA topology does not fit into what is free.",
        "No free PCI devices are near to where the server's NUMA topology fits.",
    ]
