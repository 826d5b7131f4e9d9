"""What providers offer. Every change raises the provider's generation, also one that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from placement import codes
from placement.db.models import resource_classes
from placement.db.queries import allocations, inventories, named, provider_filters, providers
from placement.inventory.guarding import changed, hold, no_provider, require_generation
from placement.records import Inventory
from placement.unknown import UnknownClasses

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider offers, by class, and the generation at which it did."""

    generation: int
    inventories: Mapping[str, Inventory]


class Inventories:
    """The inventories of all providers."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def show(self, provider_uuid: str) -> Offer:
        """What the provider offers. :raises NotFound: there is no such provider."""
        with self._database.read() as tx:
            # Generation first: should somebody write in between, the reader has an old generation and is told so
            # when it writes; the other way round it would overwrite what it never saw.
            found = providers.find(tx, provider_uuid)
            if found is None:
                raise no_provider(provider_uuid)
            return Offer(found.generation, inventories.of_provider(tx, found.id))

    def show_one(self, provider_uuid: str, resource_class: str) -> Offer:
        """The offer of one class. :raises NotFound: no such provider, or it does not offer the class."""
        offer = self.show(provider_uuid)
        if resource_class not in offer.inventories:
            raise _not_offered(provider_uuid, resource_class)
        return Offer(offer.generation, {resource_class: offer.inventories[resource_class]})

    def replace(
        self, provider_uuid: str, *, generation: int, offered: Mapping[str, Inventory]
    ) -> Offer:
        """Let the provider offer just this.

        :raises Conflict: the generation is stale, or a class that is left out is in use.
        :raises Invalid: a class does not exist.
        """

        def work(tx: Transaction) -> Offer:
            held = hold(tx, provider_uuid)
            require_generation(held, generation)
            try:
                class_ids = provider_filters.known_ids(tx, resource_classes, offered)
            except UnknownClasses as exc:
                raise Invalid(
                    f"Unknown resource class in inventory for resource provider {provider_uuid}: {exc}"
                ) from exc
            present = inventories.classes_of(tx, held.id)
            dropped = present - set(class_ids.values())
            used = allocations.used_classes(tx, held.id, dropped)
            if used:
                raise in_use(provider_uuid, used)
            if present:
                inventories.delete_all(tx, held.id)
            stored = inventories.insert_all(
                tx, held.id, {class_ids[name]: stock for name, stock in offered.items()}
            )
            return Offer(changed(tx, held), stored)

        return self._run(work)

    def add(self, provider_uuid: str, offered: Inventory) -> Offer:
        """Let the provider offer one class more.

        :raises Conflict: it offers it already.
        :raises Invalid: the class does not exist.
        """
        name = offered.resource_class

        def work(tx: Transaction) -> Offer:
            held = hold(tx, provider_uuid)
            class_ids = provider_filters.known_ids(tx, resource_classes, [name])
            try:
                inventories.insert(tx, held.id, class_ids[name], offered)
            except db_exc.DBDuplicateEntry as exc:
                raise Conflict(
                    f"Update conflict: inventory of {name} exists at {provider_uuid} already.",
                    code=codes.CONCURRENT_UPDATE,
                ) from exc
            stored = inventories.of_provider(tx, held.id)
            return Offer(changed(tx, held), stored)

        return self._run(work)

    def update(self, provider_uuid: str, *, generation: int, offered: Inventory) -> Offer:
        """Change the offer of one class.

        :raises Conflict: the generation is stale.
        :raises Invalid: the provider does not offer the class.
        """
        name = offered.resource_class

        def work(tx: Transaction) -> Offer:
            held = hold(tx, provider_uuid)
            require_generation(held, generation)
            class_id = named.ids_of(tx, resource_classes, [name]).get(name)
            if class_id is None or not inventories.update(tx, held.id, class_id, offered):
                raise Invalid(f"No inventory record with resource class {name} at {provider_uuid}.")
            stored = inventories.of_provider(tx, held.id)
            return Offer(changed(tx, held), stored)

        return self._run(work)

    def delete(self, provider_uuid: str, resource_class: str) -> None:
        """Withdraw one class.

        :raises NotFound: it is not offered.
        :raises Conflict: it is in use.
        """

        def work(tx: Transaction) -> None:
            held = hold(tx, provider_uuid)
            class_id = named.ids_of(tx, resource_classes, [resource_class]).get(resource_class)
            if class_id is None:
                raise _nothing_to_delete(resource_class)
            if allocations.is_used(tx, held.id, [class_id]):
                # The code is that of the reference, whose clients compare it.
                raise Conflict(
                    f"Unable to delete inventory: {resource_class} at {provider_uuid} is in use.",
                    code=codes.CONCURRENT_UPDATE,
                )
            if not inventories.delete(tx, held.id, class_id):
                raise _nothing_to_delete(resource_class)
            changed(tx, held)

        self._run(work)

    def delete_all(self, provider_uuid: str) -> None:
        """Withdraw everything. :raises Conflict: something of it is in use."""

        def work(tx: Transaction) -> None:
            held = hold(tx, provider_uuid)
            used = allocations.used_classes(tx, held.id)
            if used:
                raise in_use(provider_uuid, used)
            inventories.delete_all(tx, held.id)
            changed(tx, held)

        self._run(work)

    def _run(self, work: Callable[[Transaction], T]) -> T:
        try:
            return self._database.run(work)
        except db_exc.DBReferenceError as exc:
            raise Conflict(
                "A resource class was removed at the same moment.", code=codes.CONCURRENT_UPDATE
            ) from exc


def in_use(provider_uuid: str, classes: Iterable[str]) -> Conflict:
    """What is said when classes would go that somebody holds."""
    return Conflict(
        f"Inventory for '{', '.join(classes)}' on resource provider '{provider_uuid}' in use.",
        code=codes.INVENTORY_IN_USE,
    )


def _not_offered(provider_uuid: str, resource_class: str) -> NotFound:
    return NotFound(f"No inventory of class {resource_class} for {provider_uuid}.")


def _nothing_to_delete(resource_class: str) -> NotFound:
    return NotFound(f"No inventory of class {resource_class} found for delete.")
