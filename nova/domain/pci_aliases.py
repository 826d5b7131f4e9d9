"""Names for kinds of PCI devices (``[pci] alias``), and what servers ask for by them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from groundwork.errors import Invalid
from nova.domain.flavor import Flavor
from nova.domain.hardware import DeviceType
from nova.domain.numa import Affinity, PciRequest, PciSpec

EXTRA_SPEC = "pci_passthrough:alias"
_AFFINITY_SPEC, _AFFINITY_PROPERTY = "hw:pci_numa_affinity_policy", "hw_pci_numa_affinity_policy"

# More devices than a machine has slots and functions for; a search for them would not end.
_MOST_DEVICES = 256

_ID = re.compile(r"[0-9a-f]{4}")
_PAIR = re.compile(r"\s*([^:,\s][^:,]*?)\s*(?::\s*([0-9]{1,6})\s*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Alias:
    """All kinds that go by one name."""

    specs: tuple[PciSpec, ...]
    affinity: Affinity | None = None


def read_id(name: str, text: Any) -> str:
    """A vendor or product id, four hexadecimal digits in small letters.

    :raises Invalid: it is none.
    """
    found = str(text).lower().removeprefix("0x")
    if not isinstance(text, str) or not _ID.fullmatch(found):
        raise Invalid(f"{name} {text!r} is no id of four hexadecimal digits.")
    return found


def read_aliases(texts: Iterable[str]) -> Mapping[str, Alias]:
    """The aliases by name; one that is given several times means any of its kinds.

    :raises Invalid: one of them makes no sense; one line for the operator.
    """
    aliases: dict[str, Alias] = {}
    for text in texts:
        try:
            name, alias = _alias(text)
            present = aliases.get(name)
            if present is not None and present.affinity != alias.affinity:
                raise Invalid(f"{name} is given with another numa_policy before.")
        except Invalid as wrong:
            raise Invalid(f"[pci] alias {text}: {wrong}") from wrong
        before = () if present is None else present.specs
        aliases[name] = Alias((*before, *alias.specs), alias.affinity)
    return aliases


def _alias(text: str) -> tuple[str, Alias]:
    try:
        given = msgspec.json.decode(text)
    except msgspec.DecodeError as wrong:
        raise Invalid(f"no JSON: {wrong}") from wrong
    if not isinstance(given, dict):
        raise Invalid("no JSON object.")
    known = {"name", "vendor_id", "product_id", "device_type", "numa_policy", "capability_type"}
    if unknown := given.keys() - known:
        raise Invalid(f"nobody knows what {', '.join(sorted(unknown))} means.")
    name = given.get("name")
    if not isinstance(name, str) or not _PAIR.fullmatch(name) or ":" in name:
        raise Invalid("it needs a name without commas and colons.")
    if given.get("capability_type", "pci") != "pci":
        raise Invalid("capability_type can only be pci.")
    vendor_id, product_id = given.get("vendor_id"), given.get("product_id")
    if vendor_id is None and product_id is None:
        raise Invalid("it needs vendor_id or product_id.")
    spec = PciSpec(
        None if vendor_id is None else read_id("vendor_id", vendor_id),
        None if product_id is None else read_id("product_id", product_id),
        DeviceType(_one_of("device_type", given.get("device_type", "type-PCI"), DeviceType)),
    )
    policy = given.get("numa_policy")
    affinity = None if policy is None else Affinity(_one_of("numa_policy", policy, Affinity))
    return name.strip(), Alias((spec,), affinity)


def _one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    names = list(choices)
    if value not in names:
        raise Invalid(f"{name} {value!r} is none of {', '.join(names)}.")
    return str(value)


def pci_requests_of(
    flavor: Flavor, image_properties: Mapping[str, Any], aliases: Mapping[str, Alias]
) -> tuple[PciRequest, ...]:
    """The devices that a server of this flavor and image wants.

    :raises Invalid: an alias is not known, or the wishes make no sense.
    """
    affinity = _affinity(flavor, image_properties)
    text = flavor.extra_specs.get(EXTRA_SPEC)
    if text is None:
        return ()
    requests = []
    for pair in text.split(","):
        match = _PAIR.fullmatch(pair)
        count = 0 if match is None else int(match[2] or 1)
        if match is None or count < 1:
            raise Invalid(f"{EXTRA_SPEC}={text} is no list of alias:count.")
        alias = aliases.get(match[1])
        if alias is None:
            raise Invalid(f"PCI alias {match[1]} is not defined")
        wanted = affinity or alias.affinity or Affinity.LEGACY
        requests.append(PciRequest(match[1], count, alias.specs, wanted))
    if sum(request.count for request in requests) > _MOST_DEVICES:
        raise Invalid(f"{EXTRA_SPEC}={text}: a server has at most {_MOST_DEVICES} devices.")
    return tuple(requests)


def _affinity(flavor: Flavor, image_properties: Mapping[str, Any]) -> Affinity | None:
    own = flavor.extra_specs.get(_AFFINITY_SPEC)
    of_image = image_properties.get(_AFFINITY_PROPERTY) or None
    for name, said in ((_AFFINITY_SPEC, own), (_AFFINITY_PROPERTY, of_image)):
        if said is not None and said not in set(Affinity):
            raise Invalid(f"{name}={said} is none of {', '.join(Affinity)}.")
    if own is not None and of_image is not None and own != of_image:
        raise Invalid(
            f"Image property {_AFFINITY_PROPERTY}={of_image} may not override "
            f"{_AFFINITY_SPEC}={own} of the flavor."
        )
    said = own or of_image
    return None if said is None else Affinity(said)
