"""Inventories between the wire and the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.errors import Invalid
from placement.inventory.inventories import Offer
from placement.records import LARGEST_AMOUNT, Inventory


def parse_inventory(
    resource_class: str,
    body: Mapping[str, Any],
    *,
    provider_uuid: str,
    all_may_be_reserved: bool,
    verb: str = "update",
) -> Inventory:
    """The inventory that a body describes.

    :raises Invalid: more is reserved than there is; the text says what (``verb``) cannot be done because of that.
    """
    total, reserved = int(body["total"]), int(body.get("reserved", 0))
    if reserved > total or (reserved == total and not all_may_be_reserved):
        limit = "greater than total" if all_may_be_reserved else "greater than or equal to total"
        raise Invalid(
            f"Unable to {verb} inventory for resource provider {provider_uuid}: "
            f"Invalid inventory for '{resource_class}': reserved {reserved} is {limit} {total}."
        )
    return Inventory(
        resource_class=resource_class,
        total=total,
        reserved=reserved,
        min_unit=int(body.get("min_unit", 1)),
        max_unit=int(body.get("max_unit", LARGEST_AMOUNT)),
        step_size=int(body.get("step_size", 1)),
        allocation_ratio=float(body.get("allocation_ratio", 1.0)),
    )


def show_offer(offer: Offer) -> dict[str, Any]:
    """Everything that a provider offers."""
    return {
        "resource_provider_generation": offer.generation,
        "inventories": {name: _show(stock) for name, stock in offer.inventories.items()},
    }


def show_one(offer: Offer, resource_class: str) -> dict[str, Any]:
    """The offer of one class."""
    return {
        "resource_provider_generation": offer.generation,
        **_show(offer.inventories[resource_class]),
    }


def _show(stock: Inventory) -> dict[str, Any]:
    return {
        "total": stock.total,
        "reserved": stock.reserved,
        "min_unit": stock.min_unit,
        "max_unit": stock.max_unit,
        "step_size": stock.step_size,
        "allocation_ratio": stock.allocation_ratio,
    }
