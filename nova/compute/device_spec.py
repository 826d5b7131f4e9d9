"""Which PCI devices of a host guests may have (``[pci] device_spec``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from groundwork.errors import Invalid
from nova.domain.hardware import PciDevice
from nova.domain.pci_aliases import read_id

_FIELDS = ("domain", "bus", "slot", "function")
_ADDRESS = re.compile(
    r"(?:(?P<domain>[0-9a-f*]{1,4}):)?(?P<bus>[0-9a-f*]{1,2}):(?P<slot>[0-9a-f*]{1,2})"
    r"(?:\.(?P<function>[0-7*]))?"
)
_WIDTH = {"domain": 4, "bus": 2, "slot": 2, "function": 1}


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One object of the option; None fits all. ``address`` has an expression for each part of an address."""

    vendor_id: str | None = None
    product_id: str | None = None
    address: tuple[re.Pattern[str], ...] = ()
    physical_network: str | None = None

    def fits(self, device: PciDevice) -> bool:
        """Whether the device is meant."""
        parts = re.split(r"[:.]", device.address)
        return (
            self.vendor_id in (None, device.vendor_id)
            and self.product_id in (None, device.product_id)
            and all(map(re.Pattern.fullmatch, self.address, parts))
        )


def read_device_specs(texts: Iterable[str]) -> tuple[DeviceSpec, ...]:
    """The option's lines.

    :raises Invalid: one of them makes no sense; one line for the operator.
    """
    specs: list[DeviceSpec] = []
    for text in texts:
        try:
            specs += [_device_spec(given) for given in _objects(text)]
        except Invalid as wrong:
            raise Invalid(f"[pci] device_spec {text}: {wrong}") from wrong
    return tuple(specs)


def offered_devices(
    devices: Iterable[PciDevice], specs: Sequence[DeviceSpec]
) -> tuple[PciDevice, ...]:
    """The devices that are meant, with the network that the first object that fits gives them."""
    found = []
    for device in devices:
        spec = next((each for each in specs if each.fits(device)), None)
        if spec is not None:
            network = spec.physical_network or device.physical_network
            found.append(replace(device, physical_network=network))
    return tuple(found)


def _objects(text: str) -> list[Mapping[str, Any]]:
    try:
        given = msgspec.json.decode(text)
    except msgspec.DecodeError as wrong:
        raise Invalid(f"no JSON: {wrong}") from wrong
    found = given if isinstance(given, list) else [given]
    if not all(isinstance(each, dict) for each in found):
        raise Invalid("no JSON object.")
    return found


def _device_spec(given: Mapping[str, Any]) -> DeviceSpec:
    if "devname" in given:
        raise Invalid("devices are not known by devname here, give an address.")
    known = {"vendor_id", "product_id", "address", "physical_network"}
    if unknown := given.keys() - known:
        raise Invalid(f"nobody knows what {', '.join(sorted(unknown))} means.")
    network = given.get("physical_network")
    if network is not None and (not isinstance(network, str) or not network):
        raise Invalid(f"physical_network {network!r} is no name.")
    return DeviceSpec(
        vendor_id=_id_or_any("vendor_id", given),
        product_id=_id_or_any("product_id", given),
        address=_address(given.get("address")),
        physical_network=network,
    )


def _id_or_any(name: str, given: Mapping[str, Any]) -> str | None:
    value = given.get(name)
    return None if value in (None, "*") else read_id(name, value)


def _address(given: Any) -> tuple[re.Pattern[str], ...]:
    match given:
        case None:
            return ()
        case str():
            match = _ADDRESS.fullmatch(given.lower())
            if match is None:
                raise Invalid(f"{given!r} is no address such as 0000:81:00.* .")
            return tuple(_glob(match[name], _WIDTH[name]) for name in _FIELDS)
        case dict():
            if unknown := given.keys() - set(_FIELDS):
                raise Invalid(f"an address has no {', '.join(sorted(unknown))}.")
            return tuple(_expression(given.get(name, ".*")) for name in _FIELDS)
        case _:
            raise Invalid(f"{given!r} is no address.")


def _glob(part: str | None, width: int) -> re.Pattern[str]:
    if part is None:
        return re.compile(".*")
    padded = part if "*" in part else part.zfill(width)
    return re.compile(padded.replace("*", ".*"))


def _expression(text: Any) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, TypeError) as wrong:
        raise Invalid(f"{text!r} is no regular expression: {wrong}") from wrong
