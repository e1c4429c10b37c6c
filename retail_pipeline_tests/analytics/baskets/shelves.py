"""Random baskets, and what is in them counted the slow way."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from retail_pipeline.analytics.baskets.itemsets import Itemsets
from retail_pipeline.analytics.baskets.occurrences import Occurrences

Baskets = Sequence[frozenset[int]]


def occurrences(baskets: Baskets, items: int) -> Occurrences:
    """What baskets hold, as mining takes it."""
    pairs = [(number, item) for number, basket in enumerate(baskets) for item in basket]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Occurrences.from_pairs(columns[:, 0], columns[:, 1], len(baskets), items)


def counted(baskets: Baskets, min_count: int, max_length: int | None = None) -> dict[tuple[int, ...], int]:
    """Every subset of every basket, counted; those that enough baskets hold."""
    counts: Counter[tuple[int, ...]] = Counter()
    for basket in baskets:
        for length in range(1, min(len(basket), max_length or len(basket)) + 1):
            counts.update(combinations(sorted(basket), length))
    return {items: count for items, count in counts.items() if count >= min_count}


def as_dict(found: Itemsets) -> dict[tuple[int, ...], int]:
    """Itemsets with their counts in all periods."""
    return {
        tuple(items): int(sum(counts))
        for of_length, counts_of_length in zip(found.items, found.counts, strict=True)
        for items, counts in zip(of_length.tolist(), counts_of_length.tolist(), strict=True)
    }


def drawn(seed: int, baskets: int, items: int, size: float) -> list[frozenset[int]]:
    """Baskets of some popular and many rare items, a few bought together."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, items + 1)
    made = []
    for _ in range(baskets):
        chosen = set(random.choice(items, size=random.poisson(size), p=weights / weights.sum()).tolist())
        made.append(frozenset(chosen | ({1, 4, 7} if random.random() < 0.2 else set())))
    return made
