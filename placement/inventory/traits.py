"""The traits there are, and which of them a provider carries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from placement import codes
from placement.db import models
from placement.db.queries import named, provider_filters, providers, traits
from placement.inventory.guarding import changed, hold, no_provider, require_generation
from placement.records import Named, TraitQuery


@dataclass(frozen=True, slots=True)
class Carried:
    """The traits of a provider and the generation at which it had them."""

    generation: int
    traits: tuple[Named, ...]


class Traits:
    """All traits: the standard ones, which cannot be made or removed here, and the operator's own."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def search(self, wanted: TraitQuery) -> tuple[Named, ...]:
        """The traits that meet all conditions, oldest first."""
        with self._database.read() as tx:
            return traits.search(tx, wanted)

    def show(self, name: str) -> Named:
        """One trait. :raises NotFound: there is none with this name."""
        with self._database.read() as tx:
            return _known(tx, name)

    def ensure(self, name: str) -> tuple[Named, bool]:
        """The trait, and whether it had to be made."""

        def work(tx: Transaction) -> tuple[Named, bool]:
            found = named.find_named(tx, models.traits, name)
            if found is not None:
                return found, False
            named.insert_named(tx, models.traits, name)
            return _known(tx, name), True

        try:
            return self._database.run(work)
        except db_exc.DBDuplicateEntry:
            # Somebody else made it between our look and our insert.
            return self.show(name), False

    def delete(self, name: str) -> None:
        """Remove a trait of the operator's own.

        :raises NotFound: there is none with this name.
        :raises Invalid: it is a standard one.
        :raises Conflict: some provider carries it.
        """

        def work(tx: Transaction) -> None:
            found = _known(tx, name)
            if not named.is_custom(name):
                raise Invalid(f"Cannot delete standard trait {name}.")
            if traits.is_carried(tx, found.id):
                raise _in_use(name)
            named.delete_named(tx, models.traits, found.id)

        try:
            self._database.run(work)
        except db_exc.DBReferenceError as exc:
            raise _in_use(name) from exc

    def of_provider(self, provider_uuid: str) -> Carried:
        """What the provider carries. :raises NotFound: there is no such provider."""
        with self._database.read() as tx:
            found = providers.find(tx, provider_uuid)
            if found is None:
                raise no_provider(provider_uuid)
            return Carried(found.generation, traits.of_provider(tx, found.id))

    def set_of_provider(
        self, provider_uuid: str, names: Collection[str], *, generation: int | None
    ) -> Carried:
        """Let the provider carry just these; without a generation none is checked. No change raises none.

        :raises NotFound: there is no such provider.
        :raises Conflict: the generation is stale.
        :raises Invalid: a trait does not exist.
        """

        def work(tx: Transaction) -> Carried:
            held = hold(tx, provider_uuid)
            if generation is not None:
                require_generation(held, generation)
            wanted = provider_filters.known(tx, models.traits, names)
            ids, present = {trait.id for trait in wanted}, traits.ids_of_provider(tx, held.id)
            if ids == present:
                return Carried(held.generation, wanted)
            traits.change(tx, held.id, added=ids - present, dropped=present - ids)
            return Carried(changed(tx, held), wanted)

        try:
            return self._database.run(work)
        except db_exc.DBReferenceError as exc:
            raise Conflict(
                "A trait was removed at the same moment.", code=codes.CONCURRENT_UPDATE
            ) from exc


def _known(tx: Transaction, name: str) -> Named:
    found = named.find_named(tx, models.traits, name)
    if found is None:
        raise NotFound(f"No such trait(s): {name}.")
    return found


def _in_use(name: str) -> Conflict:
    return Conflict(f"The trait {name} is in use by a resource provider.")
