"""One resource class over all providers that offer it, in arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from placement.candidates.index.facts import Stock

Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_NONE = -1
# A capacity may be any product of an integer and a float; everything from here up is the same, because amounts and
# uses are far smaller, and sums of them stay inside 64 bits.
_PLENTY = 1 << 60
_LARGEST_AMOUNT = (1 << 31) - 1


class Column:
    """Capacity, use and bounds, packed: providers that do not offer the class cost four bytes each."""

    def __init__(self) -> None:
        self.count = 0
        self._place = np.full(16, _NONE, np.int32)  # by row: where in the arrays below
        self._rows = np.zeros(16, np.int32)
        self._capacity = np.zeros(16, np.int64)
        self._used = np.zeros(16, np.int64)
        self._bounds = np.zeros((3, 16), np.int32)  # min_unit, max_unit, step_size

    def put(self, row: int, stock: Stock) -> None:
        """What the provider in this row has from now on."""
        if row >= len(self._place):
            self._place = _longer(self._place, row + 1, fill=_NONE)
        place = self._place[row]
        if place == _NONE:
            place = self._append(row)
        self._capacity[place] = min(max(stock.capacity, -_PLENTY), _PLENTY)
        self._used[place] = stock.used
        self._bounds[:, place] = (stock.min_unit, stock.max_unit, stock.step_size)

    def drop(self, row: int) -> None:
        """The provider offers the class no longer; the last one takes its place in the arrays."""
        place, last = self._place[row], self.count - 1
        moved = self._rows[last]
        self._rows[place] = moved
        self._capacity[place] = self._capacity[last]
        self._used[place] = self._used[last]
        self._bounds[:, place] = self._bounds[:, last]
        self._place[moved] = place
        self._place[row] = _NONE
        self.count = last

    def offering(self) -> Rows:
        """The rows of all providers that offer the class, in no order."""
        return self._rows[: self.count]

    def fitting(self, amount: int) -> Rows:
        """The rows of those that can take this much now, in no order."""
        if amount > _LARGEST_AMOUNT:
            return self._rows[:0]
        some = slice(0, self.count)
        low, high, step = self._bounds[:, some]
        fits = self._used[some] + amount <= self._capacity[some]
        fits &= (low <= amount) & (amount <= high)
        if (step != 1).any():
            fits &= amount % step == 0
        return self._rows[some][fits]

    def most_below(self, amount: int) -> npt.NDArray[np.int64]:
        """The different amounts that are the most some provider can take now, those below ``amount``, ascending."""
        some = slice(0, self.count)
        low, high, step = self._bounds[:, some].astype(np.int64)
        free = np.minimum(self._capacity[some] - self._used[some], high)
        most = np.minimum(free, min(amount - 1, _LARGEST_AMOUNT))
        most -= most % step
        return np.unique(most[(most >= low) & (most > 0)])

    def _append(self, row: int) -> int:
        place = self.count
        if place == len(self._rows):
            self._rows = _longer(self._rows, place + 1)
            self._capacity = _longer(self._capacity, place + 1)
            self._used = _longer(self._used, place + 1)
            bounds = np.zeros((3, len(self._rows)), np.int32)
            bounds[:, :place] = self._bounds
            self._bounds = bounds
        self._rows[place] = row
        self._place[row] = place
        self.count += 1
        return place


def _longer(array: npt.NDArray[np.generic], needed: int, *, fill: int = 0) -> npt.NDArray:
    """The array with room for so many; it grows by half, so that adding one by one stays cheap."""
    longer = np.full(max(needed, len(array) * 3 // 2), fill, array.dtype)
    longer[: len(array)] = array
    return longer
