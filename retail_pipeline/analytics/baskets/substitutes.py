"""Substitutes: pairs that the same customers buy, but seldom together.

They are together less than by chance, given the months and sizes of baskets (``chance``). A number of independent
events of unequal probabilities is below its mean by less than a Poisson number of the same mean (Hoeffding 1956,
Anderson & Samuels 1967), so that the Poisson tail is an upper bound of the p value.

What a group of customers shuns is in few baskets with what it likes. So a second lift tells how often *another* basket
of a customer who has bought the one holds the other, against other customers' baskets of the same strata: with
substitutes it is one or more, with different tastes less.

References
----------
W. Hoeffding (1956), On the distribution of the number of successes in independent trials, Annals of Mathematical
Statistics 27. T. W. Anderson, S. M. Samuels (1967), Some inequalities among binomial and Poisson probabilities,
Proceedings of the Fifth Berkeley Symposium.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.chance import Strata, expected_together
from retail_pipeline.analytics.baskets.occurrences import Integers, Occurrences
from retail_pipeline.analytics.baskets.pair_counts import Counts, pair_counts
from retail_pipeline.analytics.baskets.significance import false_discovery_rates

Floats = NDArray[np.float64]

MOST_COUNT_BYTES = 1 << 28


@dataclass(frozen=True)
class SubstituteLimits:
    """What makes substitutes.

    Attributes
    ----------
    most_lift
        They are together so many times as often as by chance, at most.
    least_lift_apart
        The same customers buy them in different baskets so many times as often as by chance, at least.
    least_expected
        Only pairs that chance brings together so often are tested [baskets].
    false_discovery_rate
        The share of tested pairs called together less than by chance that may be so by chance.
    """

    most_lift: float
    least_lift_apart: float
    least_expected: float
    false_discovery_rate: float


@dataclass(frozen=True)
class Substitutes:
    """Pairs of substitutes, a pair an entry, in order of their p value.

    Attributes
    ----------
    first, second
        Numbers of the items, the smaller one first.
    orders, expected
        Baskets that hold both, and how many chance would make.
    lift
        Of them together: orders by expected.
    lift_apart
        Of them in different baskets of the same customer.
    p_value, q_value
        That they are together so seldom by chance; of all tested pairs.
    tested
        How many pairs were tested.
    """

    first: Integers
    second: Integers
    orders: Counts
    expected: Floats
    lift: Floats
    lift_apart: Floats
    p_value: Floats
    q_value: Floats
    tested: int

    def __len__(self) -> int:
        return len(self.first)


def find_substitutes(
    held: Occurrences, months: Integers, products: Integers, customers: Integers, limits: SubstituteLimits
) -> Substitutes:
    """All pairs of items that are together far less than by chance, and yet bought by the same customers.

    Parameters
    ----------
    held
        The baskets that hold each item.
    months
        Each basket's month, as a number; shape (baskets,).
    products
        How many products each basket holds, those that are no items here included; shape (baskets,).
    customers
        Each basket's customer, numbered from 0 on; -1 where unknown; shape (baskets,).
    """
    strata = Strata.of(held, months, products)
    found, tested = _seldom_together(held, strata, limits)
    shares = strata.counts / strata.baskets
    apart = _lifts_apart(held, found.first, found.second, _Apart.of(strata, customers), shares)
    order = np.lexsort((found.second, found.first, found.p_value))
    order = order[apart[order] >= limits.least_lift_apart]
    return Substitutes(
        found.first[order],
        found.second[order],
        found.orders[order],
        found.expected[order],
        found.orders[order] / found.expected[order],
        apart[order],
        found.p_value[order],
        found.q_value[order],
        tested,
    )


@dataclass(frozen=True)
class _Pairs:
    first: Integers
    second: Integers
    orders: Counts
    expected: Floats
    p_value: Floats
    q_value: Floats


def _seldom_together(held: Occurrences, strata: Strata, limits: SubstituteLimits) -> tuple[_Pairs, int]:
    """The pairs that are together significantly and far less than by chance, and how many were tested."""
    from scipy.special import pdtr

    parts: list[tuple[NDArray[np.generic], ...]] = []
    tested = 0
    size = max(MOST_COUNT_BYTES // 8 // max(len(held), 1), 1)
    for start in range(0, len(held), size):
        rows = range(start, min(start + size, len(held)))
        both, chance = pair_counts(held, rows), expected_together(strata.counts, strata.weights, rows)
        is_tested = (chance >= limits.least_expected) & (np.arange(len(held)) > np.arange(start, rows.stop)[:, None])
        tested += int(is_tested.sum())
        first, second = np.nonzero(is_tested & (both < chance))
        orders, expected = both[first, second], chance[first, second]
        p_value = np.asarray(pdtr(orders, expected))
        kept = p_value <= limits.false_discovery_rate
        parts.append((first[kept] + start, second[kept], orders[kept], expected[kept], p_value[kept]))
    empty = (np.zeros(0, np.int64),) * 3 + (np.zeros(0),) * 2
    first, second, orders, expected, p_value = (
        np.concatenate(columns) for columns in zip(*(parts or [empty]), strict=True)
    )
    q_value = false_discovery_rates(p_value, tested)
    kept = (q_value <= limits.false_discovery_rate) & (orders <= limits.most_lift * expected)
    pairs = _Pairs(first[kept], second[kept], orders[kept], expected[kept], p_value[kept], q_value[kept])
    return pairs, tested


@dataclass(frozen=True)
class _Apart:
    """Pairs of different baskets of the same customer, each basket weighing one.

    A basket of a customer with k baskets meets each of the k - 1 others with weight 1 / (k - 1).

    Attributes
    ----------
    customers
        Each basket's customer.
    weights
        Of the pairs of each basket, 0 where there is no other basket.
    strata_pairs
        The weight of all pairs whose first basket is of one stratum and whose second is of another.
    """

    customers: Integers
    weights: Floats
    strata_pairs: Floats

    @classmethod
    def of(cls, strata: Strata, customers: Integers) -> "_Apart":
        from scipy.sparse import csr_matrix

        known = np.flatnonzero(customers >= 0)
        baskets = np.bincount(customers[known], minlength=1)
        by_customer = np.where(baskets > 1, 1 / np.maximum(baskets - 1, 1), 0.0)
        weights = np.where(customers >= 0, by_customer[customers], 0.0)
        places = customers[known], strata.of_basket[known]
        shape = (len(baskets), len(strata.baskets))
        held = csr_matrix((np.ones(len(known)), places), shape=shape)
        weighted = csr_matrix((weights[known], places), shape=shape)
        pairs = np.asarray((held.T @ weighted).todense(), dtype=np.float64)
        # a basket does not meet itself
        pairs[np.diag_indices_from(pairs)] -= np.bincount(
            strata.of_basket, weights=weights, minlength=len(strata.baskets)
        )
        return cls(customers, weights, pairs)


def _lifts_apart(held: Occurrences, first: Integers, second: Integers, apart: _Apart, shares: Floats) -> Floats:
    """Of pairs of items how often another basket of the same customer holds the second, against chance; 0 if never."""
    lifts = np.zeros(len(first))
    size = int(apart.customers.max(initial=0)) + 1
    holds_first = np.zeros(held.size, dtype=np.bool_)
    for item in np.unique(first):
        baskets = held.of(int(item))
        by_customer = np.bincount(apart.customers[baskets][apart.customers[baskets] >= 0], minlength=size)
        chances = np.einsum("s,st->t", shares[item], apart.strata_pairs)
        holds_first[baskets] = True
        for place in np.flatnonzero(first == item):
            others = held.of(int(second[place]))
            others = others[apart.weights[others] > 0]
            met = by_customer[apart.customers[others]] - holds_first[others]
            expected = float((chances * shares[second[place]]).sum())
            lifts[place] = float((met * apart.weights[others]).sum()) / expected if expected > 0 else 0.0
        holds_first[baskets] = False
    return lifts
