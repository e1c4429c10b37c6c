"""How often chance brings two items together, given the months and sizes of baskets.

Large baskets hold much of everything, small ones little, and what is not in season is in none: so chance is not that of
all baskets alike. Baskets are divided into strata by their month and by how many products they hold, rare ones too.
Within a stratum whose baskets hold s of the items looked at, and of whose baskets n_i hold item i, chance brings items
i and j together in

    n_i n_j w baskets, with w = sum of s (s - 1) over baskets / sum of n_k n_l over items k and l that differ

so that each pair has a part of the pairs there are, in proportion to both frequencies. All strata together are the
expected number.

References
----------
N. Mantel, W. Haenszel (1959), Statistical aspects of the analysis of data from retrospective studies of disease,
Journal of the National Cancer Institute 22 (expected numbers that are added up over strata).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.occurrences import Integers, Occurrences
from retail_pipeline.analytics.baskets.pair_counts import Counts

Floats = NDArray[np.float64]

EXACT_SIZES, GROWTH = 8, 1.25
"""Baskets of up to so many items have a stratum a size; above each stratum's sizes reach this much further."""
GRAIN = 2.0**-30
"""Numbers are rounded to multiples of it, so that their sums are exact and do not depend on the order."""
PAIRS_A_BLOCK = 10_000


@dataclass(frozen=True)
class Strata:
    """Baskets that are alike.

    Attributes
    ----------
    of_basket
        Each basket's stratum; shape (baskets,).
    baskets
        How many baskets are in each.
    counts
        How many baskets of each hold each item; shape (items, strata).
    weights
        Of each, w in the module's text.
    """

    of_basket: Integers
    baskets: Counts
    counts: Floats
    weights: Floats

    @classmethod
    def of(cls, held: Occurrences, months: Integers, products: Integers) -> "Strata":
        """By month and size.

        Parameters
        ----------
        months
            Each basket's month, as a number; shape (baskets,).
        products
            How many products each basket holds, those that are no items here included; shape (baskets,).

        Examples
        --------
        Two baskets of two items, with one of them in common: three pairs of items, two of them in baskets.

        >>> held = Occurrences.from_pairs(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 2]), size=2, item_count=3)
        >>> strata = Strata.of(held, np.array([0, 0]), np.array([2, 2]))
        >>> strata.counts.tolist(), strata.weights.tolist()
        ([[2.0], [1.0], [1.0]], [0.4])
        """
        classes = size_classes(products)
        _, of_basket = np.unique(months * (1 + classes.max(initial=0)) + classes, return_inverse=True)
        baskets = np.bincount(of_basket)
        counts = np.empty((len(held), len(baskets)))
        for item in range(len(held)):
            counts[item] = np.bincount(of_basket[held.of(item)], minlength=len(baskets))
        sizes = np.bincount(held.baskets, minlength=held.size)
        pairs = np.bincount(of_basket, weights=sizes * (sizes - 1))
        chances = counts.sum(axis=0) ** 2 - (counts**2).sum(axis=0)
        weights = np.divide(pairs, chances, out=np.zeros(len(baskets)), where=chances > 0)
        return cls(of_basket, baskets, counts, weights)


def size_classes(sizes: Integers) -> Integers:
    """A number for baskets of about the same size, exact up to eight items.

    Examples
    --------
    >>> size_classes(np.array([0, 1, 2, 8, 9, 10, 11, 12, 13, 16, 17])).tolist()
    [0, 1, 2, 8, 8, 9, 9, 9, 10, 10, 11]
    """
    edges = list(range(1, EXACT_SIZES + 1))
    while edges[-1] < sizes.max(initial=0):
        edges.append(int(np.ceil(edges[-1] * GROWTH)))
    return np.searchsorted(edges, sizes, side="right")


def expected_together(counts: Floats, weights: Floats, rows: range) -> Floats:
    """How many baskets chance would make hold both of two items.

    Parameters
    ----------
    counts
        Baskets of each stratum that hold each item; shape (items, strata).
    weights
        Of each stratum, see :class:`Strata`.
    rows
        The items to tell of with all items.

    Examples
    --------
    >>> expected_together(np.array([[2.0], [1.0], [1.0]]), np.array([0.4]), range(1)).round(6).tolist()
    [[1.6, 0.8, 0.8]]
    """
    weighted = np.round(counts[rows.start : rows.stop] * weights / GRAIN) * GRAIN
    return np.asarray(weighted @ counts.T)


def expected_of_pairs(strata: Strata, first: Integers, second: Integers) -> Floats:
    """The same for some pairs of items; shape (pairs,).

    Examples
    --------
    >>> held = Occurrences.from_pairs(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 2]), size=2, item_count=3)
    >>> strata = Strata.of(held, np.array([0, 0]), np.array([2, 2]))
    >>> expected_of_pairs(strata, np.array([0, 1]), np.array([1, 2])).round(6).tolist()
    [0.8, 0.4]
    """
    expected = np.empty(len(first))
    for start in range(0, len(first), PAIRS_A_BLOCK):
        block = slice(start, start + PAIRS_A_BLOCK)
        expected[block] = (strata.counts[first[block]] * strata.counts[second[block]] * strata.weights).sum(axis=1)
    return expected
