"""When to order how much: a stock that is looked at every so often, and reordered when it is down to a point.

At each review, what is on hand and on order together (the position) is compared with the reorder point; at or below
it, so much is ordered that the position comes up to the order-up-to level: the (R, s, S) policy of Silver, Pyke &
Thomas (2017), chapter 6. An order that is not placed at a review can arrive only a review and a lead time later; so
the point has to last for both.
"""

from dataclasses import dataclass

import numpy as np

from retail_pipeline.analytics.demand.levels import Array

WEEKS_OF_YEAR = 52.1775


@dataclass(frozen=True)
class Terms:
    """What orders are subject to; NaN where it is not known [products].

    Attributes
    ----------
    lead_weeks, review_weeks
        From order to shelf, and from one look at the stock to the next.
    min_order, pack_size
        Units an order has at least, and in whole multiples of which it comes.
    unit_cost
        What a unit costs [currency].
    """

    lead_weeks: Array
    review_weeks: Array
    min_order: Array
    pack_size: Array
    unit_cost: Array


def abc_classes(revenue: Array, shares: tuple[float, float]) -> Array:
    """A, B or C by share of revenue, as sales.by_product has it: a product belongs where its own part begins.

    Products are to be sorted by nothing: equal ones are taken in their order.
    """
    positive = np.maximum(revenue, 0.0)
    order = np.argsort(-positive, kind="stable")
    before = np.cumsum(positive[order]) - positive[order]
    total = positive.sum()
    share = before / total if total > 0 else np.ones(len(revenue))
    found = np.empty(len(revenue), dtype=object)
    found[order] = np.where(share < shares[0], "A", np.where(share < shares[1], "B", "C"))
    found[positive <= 0] = "C"
    return found


def variation(demand: Array, first: Array, weeks: int) -> Array:
    """The coefficient of variation of weekly demand in the last weeks, those before the first sale left out
    [products].
    """
    recent = demand[:, -weeks:]
    since = np.arange(demand.shape[1] - recent.shape[1], demand.shape[1])[None, :] >= first[:, None]
    count = since.sum(axis=1)
    mean = np.where(since, recent, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(since, recent - mean[:, None], 0.0) ** 2).sum(axis=1)
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.asarray(np.divide(deviation, mean, out=np.full(len(mean), np.nan), where=(mean > 0) & (count > 1)))


def xyz_classes(of_variation: Array, limits: tuple[float, float]) -> Array:
    """X, Y or Z; Z where the variation is not known."""
    found = np.where(of_variation <= limits[0], "X", np.where(of_variation <= limits[1], "Y", "Z"))
    return np.where(np.isfinite(of_variation), found, "Z").astype(object)


def economic_quantity(weekly: Array, order_cost: float, holding_share: float, unit_cost: Array) -> Array:
    """Units of an order with which ordering and holding cost least (Harris 1913), NaN where a cost is unknown."""
    holding = holding_share * unit_cost
    yearly = weekly * WEEKS_OF_YEAR
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt(2 * yearly * order_cost / holding)
    return np.where(np.isfinite(found), found, np.nan)


def in_packs(units: Array, terms: Terms) -> Array:
    """Units rounded up to what can be ordered: at least the minimum, in whole packs, whole units; nothing stays
    nothing.

    Examples
    --------
    >>> nothing = np.full(3, np.nan)
    >>> terms = Terms(nothing, nothing, np.array([20, np.nan, 20]), np.array([12, 12, np.nan]), nothing)
    >>> in_packs(np.array([3.0, 13.0, 0.0]), terms).tolist()
    [24.0, 24.0, 0.0]
    """
    pack = np.where(np.isfinite(terms.pack_size), terms.pack_size, 1.0)
    least = np.where(np.isfinite(terms.min_order), terms.min_order, 0.0)
    asked = np.where(units > 0, np.maximum(units, least), 0.0)
    return np.asarray(np.maximum(np.ceil(asked / pack - 1e-9), 0.0) * pack)


@dataclass(frozen=True)
class Policy:
    """By product the reorder point, the safety stock in it, the usual order and the level orders bring stock up to."""

    reorder_point: Array
    safety_stock: Array
    order_quantity: Array
    order_up_to: Array


def policy(expected: Array, high: Array, usual_order: Array, terms: Terms) -> Policy:
    """The policy that keeps stock until the next delivery with the probability of the quantile ``high``.

    Where that is 0, one waits until the last unit is gone; a product of which nothing is expected is not ordered.

    Parameters
    ----------
    expected, high
        Mean and quantile of the demand of lead time and review together.
    usual_order
        Units that an order is for.
    """
    order = in_packs(np.where(expected > 0, np.maximum(usual_order, 1.0), 0.0), terms)
    return Policy(high, np.maximum(high - expected, 0.0), order, high + order)


def order_now(position: Array, plan: Policy, terms: Terms) -> Array:
    """Units to order today: up to the level, where the position is at the point or below it; NaN where it is not
    known.
    """
    is_down = (position <= plan.reorder_point) & (plan.order_quantity > 0)
    short = np.where(is_down, plan.order_up_to - position, 0.0)
    return np.where(np.isfinite(position), in_packs(np.maximum(np.nan_to_num(short), 0.0), terms), np.nan)
