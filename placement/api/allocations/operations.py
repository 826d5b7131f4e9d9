"""Operations on allocations."""

from __future__ import annotations

from groundwork.errors import NotFound
from groundwork.operations import Answer, Call, operation
from placement.allocations.claims import Claims
from placement.allocations.reading import Holdings
from placement.allocations.reshaping import Reshaper
from placement.api import shapes
from placement.api.allocations import schemas
from placement.api.allocations.views import parse_claim, parse_uuid, show_consumer, show_provider
from placement.api.answers import shown
from placement.api.inventories.views import parse_inventory
from placement.inventory.inventories import Offer
from placement.records import Owner
from placement.uuids import canonical

_CONSUMER = "/allocations/{consumer_uuid}"


class AllocationOperations:
    """``/allocations``."""

    def __init__(self, *, claims: Claims, holdings: Holdings, placeholder: Owner) -> None:
        """``placeholder`` owns what clients below 1.8 claim, since these do not say who owns it."""
        self._claims = claims
        self._holdings = holdings
        self._placeholder = placeholder

    @operation(
        "POST",
        "/allocations",
        versions="1.13-",
        policy="placement:allocations:manage",
        query=shapes.NO_QUERY,
        body=schemas.POST,
        success=204,
        errors=(400, 403, 409, 415),
    )
    def replace_several(self, call: Call) -> Answer:
        """Replace the allocations of several consumers, all or none."""
        self._claims.put(
            [parse_claim(call, uuid, body, self._placeholder) for uuid, body in call.body.items()]
        )
        return Answer()

    @operation(
        "GET",
        _CONSUMER,
        versions="1.0-",
        policy="placement:allocations:list",
        query=shapes.NO_QUERY,
        response=schemas.SHOWN_OF_CONSUMER,
        errors=(403, 406),
    )
    def show(self, call: Call) -> Answer:
        """Show what a consumer holds."""
        found = self._holdings.of_consumer(canonical(call.path["consumer_uuid"]) or "")
        changed_at = found.updated_at if found else None
        return shown(call, show_consumer(call, found), changed_at=changed_at)

    @operation(
        "PUT",
        _CONSUMER,
        versions="1.0-",
        policy="placement:allocations:update",
        query=shapes.NO_QUERY,
        body=schemas.PUT,
        success=204,
        errors=(400, 403, 409, 415),
    )
    def replace(self, call: Call) -> Answer:
        """Replace everything that a consumer holds."""
        uuid = call.path["consumer_uuid"]
        self._claims.put([parse_claim(call, uuid, call.body, self._placeholder)])
        return Answer()

    @operation(
        "DELETE",
        _CONSUMER,
        versions="1.0-",
        policy="placement:allocations:delete",
        query=shapes.NO_QUERY,
        success=204,
        errors=(403, 404),
    )
    def delete(self, call: Call) -> Answer:
        """Take everything from a consumer."""
        uuid = call.path["consumer_uuid"]
        if not self._claims.release(canonical(uuid) or ""):
            raise NotFound(f"No allocations for consumer '{uuid}'")
        return Answer()

    @operation(
        "GET",
        "/resource_providers/{uuid}/allocations",
        versions="1.0-",
        policy="placement:resource_providers:allocations:list",
        query=shapes.NO_QUERY,
        response=schemas.SHOWN_OF_PROVIDER,
        errors=(403, 404, 406),
    )
    def show_of_provider(self, call: Call) -> Answer:
        """Show what is held at a provider, and by whom."""
        found = self._holdings.of_provider(call.path["uuid"])
        return shown(call, show_provider(call, found), changed_at=found.updated_at)


class ReshaperOperations:
    """``/reshaper``."""

    def __init__(self, *, reshaper: Reshaper, placeholder: Owner) -> None:
        self._reshaper = reshaper
        self._placeholder = placeholder

    @operation(
        "POST",
        "/reshaper",
        versions="1.30-",
        policy="placement:reshaper:reshape",
        query=shapes.NO_QUERY,
        body=schemas.RESHAPE,
        success=204,
        errors=(400, 403, 409, 415),
    )
    def reshape(self, call: Call) -> Answer:
        """Replace inventories of several providers and allocations on them, as one change."""
        offers = {
            parse_uuid(uuid, "resource_provider"): Offer(
                int(body["resource_provider_generation"]),
                {
                    name: parse_inventory(name, one, provider_uuid=uuid, all_may_be_reserved=True)
                    for name, one in body["inventories"].items()
                },
            )
            for uuid, body in call.body["inventories"].items()
        }
        claims = [
            parse_claim(call, uuid, body, self._placeholder)
            for uuid, body in call.body["allocations"].items()
        ]
        self._reshaper.reshape(offers, claims)
        return Answer()
