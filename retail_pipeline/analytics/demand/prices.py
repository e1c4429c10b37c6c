"""Prices: demand brought to what it would have been at usual ones, and forecasts to the last.

How demand goes with prices is pooled over all products, for one product's weeks tell too little. It serves only where
the backtest finds that forecasts are better with it.
"""

import numpy as np

from retail_pipeline.analytics.demand.kinds import LONG_INTERVAL, mean_interval
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.panel import History

PRICED_WEEKS = 26
"""Weeks, the last, whose median price is a product's usual one."""
MOVED = 0.03
"""A price so far from the usual one (as a logarithm) is another."""
LEAST_USUAL, LEAST_MOVED = 4, 100
"""Weeks at the usual price that a product needs, and weeks at another one that all need together."""
MOST_TIMES = 10.0
"""A week counts up to so many times the usual one."""
LARGEST_ELASTICITY = 5.0


def at_usual_prices(history: History) -> tuple[History, Array]:
    """The history brought to usual prices, and by what levels are to be multiplied at the last one [products]."""
    moves = price_moves(history.prices)
    of_price = elasticity(history.demand, history.first, moves)
    demand = history.demand.copy()
    demand[:, history.weeks - moves.shape[1] :] *= np.exp(of_price * moves)
    factor: Array = np.exp(-of_price * moves[:, -1])
    return History(history.rows, demand, history.full, history.first, history.prices), factor


def price_moves(prices: Array) -> Array:
    """How far prices of the last weeks were from the usual one, as logarithms; 0 if not known [products x weeks]."""
    recent = prices[:, -PRICED_WEEKS:]
    known = np.isfinite(recent) & (recent > 0)
    usual = np.ones(len(recent))
    rows = known.any(axis=1)
    usual[rows] = np.nanmedian(np.where(known[rows], recent[rows], np.nan), axis=1)
    return np.where(known, np.log(np.where(known, recent, 1.0) / usual[:, None]), 0.0)


def elasticity(demand: Array, first: Array, moves: Array) -> float:
    """By how much demand goes with prices, the same for all products: a price r times the usual sells r ** -elasticity.

    Fitted by Poisson regression to the weeks at another price of products that are sold nearly every week: of others,
    prices are known only of weeks in which they were sold. Each week counts alike, against the product's mean at its
    usual price.
    """
    recent = demand[:, -moves.shape[1] :]
    is_moved = (np.abs(moves) > MOVED) & (recent > 0)
    is_usual = (np.abs(moves) <= MOVED) & (recent > 0)
    count = is_usual.sum(axis=1)
    rows = (mean_interval(demand, first) < LONG_INTERVAL) & (count >= LEAST_USUAL)
    usual = np.where(is_usual, recent, 0.0).sum(axis=1) / np.maximum(count, 1)
    chosen = is_moved & rows[:, None]
    if chosen.sum() < LEAST_MOVED:
        return 0.0
    times = np.minimum((recent / np.maximum(usual, 1e-9)[:, None])[chosen], MOST_TIMES)
    move, found = moves[chosen], 1.0
    for _ in range(50):
        expected = np.exp(-found * move)
        slope, bend = float((move * (expected - times)).sum()), float((move**2 * expected).sum())
        step = slope / bend if bend > 0 else 0.0
        found = float(np.clip(found + step, 0.0, LARGEST_ELASTICITY))
        if abs(step) < 1e-9:
            break
    return found
