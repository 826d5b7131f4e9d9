"""Finding providers by what they are and have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import (
    allocations,
    inventories,
    provider_aggregates,
    provider_traits,
    resource_classes,
    resource_providers,
    traits,
)
from placement.db.queries import named, providers
from placement.grammar import AggregatesAsked, TraitsAsked
from placement.records import LARGEST_AMOUNT, Named, Provider, ProviderQuery
from placement.unknown import UnknownClasses, UnknownTraits

Condition = sa.ColumnElement[bool]
_OWN = resource_providers.c


def search(tx: Transaction, wanted: ProviderQuery) -> tuple[Provider, ...]:
    """The providers that meet all conditions, by id. :raises UnknownNames: of a trait or class."""
    trait_ids = known_ids(tx, traits, wanted.required.names)
    class_ids = known_ids(tx, resource_classes, wanted.resources)
    conditions = [
        *_identity(wanted),
        *_membership(wanted.member_of),
        *_traits(wanted.required, trait_ids),
        *(_room(class_ids[name], amount) for name, amount in wanted.resources.items()),
    ]
    statement = providers.select_providers().where(*conditions).order_by(_OWN.id)
    return providers.fetch(tx, statement)


def known(tx: Transaction, table: sa.Table, names: Iterable[str]) -> tuple[Named, ...]:
    """The traits or resource classes with these names, by id. :raises UnknownNames: some do not exist."""
    asked = set(names)
    found = named.those_named(tx, table, asked)
    missing = asked - {row.name for row in found}
    if missing:
        raise UnknownTraits(missing) if table is traits else UnknownClasses(missing)
    return found


def known_ids(tx: Transaction, table: sa.Table, names: Iterable[str]) -> dict[str, int]:
    """Id by name of traits or resource classes. :raises UnknownNames: some do not exist."""
    return {row.name: row.id for row in known(tx, table, names)}


def _identity(wanted: ProviderQuery) -> Iterable[Condition]:
    if wanted.name is not None:
        yield _OWN.name == wanted.name
    if wanted.uuid is not None:
        yield _OWN.uuid == wanted.uuid
    if wanted.in_tree is not None:
        any_member = resource_providers.alias()
        root = sa.select(any_member.c.root_provider_id).where(any_member.c.uuid == wanted.in_tree)
        yield _OWN.root_provider_id == root.scalar_subquery()


def _membership(asked: AggregatesAsked) -> Iterable[Condition]:
    column = provider_aggregates.c.aggregate_uuid
    if asked.any_of:
        yield _has_one_of_each(column, asked.any_of)
    if asked.none_of:
        yield ~_has(column, asked.none_of)


def _traits(asked: TraitsAsked, ids: Mapping[str, int]) -> Iterable[Condition]:
    column = provider_traits.c.trait_id
    names = [*asked.any_of, *(frozenset({name}) for name in asked.all_of)]
    if names:
        yield _has_one_of_each(column, {frozenset(ids[name] for name in some) for some in names})
    if asked.none_of:
        yield ~_has(column, {ids[name] for name in asked.none_of})


def _has_one_of_each(column: sa.Column[Any], choices: Collection[Collection[Any]]) -> Condition:
    """That the provider has, in the table of this column, a row of every choice.

    p.id IN (SELECT provider FROM table WHERE value IN (:all) GROUP BY provider
             HAVING sum(value IN (:one)) > 0 AND sum(value IN (:other)) > 0 ...)
    One EXISTS for each choice would do the same; with fifty of them MariaDB never finishes to plan the joins.
    """
    owner: sa.Column[int] = column.table.c.resource_provider_id
    mentioned = sorted(set[Any]().union(*choices))
    hits = [
        sa.func.sum(sa.case((column.in_(sorted(choice)), 1), else_=0)) > 0 for choice in choices
    ]
    fitting = sa.select(owner).where(column.in_(mentioned)).group_by(owner).having(sa.and_(*hits))
    return _OWN.id.in_(fitting)


def _has(column: sa.Column[Any], values: Collection[Any]) -> Condition:
    owner: sa.Column[int] = column.table.c.resource_provider_id
    return sa.exists().where(owner == _OWN.id, column.in_(sorted(values)))


def _room(class_id: int, amount: int) -> Condition:
    """That the provider can take this much of the class in one piece.

    EXISTS (SELECT 1 FROM inventories i WHERE i.provider = p.id AND i.class = :c AND :n BETWEEN i.min AND i.max
            AND :n % i.step = 0 AND :n + (SELECT sum(used) ...) <= (i.total - i.reserved) * i.ratio)
    """
    if amount > LARGEST_AMOUNT:
        return sa.false()
    offered = inventories.c
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(allocations.c.used), 0))
        .where(
            allocations.c.resource_provider_id == _OWN.id,
            allocations.c.resource_class_id == class_id,
        )
        .correlate(resource_providers)
        .scalar_subquery()
    )
    return sa.exists().where(
        offered.resource_provider_id == _OWN.id,
        offered.resource_class_id == class_id,
        offered.min_unit <= amount,
        offered.max_unit >= amount,
        sa.literal(amount) % offered.step_size == 0,
        used + amount <= (offered.total - offered.reserved) * offered.allocation_ratio,
    )
