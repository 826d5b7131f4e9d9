"""Which provider carries which trait: one bit each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from placement.candidates.index.columns import Mask

_WIDTH = 64


class TraitBits:
    """A table of bits, a row for each provider; only traits that some provider ever carried have a column."""

    def __init__(self) -> None:
        self._bit_of: dict[str, int] = {}
        self._words = np.zeros(
            (1, 16), np.uint64
        )  # word by row: a condition reads one word of all rows at once
        # Hosts of one kind carry the same traits, so few different sets are ever computed.
        self._sets: dict[tuple[str, ...], npt.NDArray[np.uint64]] = {}

    def put(self, row: int, traits: tuple[str, ...]) -> None:
        """What the provider in this row carries from now on."""
        words = self._sets.get(traits)
        if words is None:
            words = self._sets[traits] = self._encode(traits)
        if row >= self._words.shape[1] or len(words) > len(self._words):
            self._grow(row + 1, len(words))
        self._words[: len(words), row] = words
        self._words[len(words) :, row] = 0

    def carrying_all(self, traits: Iterable[str], size: int) -> Mask:
        """Which of the first ``size`` rows carry every one of these."""
        mask = np.ones(size, np.bool_)
        wanted: dict[int, int] = {}
        for name in traits:
            bit = self._bit_of.get(name)
            if bit is None:
                return np.zeros(size, np.bool_)
            wanted[bit // _WIDTH] = wanted.get(bit // _WIDTH, 0) | 1 << bit % _WIDTH
        for word, bits in wanted.items():
            mask &= (self._words[word, :size] & np.uint64(bits)) == np.uint64(bits)
        return mask

    def carrying_any(self, traits: Iterable[str], size: int) -> Mask:
        """Which of the first ``size`` rows carry at least one of these."""
        mask = np.zeros(size, np.bool_)
        wanted: dict[int, int] = {}
        for name in traits:
            bit = self._bit_of.get(name)
            if bit is not None:
                wanted[bit // _WIDTH] = wanted.get(bit // _WIDTH, 0) | 1 << bit % _WIDTH
        for word, bits in wanted.items():
            mask |= (self._words[word, :size] & np.uint64(bits)) != 0
        return mask

    def _encode(self, traits: tuple[str, ...]) -> npt.NDArray[np.uint64]:
        bits = [self._bit_of.setdefault(name, len(self._bit_of)) for name in traits]
        words = [0] * (max(bits, default=0) // _WIDTH + 1)
        for bit in bits:
            words[bit // _WIDTH] |= 1 << bit % _WIDTH
        return np.array(words, np.uint64)

    def _grow(self, rows: int, words: int) -> None:
        height, width = self._words.shape
        if rows > width:
            width = max(rows, width * 3 // 2)
        grown = np.zeros((max(height, words), width), np.uint64)
        grown[:height, : self._words.shape[1]] = self._words
        self._words = grown
