"""The statements of frequent changes in as few trips as MariaDB allows: blocks that read, blocks that write and commit.

They are the statements that other engines are sent one by one (see :mod:`claiming` and :mod:`endings`), in the same
order and with the same effect; only the waiting in between is saved, and the work of sending each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from groundwork.columns import now
from groundwork.database import Transaction
from placement.records import Claim

# What is read of providers and what of consumers, one after the other.
Scene = tuple[sa.Select[Any], sa.Select[Any]]

_RAISE = """
UPDATE resource_providers SET generation = generation + 1, updated_at = %s WHERE uuid IN ({})"""
_INSERT_CONSUMER = """
INSERT INTO consumers (uuid, project_id, user_id, consumer_type, generation, created_at, updated_at)
VALUES (%s, %s, %s, %s, 1, %s, %s)"""
# The key of the consumer is that of the statement before, in every row of this one.
_INSERT_ALLOCATIONS = """
INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at) VALUES {}"""
_RAISE_ONE = (
    "UPDATE resource_providers SET generation = generation + 1, updated_at = %s WHERE id = %s"
)
_PLACE = "UPDATE resource_providers SET root_provider_id = %s, updated_at = %s WHERE id = %s"
_INSERT_CHANGES = "INSERT INTO provider_changes (resource_provider_id, changed_at) VALUES {}"


def lock_and_read(
    tx: Transaction,
    scene: Scene,
    providers: Sequence[str],
    consumers: Sequence[str],
) -> Iterable[Sequence[Any]]:
    """The rows of ``scene``, read after the generations of these providers were raised.

    Each comes as one text: a driver in Python spends more on columns than on what they hold.
    """
    text = _text_of(scene, len(providers), len(consumers))
    marks = _marks("%s", len(providers))
    parameters = (_moment(), *providers, *providers, *consumers)
    packed = tx.execute_block(_RAISE.format(marks), text, parameters=parameters)
    return map(msgspec.json.decode, packed.scalars())


def write_first(
    tx: Transaction, claim: Claim, shares: Sequence[tuple[int, int, int]], touched: Sequence[int]
) -> None:
    """Write a consumer that had no record, its allocations, and the change feed's rows for the providers ``touched``,
    and commit.

    :param shares: id of the provider, id of the class, and how much of it.
    :raises oslo_db.exception.DBDuplicateEntry: the consumer has one by now, or a row of the feed was taken.
    """
    moment = _moment()
    owner = (claim.consumer_uuid, claim.project_id, claim.user_id, claim.consumer_type)
    tx.commit_block(
        _INSERT_CONSUMER,
        _INSERT_ALLOCATIONS.format(_marks("(LAST_INSERT_ID(), %s, %s, %s, %s)", len(shares))),
        _INSERT_CHANGES.format(_marks("(%s, %s)", len(touched))),
        parameters=(
            *(*owner, moment, moment),
            *(value for share in shares for value in (*share, moment)),
            *(value for one in touched for value in (one, moment)),
        ),
    )


def end_with_raise(tx: Transaction, provider_id: int) -> None:
    """Raise a provider's generation, put it into the change feed, and commit.

    :raises oslo_db.exception.DBDuplicateEntry: the row of the feed was taken.
    """
    moment = _moment()
    tx.commit_block(
        _RAISE_ONE,
        _INSERT_CHANGES.format("(%s, %s)"),
        parameters=(moment, provider_id, provider_id, moment),
    )


def end_with_place(tx: Transaction, provider_id: int, root_id: int, moment: datetime) -> None:
    """Put a new provider into the tree of a root, as of this moment, and into the change feed, and commit.

    :raises oslo_db.exception.DBDuplicateEntry: the row of the feed was taken.
    """
    naive = moment.replace(tzinfo=None)
    tx.commit_block(
        _PLACE,
        _INSERT_CHANGES.format("(%s, %s)"),
        parameters=(root_id, naive, provider_id, provider_id, naive),
    )


def _marks(one: str, count: int) -> str:
    return ", ".join([one] * count)


def _moment() -> datetime:
    """Now, as the tables hold it: without a zone."""
    return now().replace(tzinfo=None)


# Claims name a few providers. Some clients send many at once, whose texts are long and seldom asked for again.
@lru_cache(maxsize=64)
def _text_of(scene: Scene, providers: int, consumers: int) -> str:
    """The text for so many of each, which come in this order and are all that it asks for."""
    dialect = mysql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    packed = sa.union_all(
        *(part.with_only_columns(sa.func.json_array(*part.selected_columns)) for part in scene)
    )
    filled = packed.params(providers=[""] * providers, consumers=[""] * consumers)
    return str(filled.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}))
