"""Providers: making, finding, changing and removing them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oslo_db import exception as db_exc

from groundwork.columns import now
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid
from placement import codes
from placement.db.queries import allocations, changes, endings, provider_filters, providers
from placement.inventory import trees
from placement.inventory.guarding import hold, no_provider
from placement.records import Provider, ProviderQuery


@dataclass(frozen=True, slots=True)
class ProviderChange:
    """A new name and, when ``sets_parent``, a new parent (None: none); ``may_move`` permits to leave a parent."""

    name: str
    sets_parent: bool = False
    parent_uuid: str | None = None
    may_move: bool = False


class Providers:
    """All providers of this deployment."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def show(self, uuid: str) -> Provider:
        """One provider. :raises NotFound: there is none with this uuid."""
        with self._database.read() as tx:
            return _known(tx, uuid)

    def search(self, wanted: ProviderQuery) -> tuple[Provider, ...]:
        """The providers that meet every condition, oldest first.

        :raises Invalid: a trait or class in it does not exist.
        """
        with self._database.read() as tx:
            return provider_filters.search(tx, wanted)

    def create(self, *, uuid: str, name: str, parent_uuid: str | None) -> Provider:
        """A new provider with generation 0.

        :raises Conflict: the name or the uuid is taken.
        :raises Invalid: the parent does not exist.
        """

        def work(tx: Transaction) -> Provider:
            parent = providers.lock(tx, [parent_uuid] if parent_uuid else [])
            if parent_uuid and parent_uuid not in parent:
                why = (
                    "parent provider UUID cannot be same as UUID."
                    if parent_uuid == uuid
                    else f"parent provider UUID does not exist: {parent_uuid}."
                )
                raise Invalid(f'Unable to create resource provider "{name}", {uuid}: {why}')
            parent_id = parent[parent_uuid].id if parent_uuid else None
            own_id, moment = providers.insert(tx, uuid=uuid, name=name, parent_id=parent_id), now()
            root_id, root_uuid = (
                (own_id, uuid) if parent_id is None else providers.root_of(tx, parent_id)
            )
            endings.place(tx, own_id, root_id, moment)
            return Provider(own_id, uuid, name, 0, parent_uuid, root_uuid, moment)

        try:
            return self._database.run(work)
        except db_exc.DBDuplicateEntry as exc:
            raise _taken(exc, name=name, uuid=uuid) from exc

    def update(self, uuid: str, change: ProviderChange) -> Provider:
        """The provider after the change; its generation stays.

        :raises NotFound: there is no such provider.
        :raises Conflict: the name is taken.
        :raises Invalid: the parent does not exist, would close a loop, or may not be left.
        """

        def work(tx: Transaction) -> Provider:
            held = hold(tx, uuid)
            touched = {held.id}
            providers.rename(tx, held.id, change.name)
            if change.sets_parent:
                touched |= trees.move(
                    tx, held, change.parent_uuid, may_leave_parent=change.may_move
                )
            changes.record(tx, touched)
            return _known(tx, uuid)

        try:
            return self._database.run(work)
        except db_exc.DBDuplicateEntry as exc:
            raise _taken(exc, name=change.name, uuid=uuid) from exc

    def delete(self, uuid: str) -> None:
        """Remove a provider with all it offers.

        :raises NotFound: there is no such provider.
        :raises Conflict: somebody holds something there, or it has children.
        """

        def work(tx: Transaction) -> None:
            held = hold(tx, uuid, to="delete")
            if providers.count_children(tx, held.id):
                raise Conflict(
                    f"Unable to delete parent resource provider {uuid}: It has child resource providers.",
                    code=codes.CANNOT_DELETE_PARENT,
                )
            if allocations.is_used(tx, held.id):
                raise Conflict(
                    f"Unable to delete resource provider {uuid}: Resource provider has allocations.",
                    code=codes.PROVIDER_IN_USE,
                )
            providers.delete(tx, held.id)
            changes.record(tx, [held.id])

        self._database.run(work)


def _known(tx: Transaction, uuid: str) -> Provider:
    found = providers.find(tx, uuid)
    if found is None:
        raise no_provider(uuid)
    return found


def _taken(exc: db_exc.DBDuplicateEntry, *, name: str, uuid: str) -> Conflict:
    # oslo.db does not find the column on every engine; the constraint's name is in every message.
    by_uuid = re.search(r"resource_providers[._]uuid\b", str(exc)) is not None
    column, value = ("uuid", uuid) if by_uuid else ("name", name)
    return Conflict(
        f"Conflicting resource provider {column}: {value} already exists.",
        code=codes.DUPLICATE_NAME,
    )
