"""Which aggregates a provider belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groundwork.database import Database, Transaction
from placement.db.queries import aggregates, changes, providers
from placement.inventory.guarding import changed, hold, no_provider, require_generation


@dataclass(frozen=True, slots=True)
class Membership:
    """The aggregates of a provider and the generation at which it had them."""

    generation: int
    aggregates: tuple[str, ...]


class Aggregates:
    """The memberships of all providers."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def show(self, provider_uuid: str) -> Membership:
        """The aggregates of the provider. :raises NotFound: there is no such provider."""
        with self._database.read() as tx:
            found = providers.find(tx, provider_uuid)
            if found is None:
                raise no_provider(provider_uuid)
            return Membership(found.generation, aggregates.of_provider(tx, found.id))

    def replace(
        self, provider_uuid: str, wanted: Sequence[str], *, generation: int | None
    ) -> Membership:
        """Let the provider belong to just these, told back in the order given.

        Without a generation none is checked and none is raised.

        :raises Conflict: the generation is stale.
        """

        def work(tx: Transaction) -> Membership:
            held = hold(tx, provider_uuid)
            if generation is not None:
                require_generation(held, generation)
            aggregates.replace(tx, held.id, wanted)
            if generation is None:
                changes.record(tx, [held.id])
                return Membership(held.generation, tuple(wanted))
            return Membership(changed(tx, held), tuple(wanted))

        return self._database.run(work)
