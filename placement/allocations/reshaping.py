"""The reshaper: inventories of several providers and the allocations on them, changed as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid
from placement import codes
from placement.allocations.claims import announce, replace_allocations, run_claim
from placement.db.models import resource_classes
from placement.db.queries import allocations, claiming, inventories, providers
from placement.db.queries.provider_filters import known_ids
from placement.db.queries.providers import Held
from placement.inventory.guarding import require_generation
from placement.inventory.inventories import Offer, in_use
from placement.records import Claim


class Reshaper:
    """Moves inventory, and what is held of it, between providers."""

    def __init__(self, *, database: Database, conflict_retries: int) -> None:
        self._database = database
        self._tries = conflict_retries + 1

    def reshape(self, offers: Mapping[str, Offer], claims: Sequence[Claim]) -> None:
        """Replace the inventories of the named providers and the allocations of the named consumers.

        Only the end state must fit; shortages on the way there do not exist for anybody.

        :raises Invalid: a provider or a class does not exist.
        :raises Conflict: a generation is stale, a dropped class is still in use, or a claim does not fit.
        """

        def work(tx: Transaction) -> None:
            named = {uuid for claim in claims for uuid in claim.resources}
            held = providers.lock(tx, named.union(offers))
            _replace_inventories(tx, offers, held)
            scene = claiming.read(tx, named, {claim.consumer_uuid for claim in claims})
            touched = replace_allocations(tx, claims, scene)
            for uuid in offers:
                _require_offered(tx, held[uuid])
            announce(tx, _writes(touched, offers, claims, held))

        run_claim(self._database, work, tries=self._tries)


def _writes(
    touched: set[int],
    offers: Mapping[str, Offer],
    claims: Sequence[Claim],
    held: Mapping[str, Held],
) -> list[int]:
    """Each provider as often as its generation goes up, which clients of the reference count on.

    There inventories change twice (first what is there and what is to come, in the end what is to come) and
    allocations in between, each with a generation of its own.
    """
    offering = [held[uuid].id for uuid in offers]
    claimed = {held[uuid].id for claim in claims for uuid in claim.resources}
    return [*offering, *offering, *claimed, *(touched - claimed - set(offering))]


def _replace_inventories(
    tx: Transaction, offers: Mapping[str, Offer], held: Mapping[str, Held]
) -> None:
    names = {name for offer in offers.values() for name in offer.inventories}
    class_ids = known_ids(tx, resource_classes, names)
    for uuid, offer in offers.items():
        if uuid not in held:
            raise Invalid(
                f"Resource provider {uuid} in inventories does not exist.",
                code=codes.PROVIDER_NOT_FOUND,
            )
        require_generation(held[uuid], offer.generation)
        offered = {class_ids[name]: stock for name, stock in offer.inventories.items()}
        inventories.delete_all(tx, held[uuid].id)
        inventories.insert_all(tx, held[uuid].id, offered)


def _require_offered(tx: Transaction, provider: Held) -> None:
    """:raises Conflict: somebody holds a class that the provider offers no longer."""
    offered = {stock.class_id for stock in inventories.of_providers(tx, [provider.id])}
    used = {class_id for _, class_id in allocations.used_at(tx, [provider.id])}
    if used - offered:
        names = allocations.used_classes(tx, provider.id, used - offered)
        raise in_use(provider.uuid, names)
