"""What a list of servers asks of every cell, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands in a query for a value that is known by this name, and given when the query is asked."""

    name: str


def bound(value: Any, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
    """A value of a query, or the place for one, in SQL."""
    if isinstance(value, Slot):
        return sa.bindparam(value.name, type_=kind)
    # As a parameter, because SQLAlchemy orders nothing by a bare True or False.
    return sa.literal(value, kind)


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key with its direction."""

    key: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class States:
    """Servers in one vm_state with one of these task_states (None: any)."""

    vm_state: str
    task_states: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TagFilter:
    """The four tag filters; empty tuples do not count."""

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    not_all_of: tuple[str, ...] = ()
    not_any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerQuery:
    """What a list asks of every cell."""

    sort: tuple[Sort, ...]
    limit: int
    #: Column name -> accepted values.
    equals: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Column name -> regular expressions, of which one must be found in the value.
    matches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    states: tuple[States, ...] | None = None
    tags: TagFilter = TagFilter()
    is_locked: bool | None = None
    #: True: deleted ones only; None: both.
    is_deleted: bool | None = False
    changes_since: datetime | None = None
    changes_before: datetime | None = None
    #: Whether how the host of each server is shall be told.
    with_hosts: bool = False
    #: Sort values and uuid of the row after which the page begins.
    after: tuple[Any, ...] | None = None
