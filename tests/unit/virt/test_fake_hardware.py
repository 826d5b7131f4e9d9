"""The machines that the fake driver can be told to be."""

from __future__ import annotations

import pytest

from groundwork.errors import Invalid
from nova.domain.hardware import DeviceType, Hardware, Pages, PciDevice
from nova.virt.fake.hardware import make_hardware


def machine(**options: object) -> Hardware | None:
    return make_hardware(
        **{  # type: ignore[arg-type]
            "cells": 2,
            "vcpus": 8,
            "memory_mb": 4096,
            "threads": 2,
            "huge_pages": (),
            "devices": (),
            **options,
        }
    )


def test_nothing_is_told_unless_asked_for() -> None:
    assert machine(cells=0) is None
    assert machine(cells=0, devices=("10de:1eb8",)) == Hardware(
        devices=(PciDevice("0000:81:00.0", "10de", "1eb8"),)
    )


def test_cells_divide_the_machine() -> None:
    made = machine(huge_pages=("1024:1", "2:4"))
    assert made is not None
    first, second = made.cells
    assert (first.cpus, first.siblings, first.socket) == ((0, 1, 2, 3), ((0, 1), (2, 3)), 0)
    assert (second.cpus, second.siblings, second.id) == ((4, 5, 6, 7), ((4, 5), (6, 7)), 1)
    assert first.pages == (Pages(4, (2048 - 1024 - 8) * 256), Pages(2048, 4), Pages(1 << 20, 1))
    assert first.plain_kb == (2048 - 1024 - 8) * 1024


def test_cards_bring_their_virtual_functions() -> None:
    made = machine(devices=("2x10de:1eb8@0", "8086:1572+2x154c@1"))
    assert made is not None
    card = "0000:83:00.0"
    assert made.devices == (
        PciDevice("0000:81:00.0", "10de", "1eb8", numa_node=0),
        PciDevice("0000:82:00.0", "10de", "1eb8", numa_node=0),
        PciDevice(card, "8086", "1572", DeviceType.PF, 1),
        PciDevice("0000:83:00.1", "8086", "154c", DeviceType.VF, 1, card),
        PciDevice("0000:83:00.2", "8086", "154c", DeviceType.VF, 1, card),
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cells": 3}, "cannot be divided evenly"),
        ({"threads": 3}, "cannot be divided evenly"),
        ({"huge_pages": ("2M",)}, "MIB:COUNT"),
        ({"huge_pages": ("1024:3",)}, "2048 MiB only"),
        ({"devices": ("gpu",)}, "VENDOR:PRODUCT"),
        ({"devices": ("10de:1eb8@2",)}, "VENDOR:PRODUCT"),
        ({"devices": ("200x10de:1eb8",)}, "more than the buses hold"),
    ],
)
def test_a_machine_that_cannot_be_is_one_line(options: dict[str, object], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        machine(**options)
