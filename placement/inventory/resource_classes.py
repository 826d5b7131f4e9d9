"""The classes of resources: the standard ones and the operator's own."""

from __future__ import annotations

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from placement.db import models
from placement.db.queries import changes, inventories, named
from placement.inventory.standard import STANDARD_CLASS_IDS
from placement.records import Named


class ResourceClasses:
    """All resource classes."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Named, ...]:
        """Every class: the standard ones in their fixed order, then the operator's own, oldest first."""
        with self._database.read() as tx:
            return named.list_named(tx, models.resource_classes)

    def show(self, name: str) -> Named:
        """One class. :raises NotFound: there is none with this name."""
        with self._database.read() as tx:
            return _known(tx, name)

    def create(self, name: str) -> None:
        """A new class. :raises Conflict: there is one with this name."""
        if not self.ensure(name):
            raise Conflict(f"Conflicting resource class already exists: {name}.")

    def ensure(self, name: str) -> bool:
        """True when the class had to be made, False when it was there; of several at once one makes it."""

        def work(tx: Transaction) -> bool:
            if named.find_named(tx, models.resource_classes, name) is not None:
                return False
            named.insert_named(tx, models.resource_classes, name)
            return True

        try:
            return self._database.run(work)
        except db_exc.DBDuplicateEntry:
            return False

    def rename(self, name: str, new_name: str) -> Named:
        """The class under its new name.

        :raises NotFound: there is none with the old name.
        :raises Invalid: it is a standard one.
        :raises Conflict: the new name is taken.
        """

        def work(tx: Transaction) -> Named:
            found = _own(tx, name, "update")
            named.rename_named(tx, models.resource_classes, found.id, new_name)
            changes.record(tx, inventories.providers_offering(tx, found.id))
            return _known(tx, new_name)

        try:
            return self._database.run(work)
        except db_exc.DBDuplicateEntry as exc:
            raise Conflict(f"Resource class already exists: {new_name}.") from exc

    def delete(self, name: str) -> None:
        """Remove a class of the operator's own.

        :raises NotFound: there is none with this name.
        :raises Invalid: it is a standard one.
        :raises Conflict: some provider has inventory of it.
        """

        def work(tx: Transaction) -> None:
            found = _own(tx, name, "delete")
            if inventories.providers_offering(tx, found.id):
                raise _in_use(name)
            named.delete_named(tx, models.resource_classes, found.id)

        try:
            self._database.run(work)
        except db_exc.DBReferenceError as exc:
            raise _in_use(name) from exc


def _known(tx: Transaction, name: str) -> Named:
    found = named.find_named(tx, models.resource_classes, name)
    if found is None:
        raise NotFound(f"No such resource class {name}.")
    return found


def _own(tx: Transaction, name: str, verb: str) -> Named:
    found = _known(tx, name)
    if name in STANDARD_CLASS_IDS:
        raise Invalid(f"Cannot {verb} standard resource class {name}.")
    return found


def _in_use(name: str) -> Conflict:
    return Conflict(f"Error in delete resource class {name}: Class is in use in inventory.")
