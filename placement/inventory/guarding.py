"""Locking one provider for a change, and the generation that the change must know."""

from __future__ import annotations

from groundwork.database import Transaction
from groundwork.errors import Conflict, NotFound
from placement import codes
from placement.db.queries import endings, providers
from placement.db.queries.providers import Held


def hold(tx: Transaction, provider_uuid: str, *, to: str = "") -> Held:
    """The provider, locked until the transaction ends.

    :raises NotFound: there is none; the text tells what it was wanted for, when ``to`` does (``delete``).
    """
    held = providers.lock(tx, [provider_uuid]).get(provider_uuid)
    if held is None:
        raise no_provider(provider_uuid, to=to)
    return held


def require_generation(held: Held, generation: int) -> None:
    """Nothing, when the caller knows the provider as it is now. :raises Conflict: somebody changed it since."""
    if held.generation != generation:
        raise Conflict(
            f"resource provider generation conflict for resource provider {held.uuid}: "
            f"actual: {held.generation}, given: {generation}. Resource provider's generation already "
            "changed. Please update the generation and try again.",
            code=codes.CONCURRENT_UPDATE,
        )


def changed(tx: Transaction, held: Held) -> int:
    """Tell the world that the provider changed, as the last thing in this transaction; its new generation."""
    endings.raise_generation(tx, held.id)
    return held.generation + 1


def no_provider(provider_uuid: str, *, to: str = "") -> NotFound:
    """What is said of a uuid that no provider has."""
    purpose = f" for {to}" if to else ""
    return NotFound(f"No resource provider with uuid {provider_uuid} found{purpose}.")
