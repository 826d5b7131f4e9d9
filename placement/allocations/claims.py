"""Claims: a consumer's allocations replaced, exactly and all at once.

Why no provider is ever over-committed, on any engine:
1. The rows of all providers that are named are locked before anything is read. (Raising their generations does it.)
2. Capacity and use are read after that, so they hold what every earlier claim on these providers committed; a later
   claim waits in step 1. (SQLite has one writer at a time, and this transaction is a writer from its beginning.)
3. Whoever loses against another writer of the same consumer starts anew in a fresh transaction, because reading
   again inside the old one could show it the old snapshot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid
from placement import codes
from placement.db.models import resource_classes
from placement.db.queries import (
    allocations,
    blocks,
    changes,
    claiming,
    consumers,
    providers,
)
from placement.db.queries.allocations import Holding
from placement.db.queries.claiming import Scene
from placement.db.queries.provider_filters import known_ids
from placement.records import Claim, Consumer, Inventory
from placement.unknown import UnknownClasses


class LostRace(Conflict):
    """Another writer of the same consumer was faster; a fresh look may succeed."""

    def __init__(self, consumer_uuid: str) -> None:
        super().__init__(
            f"Consumer {consumer_uuid} was changed by another request at the same moment.",
            code=codes.CONCURRENT_UPDATE,
        )


class Claims:
    """Writes allocations."""

    def __init__(self, *, database: Database, conflict_retries: int) -> None:
        """``conflict_retries``: fewer and clients see races that a repetition cures; more and they wait longer."""
        self._database = database
        self._tries = conflict_retries + 1

    def put(self, claims: Sequence[Claim]) -> None:
        """Let each consumer hold what its claim says, or change nothing at all.

        :raises Invalid: a provider or a class does not exist.
        :raises Conflict: a generation is stale, or a provider cannot take its share.
        """
        named = {uuid for claim in claims for uuid in claim.resources}

        def work(tx: Transaction) -> None:
            scene = claiming.lock_and_read(tx, named, {claim.consumer_uuid for claim in claims})
            if tx.takes_blocks and _is_first(claims, scene):
                _judge(tx, claims, scene)
                _write_first(tx, claims[0], scene)
                return
            touched = replace_allocations(tx, claims, scene)
            raised = set(scene.provider_ids.values())
            if touched - raised:
                providers.raise_generation(tx, touched - raised)
            changes.record(tx, touched)

        run_claim(self._database, work, tries=self._tries)

    def release(self, consumer_uuid: str) -> bool:
        """Take everything from a consumer and forget it; False when it held nothing. No generation changes."""

        def work(tx: Transaction) -> bool:
            consumer_id = consumers.lock(tx, consumer_uuid)
            if consumer_id is None:
                return False
            touched = {holding.provider_id for holding in allocations.held_by(tx, [consumer_id])}
            allocations.delete_of(tx, [consumer_id])
            consumers.delete(tx, [consumer_id])
            changes.record(tx, touched)
            return True

        return self._database.run(work)


def run_claim(database: Database, work: Callable[[Transaction], None], *, tries: int) -> None:
    """Run a claiming transaction, anew after each lost race. :raises Conflict: it lost all of them."""
    for attempt in range(1, tries + 1):
        try:
            return database.run(work)
        except LostRace:
            if attempt == tries:
                raise
        except db_exc.DBReferenceError as exc:
            raise _raced("A provider or class was removed at the same moment.") from exc
        except db_exc.DBDeadlock as exc:
            raise _raced("Too many writers at the same providers; try again.") from exc


def announce(tx: Transaction, provider_ids: Iterable[int]) -> None:
    """Raise the generation of the providers that were written, and put them into the change feed.

    A provider that is named several times was written as often, and its generation says so.
    """
    writes = Counter(provider_ids)
    for times in sorted(set(writes.values())):
        written = [provider_id for provider_id, count in writes.items() if count == times]
        providers.raise_generation(tx, written, by=times)
    changes.record(tx, writes)


def replace_allocations(tx: Transaction, claims: Sequence[Claim], scene: Scene) -> set[int]:
    """Put the claims in place of what their consumers hold; the ids of the providers touched, old and new.

    ``scene`` was read after the providers were locked. What counts is the state after all claims: one may free what
    another takes.
    """
    _judge(tx, claims, scene)
    _write(tx, claims, scene)
    touched = {holding.provider_id for holding in scene.holdings}
    return touched | {scene.provider_ids[uuid] for claim in claims for uuid in claim.resources}


def _judge(tx: Transaction, claims: Sequence[Claim], scene: Scene) -> None:
    """:raises Invalid or Conflict: something of it cannot be."""
    missing = {uuid for claim in claims for uuid in claim.resources} - scene.provider_ids.keys()
    if missing:
        raise Invalid(f"Allocation for resource provider '{min(missing)}' that does not exist.")
    for claim in claims:
        _require_consumer_generation(claim, scene.consumers.get(claim.consumer_uuid))
    _require_classes(tx, claims, scene)
    _require_room(claims, scene)


def _is_first(claims: Sequence[Claim], scene: Scene) -> bool:
    """Whether this is what most claims are: one consumer, that had no record until now."""
    return len(claims) == 1 and bool(claims[0].resources) and not scene.consumers


def _require_classes(tx: Transaction, claims: Sequence[Claim], scene: Scene) -> None:
    """:raises Invalid: a class does not exist. (Those that some provider here offers do.)"""
    names = {name for claim in claims for name in _classes(claim)}
    try:
        known_ids(tx, resource_classes, names - {name for _, name in scene.stocks})
    except UnknownClasses as exc:
        asking = {c.consumer_uuid for c in claims if not exc.names.isdisjoint(_classes(c))}
        raise Invalid(
            f"Unable to allocate inventory for consumer {', '.join(sorted(asking))}: {exc}"
        ) from exc


def _classes(claim: Claim) -> set[str]:
    return {name for amounts in claim.resources.values() for name in amounts}


def _require_consumer_generation(claim: Claim, consumer: Consumer | None) -> None:
    found = consumer.generation if consumer else None
    if claim.check_generation and claim.expected_generation != found:
        expected = "null" if claim.expected_generation is None else claim.expected_generation
        raise Conflict(
            f"consumer generation conflict - expected {'null' if found is None else found} but got {expected}",
            code=codes.CONCURRENT_UPDATE,
        )


def _require_room(claims: Sequence[Claim], scene: Scene) -> None:
    """:raises Conflict: a share breaks min_unit, max_unit or step_size, or the sum exceeds the capacity.

    A provider that is over its capacity already may take claims that do not raise what these consumers hold there.
    """
    old: Counter[tuple[int, int]] = Counter()
    new: Counter[tuple[str, str]] = Counter()
    for holding in scene.holdings:
        old[holding.provider_id, holding.class_id] += holding.used
    for claim in claims:
        for uuid, amounts in claim.resources.items():
            for name, amount in amounts.items():
                offered = scene.stocks.get((scene.provider_ids[uuid], name))
                if offered is None:
                    raise Conflict(
                        f"Unable to allocate inventory: Inventory for '{name}' on "
                        f"resource provider '{uuid}' invalid: there is none."
                    )
                _require_unit(offered.inventory, uuid, amount)
                new[uuid, name] += amount
    for (uuid, name), amount in new.items():
        provider_id = scene.provider_ids[uuid]
        stock = scene.stocks[provider_id, name]
        own = old[provider_id, stock.class_id]
        others = stock.used - own
        if others + amount > stock.inventory.capacity and amount > own:
            raise Conflict(
                f"Unable to allocate inventory: Unable to create allocation for "
                f"'{name}' on resource provider '{uuid}'. "
                f"The requested amount would exceed the capacity.",
                internal=f"capacity={stock.inventory.capacity} others={others} wanted={amount}",
            )


def _require_unit(offered: Inventory, provider_uuid: str, amount: int) -> None:
    if not offered.takes(amount):
        raise Conflict(
            f"Unable to allocate inventory for '{offered.resource_class}' on resource provider "
            f"'{provider_uuid}': {amount} violates min_unit={offered.min_unit}, "
            f"max_unit={offered.max_unit} or step_size={offered.step_size}."
        )


def _write(tx: Transaction, claims: Sequence[Claim], scene: Scene) -> None:
    ids: dict[str, int] = {}
    emptied: list[int] = []
    for claim in claims:
        consumer = scene.consumers.get(claim.consumer_uuid)
        if consumer is None:
            if claim.resources:
                ids[claim.consumer_uuid] = _insert_consumer(tx, claim)
            continue
        # The compare-and-swap comes first: from here on no other writer of this consumer gets through.
        if not consumers.update(tx, consumer, claim):
            raise LostRace(consumer.uuid)
        ids[consumer.uuid] = consumer.id
        if not claim.resources:
            emptied.append(consumer.id)
    allocations.delete_of(tx, [consumer.id for consumer in scene.consumers.values()])
    consumers.delete(tx, emptied)
    allocations.insert(tx, _holdings(claims, scene, ids))


def _write_first(tx: Transaction, claim: Claim, scene: Scene) -> None:
    """As :func:`_write`, with the rows of the change feed; everything is inserted, so that one trip can do it."""
    held = list(_holdings([claim], scene, {claim.consumer_uuid: 0}))
    shares = [(holding.provider_id, holding.class_id, holding.used) for holding in held]
    touched = sorted({holding.provider_id for holding in held})
    try:
        blocks.write_first(tx, claim, shares, touched)
    except db_exc.DBDuplicateEntry as exc:
        # Or a reader of the feed took this writer for dead; a fresh transaction cures both.
        raise LostRace(claim.consumer_uuid) from exc


def _holdings(
    claims: Sequence[Claim], scene: Scene, consumer_ids: Mapping[str, int]
) -> Iterator[Holding]:
    for claim in claims:
        for uuid, amounts in claim.resources.items():
            provider_id = scene.provider_ids[uuid]
            for name, amount in amounts.items():
                class_id = scene.stocks[provider_id, name].class_id
                yield Holding(consumer_ids[claim.consumer_uuid], provider_id, class_id, amount)


def _insert_consumer(tx: Transaction, claim: Claim) -> int:
    try:
        return consumers.insert(tx, claim)
    except db_exc.DBDuplicateEntry as exc:
        raise LostRace(claim.consumer_uuid) from exc


def _raced(text: str) -> Conflict:
    return Conflict(text, code=codes.CONCURRENT_UPDATE)
