"""The baskets in which each item occurs, as ascending lists: what all mining starts from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
Words = NDArray[np.uint64]

WORD = 64
"""Baskets in a word of a bit-set."""


@dataclass(frozen=True)
class Occurrences:
    """For each item the baskets that hold it.

    Attributes
    ----------
    baskets
        Numbers of baskets, item after item, ascending within an item; shape (occurrences,).
    starts
        Where each item's baskets start in that, and at last where they end; shape (items + 1,).
    size
        How many baskets there are, those that hold none of the items included. They are numbered from 0 on.
    """

    baskets: Integers
    starts: Integers
    size: int

    @classmethod
    def from_pairs(cls, baskets: Integers, items: Integers, size: int, item_count: int) -> "Occurrences":
        """From pairs of a basket and an item that it holds, in any order; what comes twice counts once.

        Parameters
        ----------
        baskets, items
            Numbers from 0 on; shape (pairs,) both.
        size, item_count
            How many baskets and items there are.

        Examples
        --------
        >>> held = Occurrences.from_pairs(np.array([2, 0, 0, 2]), np.array([0, 0, 1, 0]), size=3, item_count=2)
        >>> held.of(0).tolist(), held.of(1).tolist(), held.counts.tolist()
        ([0, 2], [0], [2, 1])
        """
        keys = np.asarray(items, dtype=np.int64) * size + np.asarray(baskets)
        keys.sort()
        is_new = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
        if not is_new.all():
            keys = keys[is_new]
        starts = np.searchsorted(keys, np.arange(item_count + 1, dtype=np.int64) * size)
        for item in range(item_count):
            keys[starts[item] : starts[item + 1]] -= item * size
        return cls(keys.astype(np.int32 if size < 2**31 else np.int64), starts, size)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, item: int) -> Integers:
        """The baskets that hold an item, ascending."""
        return self.baskets[self.starts[item] : self.starts[item + 1]]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many baskets hold each item; shape (items,)."""
        return np.diff(self.starts).astype(np.int64)

    def between(self, first: int, end: int) -> "Occurrences":
        """Only the baskets from ``first`` on and before ``end``, numbered from 0 on."""
        lists = [
            held[np.searchsorted(held, first) : np.searchsorted(held, end)] - first
            for held in map(self.of, range(len(self)))
        ]
        starts = np.concatenate([[0], np.cumsum([len(held) for held in lists])]).astype(np.int64)
        joined = np.concatenate(lists) if lists else self.baskets[:0]
        return Occurrences(joined, starts, max(end - first, 0))

    def capped(self, most: int, end: int | None = None) -> "tuple[Occurrences, int]":
        """Of each basket no more items than ``most``, those that most baskets hold; and how many baskets held more.

        Parameters
        ----------
        end
            What most baskets hold is judged by those before this one; by all if not given.
        """
        counts = self.counts if end is None else self.between(0, end).counts
        items = np.repeat(np.arange(len(self)), self.counts)
        rank = np.empty(len(self), dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(self))
        order = np.lexsort((rank[items], self.baskets))
        baskets, items = self.baskets[order], items[order]
        sizes = np.bincount(baskets, minlength=self.size)
        place = np.arange(len(baskets)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        kept = place < most
        return Occurrences.from_pairs(baskets[kept], items[kept], self.size, len(self)), int((sizes > most).sum())

    def take(self, items: Integers) -> "Occurrences":
        """Only some items, in the order given and numbered so."""
        lists = [self.of(int(item)) for item in items]
        starts = np.concatenate([[0], np.cumsum([len(held) for held in lists])]).astype(np.int64)
        return Occurrences(np.concatenate(lists) if lists else self.baskets[:0], starts, self.size)


def pack(lists: list[Integers], size: int) -> Words:
    """Ascending lists of numbers below ``size`` as bit-sets; shape (lists, words).

    Examples
    --------
    >>> pack([np.array([0, 3]), np.array([64])], size=65).tolist()
    [[9, 0], [0, 1]]
    """
    words = -(-size // WORD)
    flags = np.zeros(words * WORD, dtype=np.bool_)
    packed = np.empty((len(lists), words), dtype=np.uint64)
    for row, numbers in enumerate(lists):
        flags[numbers] = True
        packed[row] = np.packbits(flags, bitorder="little").view(np.uint64)
        flags[numbers] = False
    return packed
