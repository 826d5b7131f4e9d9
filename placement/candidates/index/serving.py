"""Which sharing providers serve which trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from placement.candidates.index.columns import Mask, Rows
from placement.candidates.index.trees import Tree


class Serving:
    """Pairs of a tree and a sharing provider from outside that serves it."""

    def __init__(self) -> None:
        self.is_stale = False
        self._served: set[Tree] = set()
        self._roots: Rows = np.zeros(0, np.int32)
        self._sharers: Rows = np.zeros(0, np.int32)

    def renew(self, served: Mapping[Tree, Sequence[int]]) -> set[Tree]:
        """Take over who serves which tree; the trees that were served and are no more."""
        faded = self._served - served.keys()
        self._served = set(served)
        self._roots = np.array(
            [tree.root for tree, sharers in served.items() for _ in sharers], np.int32
        )
        self._sharers = np.array([row for sharers in served.values() for row in sharers], np.int32)
        self.is_stale = False
        return faded

    def forget(self, tree: Tree) -> None:
        """The tree is taken apart; who served it has to be found out anew for what takes its place."""
        if tree in self._served:
            self._served.discard(tree)
            self.is_stale = True

    def reached(self, mask: Mask) -> Rows:
        """The roots of the trees that are served by a provider in the mask, repeated as it comes."""
        return self._roots[mask[self._sharers]]
