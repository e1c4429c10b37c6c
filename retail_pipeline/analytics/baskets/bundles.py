"""Sets of products worth selling together, and what that would bring under a stated assumption."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.chance import Strata, expected_of_pairs
from retail_pipeline.analytics.baskets.occurrences import Integers
from retail_pipeline.analytics.baskets.pair_counts import Counts
from retail_pipeline.analytics.baskets.rules import Lookup

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Offer:
    """What is assumed of an offer.

    Attributes
    ----------
    uptake
        By which share the orders grow that take the product missing to a bundle, where they hold all others. Of n
        orders with all others m take it anyway; of the n - m that do not, uptake * m / n would.
    discount
        What all of its products cost less together [share].
    """

    uptake: float
    discount: float


@dataclass(frozen=True)
class Expected:
    """What an offer is expected to bring, a set of products an entry.

    Attributes
    ----------
    all_but_one
        Orders that hold all of its products but one.
    extra_orders
        Those that would take the missing one.
    extra_revenue
        What these spend more, less the discount that orders get which hold all of it anyway.
    break_even
        The uptake from which on that is more than nothing; infinite if it never is.
    extra_margin
        The same after the costs of what is sold more; not a number where a cost is unknown.
    """

    all_but_one: Counts
    extra_orders: Floats
    extra_revenue: Floats
    break_even: Floats
    extra_margin: Floats


def expect(orders: Counts, without: Counts, values: Floats, margins: Floats, offer: Offer) -> Expected:
    """What an offer would bring for sets of products of one length.

    Parameters
    ----------
    orders
        Orders that hold all of a set; shape (sets,).
    without
        Orders that hold all but perhaps one product, by that product; shape (sets, products).
    values
        What each product is worth in an order; shape (sets, products).
    margins
        What is left of that after its cost; not a number where unknown; shape (sets, products).

    Examples
    --------
    40 orders hold both of two products worth 10 and 5, of 100 with the first and 80 with the second. The second is
    missing in 60 orders, of which 0.1 * 40/100 would take it, for 5 less a discount of 0.02 * 15; the first in 40, of
    which 0.1 * 40/80 would, for 10 less 0.30. The 40 orders cost 0.30 each.

    >>> found = expect(
    ...     np.array([40]), np.array([[80, 100]]), np.array([[10.0, 5.0]]), np.array([[4.0, 2.0]]), Offer(0.1, 0.02)
    ... )
    >>> found.all_but_one.tolist(), found.extra_orders.round(2).tolist(), found.extra_revenue.round(2).tolist()
    ([100], [4.4], [18.68])
    >>> round(2 * (10 - 0.3) + 2.4 * (5 - 0.3) - 40 * 0.3, 2), round(2 * (4 - 0.3) + 2.4 * (2 - 0.3) - 40 * 0.3, 2)
    (18.68, -0.52)
    >>> found.extra_margin.round(2).tolist(), found.break_even.round(4).tolist()
    ([-0.52], [0.0391])
    """
    missing = without - orders[:, None]
    confidence = np.divide(orders[:, None], without, out=np.zeros(without.shape), where=without > 0)
    persuaded = confidence * missing
    discount = offer.discount * values.sum(axis=1)
    given_away = orders * discount
    gained = (persuaded * (values - discount[:, None])).sum(axis=1)
    kept = (persuaded * (margins - discount[:, None])).sum(axis=1)
    return Expected(
        missing.sum(axis=1),
        offer.uptake * persuaded.sum(axis=1),
        offer.uptake * gained - given_away,
        np.divide(given_away, gained, out=np.full(len(orders), np.inf), where=gained > 0),
        offer.uptake * kept - given_away,
    )


def least_lifts(items: Integers, orders: Counts, lookup: Lookup, strata: Strata) -> Floats:
    """Of each set of products the smallest lift of two of them, given the months and sizes of baskets.

    Parameters
    ----------
    items
        Numbers of items, ascending, all pairs of which are frequent; shape (sets, items).
    orders
        Baskets of the strata that hold each frequent itemset, as ``lookup`` numbers them.
    """
    lifts = np.full(len(items), np.inf)
    for first, second in combinations(range(items.shape[1]), 2):
        together = orders[lookup.find(items[:, [first, second]])]
        expected = expected_of_pairs(strata, items[:, first], items[:, second])
        lift = np.divide(together, expected, out=np.zeros(len(items)), where=expected > 0)
        lifts = np.minimum(lifts, lift)
    return lifts


def choose_disjoint(sets: Sequence[Integers], most: int) -> list[int]:
    """Places of sets that have nothing in common, each the first that fits, up to so many.

    Examples
    --------
    >>> choose_disjoint([np.array([1, 2]), np.array([2, 3]), np.array([4, 5, 6]), np.array([3, 7])], most=3)
    [0, 2, 3]
    """
    chosen: list[int] = []
    taken: set[int] = set()
    for place, items in enumerate(sets):
        if len(chosen) == most:
            break
        if taken.isdisjoint(items.tolist()):
            chosen.append(place)
            taken.update(items.tolist())
    return chosen
