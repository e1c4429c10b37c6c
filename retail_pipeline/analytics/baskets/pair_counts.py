"""How many baskets hold both items of each pair, by tiles of bit-sets that stay in the processor's cache."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.occurrences import WORD, Integers, Occurrences, Words, pack

Counts = NDArray[np.int64]

TILE_WORDS = 512
MOST_TILE_BYTES = 1 << 26
ROWS_A_TASK = 64


def pair_counts(held: Occurrences, rows: range | None = None, end: int | None = None) -> Counts:
    """Baskets that hold both of two items.

    Parameters
    ----------
    rows
        The items to count the later ones with; all if not given.
    end
        Only baskets before this one.

    Returns
    -------
    array of shape (rows, items)
        For row i and an item j > i the baskets that hold both; zero elsewhere.

    Examples
    --------
    >>> held = Occurrences.from_pairs(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 1]), size=3, item_count=2)
    >>> pair_counts(held).tolist()
    [[0, 2], [0, 0]]
    """
    end = held.size if end is None else end
    items = len(held)
    rows = range(items) if rows is None else rows
    counts = np.zeros((len(rows), items), dtype=np.int64)
    words = max(8, min(TILE_WORDS, MOST_TILE_BYTES // 8 // max(items, 1)))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        for start in range(0, end, words * WORD):
            stop = min(start + words * WORD, end)
            lists = [_between(held.of(item), start, stop) for item in range(rows.start, items)]
            tile = pack(lists, stop - start)
            tasks = [
                threads.submit(_add_rows, counts, tile, range(first, min(first + ROWS_A_TASK, len(rows))))
                for first in range(0, len(rows), ROWS_A_TASK)
            ]
            for task in tasks:
                task.result()
    return counts


def _add_rows(counts: Counts, tile: Words, rows: range) -> None:
    """Count for some first items; each row of the counts has one task, so threads do not meet."""
    for row in rows:
        both = np.bitwise_count(tile[row + 1 :] & tile[row])
        counts[row, counts.shape[1] - len(both) :] += both.sum(axis=1, dtype=np.uint32)


def _between(baskets: Integers, start: int, stop: int) -> Integers:
    first, end = np.searchsorted(baskets, (start, stop))
    return baskets[first:end] - start
