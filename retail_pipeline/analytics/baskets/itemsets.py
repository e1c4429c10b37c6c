"""Frequent itemsets by Eclat on bit-sets, exact and complete at any length.

Items go in ascending order of support. For each of them the baskets that hold it are a small universe of their own:
the items that are frequent with it become bit-sets over these baskets, and longer itemsets are found by intersecting
them. So what is in memory at a time are the lists of occurrences, a block of the counts of pairs, and of one item's
universe a class of itemsets a length.

References
----------
M. J. Zaki (2000), Scalable algorithms for association mining, IEEE Transactions on Knowledge and Data Engineering
12(3), pages 372 to 390.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.occurrences import WORD, Integers, Occurrences, Words, pack
from retail_pipeline.analytics.baskets.pair_counts import Counts, pair_counts
from retail_pipeline.errors import TooManyItemsetsError

MOST_CLASS_BYTES = 1 << 27
"""The bit-sets of a universe may take so many bytes; a larger one is divided by its second items."""
MOST_COUNT_BYTES = 1 << 28
"""The counts of pairs may take so many bytes; of more items they are taken block by block."""


@dataclass(frozen=True)
class Itemsets:
    """Frequent itemsets by length.

    Attributes
    ----------
    items
        At index k - 1 those of length k: numbers of items, ascending in each, in lexicographic order; shape (n, k).
    counts
        At index k - 1 the baskets that hold each, a period a column; shape (n, periods).
    """

    items: list[Integers]
    counts: list[Counts]

    @property
    def candidates(self) -> list[int]:
        """How many itemsets of each length might have been frequent, as far as shorter ones tell.

        Of single items those that are; of longer ones each two frequent itemsets that differ in the last item make
        one (Agrawal & Srikant 1994).
        """
        numbers = [len(items) for items in self.items[:1]]
        for items in self.items[:-1]:
            is_new = (np.diff(items[:, :-1], axis=0) != 0).any(axis=1)  # they are in lexicographic order
            same_start = np.diff(np.concatenate([[0], np.flatnonzero(is_new) + 1, [len(items)]]))
            numbers.append(int((same_start * (same_start - 1) // 2).sum()))
        return numbers

    def __len__(self) -> int:
        return sum(map(len, self.items))


@dataclass(frozen=True)
class Search:
    """What counts as frequent.

    Attributes
    ----------
    min_count
        Baskets that must hold an itemset.
    max_length
        Items in an itemset, at most; None for any number.
    most_itemsets
        With more the search stops.
    period_starts
        The first basket of each period, ascending, the first 0: counts are told by period.
    judged
        How many periods, the first ones, decide what is frequent; None for all.
    """

    min_count: int
    max_length: int | None = None
    most_itemsets: int = 1_000_000
    period_starts: Sequence[int] = (0,)
    judged: int | None = None


def least_count(min_support: float, baskets: int) -> int:
    """The smallest number of baskets whose share of all is ``min_support`` or more, and at least one.

    Examples
    --------
    >>> least_count(0.01, 18_532), least_count(0.1, 30), least_count(0.07, 100)
    (186, 3, 7)
    """
    count = max(int(min_support * baskets) - 1, 1)
    while count / max(baskets, 1) < min_support:
        count += 1
    return count


def mine(held: Occurrences, search: Search) -> Itemsets:
    """All itemsets that enough baskets hold, single items too.

    Raises
    ------
    TooManyItemsetsError
        as soon as there are more than ``most_itemsets``.

    Examples
    --------
    >>> held = Occurrences.from_pairs(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 1]), size=3, item_count=2)
    >>> found = mine(held, Search(min_count=2))
    >>> [items.tolist() for items in found.items], [counts.tolist() for counts in found.counts]
    ([[[0], [1]], [[0, 1]]], [[[2], [3]], [[2]]])
    """
    return _Mining(held, search).run()


@dataclass(frozen=True)
class _Universe:
    """The baskets that hold an itemset, with the place of each in bit-sets over them.

    Each period starts a new word, so that counts by period are sums of words.
    """

    baskets: Integers
    places: Integers
    word_starts: Integers
    words: int

    @classmethod
    def of(cls, baskets: Integers, period_starts: Sequence[int]) -> "_Universe":
        bounds = np.append(np.searchsorted(baskets, period_starts), len(baskets))
        in_period = np.diff(bounds)
        words = np.maximum(-(-in_period // WORD), 1)
        word_starts = np.append(0, np.cumsum(words))
        places = np.arange(len(baskets)) + np.repeat(word_starts[:-1] * WORD - bounds[:-1], in_period)
        return cls(baskets, places, word_starts[:-1], int(word_starts[-1]))

    def count(self, rows: Words) -> Counts:
        """Baskets in each bit-set, a period a column."""
        return np.add.reduceat(np.bitwise_count(rows), self.word_starts, axis=1, dtype=np.int64)


class _Mining:
    def __init__(self, held: Occurrences, search: Search) -> None:
        self._held, self._search = held, search
        self._place = np.full(held.size, -1, dtype=np.int64)  # of each basket in the universe at hand
        self._found = 0
        self._parts: dict[int, list[tuple[tuple[int, ...], Integers, Counts]]] = defaultdict(list)

    def run(self) -> Itemsets:
        held, search = self._held, self._search
        bounds = [*search.period_starts, held.size]
        by_period = np.empty((len(held), len(search.period_starts)), dtype=np.int64)
        for item in range(len(held)):
            by_period[item] = np.diff(np.searchsorted(held.of(item), bounds))
        judged = by_period[:, : search.judged].sum(axis=1)
        frequent = np.flatnonzero(judged >= search.min_count)
        self._record((), frequent, by_period[frequent])
        if self._may_grow(1):
            # ascending support: what begins an itemset is rare, so that universes are small
            self._mine_pairs(frequent[np.argsort(judged[frequent], kind="stable")])
        return self._result()

    def _mine_pairs(self, order: Integers) -> None:
        """All itemsets of two items or more."""
        held = self._held.take(order)
        judged = self._search.judged
        end = None if judged is None else [*self._search.period_starts, held.size][judged]
        size = max(MOST_COUNT_BYTES // 8 // max(len(order), 1), 1)
        for first in range(0, len(order), size):
            rows = range(first, min(first + size, len(order)))
            counts = pair_counts(held, rows, end)
            for row, item in zip(rows, order[rows.start : rows.stop], strict=True):
                partners = order[np.flatnonzero(counts[row - first] >= self._search.min_count)]
                if len(partners):
                    self._mine_class((int(item),), self._held.of(int(item)), partners)

    def _mine_class(self, prefix: tuple[int, ...], baskets: Integers, candidates: Integers) -> None:
        """All itemsets that begin with a prefix, go on with one of some items, and may hold later ones of these."""
        universe = _Universe.of(baskets, self._search.period_starts)
        if len(candidates) > 1 and len(candidates) * universe.words * 8 > MOST_CLASS_BYTES:
            self._divide(prefix, universe, candidates)
            return
        self._place[baskets] = universe.places
        lists = [self._places_of(int(item)) for item in candidates]
        self._place[baskets] = -1
        rows = pack(lists, universe.words * WORD)
        counts = universe.count(rows)
        kept = self._is_frequent(counts)
        self._record(prefix, candidates[kept], counts[kept])
        self._extend(prefix, candidates[kept], rows[kept], universe)

    def _divide(self, prefix: tuple[int, ...], universe: _Universe, candidates: Integers) -> None:
        """As :meth:`_mine_class`, one candidate's universe after the other."""
        held = []
        counts = np.empty((len(candidates), len(self._search.period_starts)), dtype=np.int64)
        bounds = [*self._search.period_starts, self._held.size]
        self._place[universe.baskets] = 0
        for place, item in enumerate(candidates):
            baskets = self._held.of(int(item))
            held.append(baskets[self._place[baskets] >= 0])
            counts[place] = np.diff(np.searchsorted(held[-1], bounds))
        self._place[universe.baskets] = -1
        kept = np.flatnonzero(self._is_frequent(counts))
        self._record(prefix, candidates[kept], counts[kept])
        if not self._may_grow(len(prefix) + 1):
            return
        for number, row in enumerate(kept):
            later = candidates[kept[number + 1 :]]
            if len(later):
                self._mine_class((*prefix, int(candidates[row])), held[row], later)

    def _extend(self, prefix: tuple[int, ...], members: Integers, rows: Words, universe: _Universe) -> None:
        """All longer itemsets of a class whose bit-sets are in memory.

        Depth first without recursion: a class waits at the row to go on from while its parts are looked into, so there
        is one class a length in memory.
        """
        waiting = [(prefix, members, rows, 0)]
        while waiting:
            prefix, members, rows, row = waiting.pop()
            if row >= len(members) - 1 or not self._may_grow(len(prefix) + 1):
                continue
            waiting.append((prefix, members, rows, row + 1))
            both = rows[row + 1 :] & rows[row]
            counts = universe.count(both)
            kept = self._is_frequent(counts)
            if kept.any():
                longer, later = (*prefix, int(members[row])), members[row + 1 :][kept]
                self._record(longer, later, counts[kept])
                waiting.append((longer, later, both[kept], 0))

    def _places_of(self, item: int) -> Integers:
        places = self._place[self._held.of(item)]
        return places[places >= 0]

    def _may_grow(self, length: int) -> bool:
        return self._search.max_length is None or length < self._search.max_length

    def _is_frequent(self, counts: Counts) -> NDArray[np.bool_]:
        judged: Counts = counts[:, : self._search.judged].sum(axis=1)
        return judged >= self._search.min_count

    def _record(self, prefix: tuple[int, ...], last: Integers, counts: Counts) -> None:
        self._found += len(last)
        if self._found > self._search.most_itemsets:
            raise TooManyItemsetsError(self._found, self._search.most_itemsets)
        if len(last):
            self._parts[len(prefix) + 1].append((prefix, last, counts))

    def _result(self) -> Itemsets:
        items: list[Integers] = []
        counts: list[Counts] = []
        for length in sorted(self._parts):
            parts = self._parts.pop(length)
            numbers = np.empty((sum(len(last) for _, last, _ in parts), length), dtype=np.int64)
            place = 0
            for prefix, last, _ in parts:
                numbers[place : place + len(last), :-1] = prefix
                numbers[place : place + len(last), -1] = last
                place += len(last)
            numbers.sort(axis=1)
            order = np.lexsort(numbers.T[::-1])
            items.append(numbers[order])
            counts.append(np.concatenate([of_part for _, _, of_part in parts])[order])
        return Itemsets(items, counts)
