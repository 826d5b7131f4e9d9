"""Operations on inventories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from groundwork.operations import Answer, Call, operation
from placement.api import shapes
from placement.api.answers import location, shown, written
from placement.api.inventories import schemas
from placement.api.inventories.views import parse_inventory, show_offer, show_one
from placement.api.microversion import since
from placement.inventory.inventories import Inventories, Offer
from placement.records import Inventory

_ALL = "/resource_providers/{uuid}/inventories"
_ONE = "/resource_providers/{uuid}/inventories/{resource_class}"
_POLICY = "placement:resource_providers:inventories:"


class InventoryOperations:
    """``/resource_providers/{uuid}/inventories``."""

    def __init__(self, *, inventories: Inventories) -> None:
        self._inventories = inventories

    @operation(
        "GET",
        _ALL,
        versions="1.0-",
        policy=f"{_POLICY}list",
        query=shapes.NO_QUERY,
        response=schemas.SHOWN,
        errors=(403, 404, 406),
    )
    def show_all(self, call: Call) -> Answer:
        """Show what a provider offers."""
        offer = self._inventories.show(call.path["uuid"])
        answer = shown(call, show_offer(offer), changed_at=_newest(offer))
        if offer.inventories:
            return answer
        # Nothing is shown that could have changed, so there is no time to tell.
        headers = {key: value for key, value in answer.headers.items() if key != "Last-Modified"}
        return Answer(answer.body, headers=headers)

    @operation(
        "POST",
        _ALL,
        versions="1.0-",
        policy=f"{_POLICY}create",
        query=shapes.NO_QUERY,
        body=schemas.ADD_ONE,
        response=schemas.SHOWN_ONE,
        success=201,
        errors=(400, 403, 404, 409, 415),
    )
    def add(self, call: Call) -> Answer:
        """Let a provider offer one class more."""
        uuid, name = call.path["uuid"], call.body["resource_class"]
        offer = self._inventories.add(uuid, _parse(call, name, call.body, verb="create"))
        headers = location(call, "resource_providers", uuid, "inventories", name)
        return written(call, show_one(offer, name), changed_at=_newest(offer), headers=headers)

    @operation(
        "PUT",
        _ALL,
        versions="1.0-",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        body=schemas.REPLACE,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 409, 415),
    )
    def replace(self, call: Call) -> Answer:
        """Replace everything that a provider offers."""
        offer = self._inventories.replace(
            call.path["uuid"],
            generation=int(call.body["resource_provider_generation"]),
            offered={
                name: _parse(call, name, one) for name, one in call.body["inventories"].items()
            },
        )
        return written(call, show_offer(offer), changed_at=_newest(offer))

    @operation(
        "DELETE",
        _ALL,
        versions="1.5-",
        policy=f"{_POLICY}delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(403, 404, 405, 409),
    )
    def delete_all(self, call: Call) -> Answer:
        """Withdraw everything that a provider offers."""
        self._inventories.delete_all(call.path["uuid"])
        return Answer()

    @operation(
        "GET",
        _ONE,
        versions="1.0-",
        policy=f"{_POLICY}show",
        query=shapes.NO_QUERY,
        response=schemas.SHOWN_ONE,
        errors=(403, 404, 406),
    )
    def show(self, call: Call) -> Answer:
        """Show the offer of one class."""
        name = call.path["resource_class"]
        offer = self._inventories.show_one(call.path["uuid"], name)
        return shown(call, show_one(offer, name), changed_at=_newest(offer))

    @operation(
        "PUT",
        _ONE,
        versions="1.0-",
        policy=f"{_POLICY}update",
        query=shapes.NO_QUERY,
        body=schemas.UPDATE_ONE,
        response=schemas.SHOWN_ONE,
        errors=(400, 403, 404, 409, 415),
    )
    def update(self, call: Call) -> Answer:
        """Change the offer of one class."""
        name = call.path["resource_class"]
        offer = self._inventories.update(
            call.path["uuid"],
            generation=int(call.body["resource_provider_generation"]),
            offered=_parse(call, name, call.body),
        )
        return written(call, show_one(offer, name), changed_at=_newest(offer))

    @operation(
        "DELETE",
        _ONE,
        versions="1.0-",
        policy=f"{_POLICY}delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(403, 404, 409),
    )
    def delete(self, call: Call) -> Answer:
        """Withdraw one class."""
        self._inventories.delete(call.path["uuid"], call.path["resource_class"])
        return Answer()


def _parse(call: Call, name: str, body: Mapping[str, Any], *, verb: str = "update") -> Inventory:
    return parse_inventory(
        name,
        body,
        provider_uuid=call.path["uuid"],
        all_may_be_reserved=since(call, 26),
        verb=verb,
    )


def _newest(offer: Offer) -> datetime | None:
    times = (stock.updated_at for stock in offer.inventories.values())
    return max((time for time in times if time is not None), default=None)
