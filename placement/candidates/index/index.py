"""The index: every provider in a row of some arrays, every tree as a tuple of rows.

Rows are given out in order and never again, so that a mask over rows means the same as long as the index lives.
Methods that change it and those that read it must not run at the same time; :mod:`live` sees to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from placement.candidates.index.bits import TraitBits
from placement.candidates.index.columns import Column, Mask, Rows
from placement.candidates.index.facts import Fact
from placement.candidates.index.serving import Serving
from placement.candidates.index.trees import Shapes, Tree, parents_first

_NOWHERE = -1
# Fewer dead rows than this are not worth loading everything anew.
_FEW = 1000


class Index:
    """All providers. Those whose parent is missing are there, but in no tree, with all below them."""

    def __init__(self) -> None:
        self.size = 0
        self.bits = TraitBits()
        self.columns: dict[str, Column] = {}
        self.members: dict[str, set[int]] = {}  # rows by aggregate
        self.sharing: set[int] = set()
        self.serving = Serving()
        self._facts: list[Fact | None] = []
        self._uuids: list[bytes] = []
        self._trees: list[Tree | None] = []
        self._rows: dict[int, int] = {}
        self._rows_by_uuid: dict[str, int] = {}
        self._children: dict[int, set[int]] = {}
        self._ids = np.zeros(16, np.int64)
        self._root_rows = np.full(16, _NOWHERE, np.int32)
        self._shapes = Shapes()

    # What there is

    def fact(self, row: int) -> Fact:
        """The provider in this row, which must be alive."""
        fact = self._facts[row]
        assert fact is not None, "rows come from trees, and trees hold the living only"
        return fact

    def row_of(self, uuid: str) -> int | None:
        """The row of a provider; None when there is none with this uuid, or it is in no tree."""
        row = self._rows_by_uuid.get(uuid)
        return row if row is not None and self._trees[row] is not None else None

    def tree_of(self, row: int) -> Tree:
        """The tree that a provider is in."""
        tree = self._trees[row]
        assert tree is not None, "rows come from trees"
        return tree

    def trees_of(self, rows: Iterable[int]) -> list[Tree]:
        """The same for many."""
        found = self._trees
        trees = [found[row] for row in rows]
        assert None not in trees, "rows come from trees"
        return cast(list[Tree], trees)

    def uuid_bytes(self, row: int) -> bytes:
        """The uuid as it stands in answers."""
        return self._uuids[row]

    @property
    def root_rows(self) -> Rows:
        """By row: the row of the tree's root; negative for rows in no tree."""
        return self._root_rows[: self.size]

    @property
    def placed(self) -> Mask:
        """Which rows are in a tree."""
        return self.root_rows != _NOWHERE

    def in_order(self, rows: Rows) -> Rows:
        """The same rows, the provider that was made first coming first."""
        ids: npt.NDArray[np.int64] = self._ids[rows]
        return rows[np.argsort(ids, kind="stable")]

    @property
    def is_worn(self) -> bool:
        """Whether most rows belong to providers that are gone, so that loading anew saves room."""
        return self.size > 2 * len(self._rows) + _FEW

    # What changes it

    def apply(self, facts: Iterable[Fact], gone: Iterable[int] = ()) -> None:
        """Take over providers as they are now, and forget those that are gone (by id; unknown ones do not matter)."""
        loose: set[int] = set()
        for provider_id in gone:
            if provider_id in self._rows:
                loose |= self._forget(provider_id)
        for fact in facts:
            if self._put(fact):
                loose |= {fact.id} | self._uproot(self._rows[fact.id])
        for root in {self._top_of(provider_id) for provider_id in loose}:
            if root is not None:
                self._plant(root)
        if self.serving.is_stale:
            self._serve()

    def _put(self, fact: Fact) -> bool:
        """Store one provider; whether its place in the trees has to be looked at."""
        row = self._rows.get(fact.id)
        if row is None:
            row = self._new_row(fact)
            old = Fact(fact.id, fact.uuid, fact.parent_id)
        else:
            old = self.fact(row)
            if old == fact:
                return False
        self._facts[row] = fact
        self._put_stocks(row, old, fact)
        if old.traits != fact.traits:
            self.bits.put(row, fact.traits)
        if old.aggregates != fact.aggregates or old.shares != fact.shares:
            self._put_memberships(row, old, fact)
        tree = self._trees[row]
        if tree is not None:
            tree.summary = None
        if old.parent_id != fact.parent_id:
            self._leave_parent(old)
        elif tree is not None and old.shares == fact.shares:
            return False
        if fact.parent_id is not None:
            self._children.setdefault(fact.parent_id, set()).add(fact.id)
        return True

    def _new_row(self, fact: Fact) -> int:
        row = self.size
        self.size += 1
        if row == len(self._ids):
            self._ids = np.resize(self._ids, row * 2)
            self._root_rows = np.resize(self._root_rows, row * 2)
        self._ids[row] = fact.id
        self._root_rows[row] = _NOWHERE
        self._facts.append(fact)
        self._uuids.append(fact.uuid.encode())
        self._trees.append(None)
        self._rows[fact.id] = row
        self._rows_by_uuid[fact.uuid] = row
        self.bits.put(row, ())
        return row

    def _put_stocks(self, row: int, old: Fact, new: Fact) -> None:
        offered = {stock.resource_class for stock in new.stocks}
        for stock in old.stocks:
            if stock.resource_class not in offered:
                self.columns[stock.resource_class].drop(row)
        for stock in new.stocks:
            column = self.columns.get(stock.resource_class)
            if column is None:
                column = self.columns[stock.resource_class] = Column()
            column.put(row, stock)

    def _put_memberships(self, row: int, old: Fact, new: Fact) -> None:
        for aggregate in old.aggregates:
            if aggregate not in new.aggregates:
                self.members[aggregate].discard(row)
        for aggregate in new.aggregates:
            self.members.setdefault(aggregate, set()).add(row)
        if new.shares:
            self.sharing.add(row)
        else:
            self.sharing.discard(row)
        if self.sharing or old.shares:
            self.serving.is_stale = True

    def _forget(self, provider_id: int) -> set[int]:
        """Take a provider out; the ids of those that were in a tree with it."""
        row = self._rows.pop(provider_id)
        old = self.fact(row)
        nothing = Fact(old.id, old.uuid, None)
        self._put_stocks(row, old, nothing)
        self._put_memberships(row, old, nothing)
        self._leave_parent(old)
        self.bits.put(row, ())
        self._ids[row] = -1
        # A provider may have been made anew with the same uuid before the old one was seen to be gone.
        if self._rows_by_uuid.get(old.uuid) == row:
            del self._rows_by_uuid[old.uuid]
        loose = self._uproot(row)
        self._facts[row] = None
        return loose

    def _leave_parent(self, fact: Fact) -> None:
        if fact.parent_id is not None:
            siblings = self._children.get(fact.parent_id, set())
            siblings.discard(fact.id)
            if not siblings:
                self._children.pop(fact.parent_id, None)

    # Trees

    def _uproot(self, row: int) -> set[int]:
        """Take the tree apart that a row is in; the ids of its providers."""
        tree = self._trees[row]
        if tree is None:
            return set()
        self.serving.forget(tree)
        for member in tree.own:
            self._trees[member] = None
            self._root_rows[member] = _NOWHERE
        found = (self._facts[member] for member in tree.own)
        return {fact.id for fact in found if fact is not None}

    def _top_of(self, provider_id: int) -> int | None:
        """The root above a provider; None when an ancestor is missing.

        Between the two halves of a change the parents may form a ring, which has no root either.
        """
        seen: set[int] = set()
        while provider_id not in seen and provider_id in self._rows:
            seen.add(provider_id)
            parent_id = self.fact(self._rows[provider_id]).parent_id
            if parent_id is None:
                return provider_id
            provider_id = parent_id
        return None

    def _plant(self, root_id: int) -> None:
        self._uproot(self._rows[root_id])
        own = tuple(self._rows[one] for one in parents_first(root_id, self._children))
        tree = Tree(own)
        for row in own:
            self._trees[row] = tree
            self._root_rows[row] = own[0]
        self._shape(tree, ())
        if self.sharing:
            self.serving.is_stale = True

    def _shape(self, tree: Tree, served: Sequence[int]) -> None:
        tree.served = tuple(served)
        tree.usable = tree.own + tree.served
        tree.uuids = tuple(self._uuids[row] for row in tree.usable)
        tree.shape = self._shapes.of(
            tree.usable, self.lineage_of, self._root_rows.__getitem__, self.sharing
        )

    def lineage_of(self, row: int) -> Iterator[int]:
        """The row and those of its ancestors, upwards."""
        while True:
            yield row
            parent_id = self.fact(row).parent_id
            if parent_id is None:
                return
            row = self._rows[parent_id]

    def _serve(self) -> None:
        """Find out anew which trees the sharing providers serve."""
        served: dict[int, list[int]] = {}
        for sharer in sorted(self.sharing, key=lambda row: self.fact(row).id):
            home = self._root_rows[sharer]
            if home == _NOWHERE:
                continue
            rows = {row for one in self.fact(sharer).aggregates for row in self.members[one]}
            for root in {int(self._root_rows[row]) for row in rows} - {home, _NOWHERE}:
                served.setdefault(root, []).append(sharer)
        trees = {root: self.tree_of(root) for root in served}
        faded = self.serving.renew({tree: served[root] for root, tree in trees.items()})
        for tree in faded:
            self._shape(tree, ())
        for root, tree in trees.items():
            self._shape(tree, served[root])
