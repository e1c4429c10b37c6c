"""What forecasts may take into account beside a product's own demand: prices, and the season of the whole shop.

Both are pooled over all products, for one product's weeks tell too little of either. They serve only where the
backtest finds that forecasts are better with them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from retail_pipeline.analytics.demand.kinds import LONG_INTERVAL, mean_interval
from retail_pipeline.analytics.demand.levels import YEAR, Array
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
ANCHOR_WEEKS = 8
"""Weeks a year ago that the season to come is compared with: those that levels mostly rest on."""
SMALLEST_FACTOR, LARGEST_FACTOR = 0.5, 2.0


@dataclass(frozen=True)
class Adjustments:
    """What is taken into account.

    Attributes
    ----------
    prices
        Whether demand is brought to the usual price, and forecasts to the last one.
    season
        The power to which the shop's change of a year ago is taken; 0 for none.
    """

    prices: bool = False
    season: float = 0.0

    @property
    def name(self) -> str:
        """In words."""
        found = ["prices"] * self.prices + [f"season to the power of {self.season:g}"] * (self.season > 0)
        return " and ".join(found) or "none"

    def told(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def as_told(cls, told: Mapping[str, Any]) -> "Adjustments":
        """Of what :meth:`told` said."""
        return cls(**told)


def adjusted(history: History, horizon: int, asked: Adjustments) -> tuple[History, Array]:
    """The history that levels are to rest on, and by what they are to be multiplied [products]."""
    factor = np.ones(len(history.rows))
    if asked.prices:
        moves = price_moves(history.prices)
        of_price = elasticity(history.demand, history.first, moves)
        start = history.weeks - moves.shape[1]
        demand = history.demand.copy()
        demand[:, start:] *= np.exp(of_price * moves)
        history = History(history.rows, demand, history.full, history.first, history.prices)
        factor = np.exp(-of_price * moves[:, -1])
    if asked.season:
        factor = factor * season_factor(history.demand, horizon) ** asked.season
    return history, factor


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


def season_factor(demand: Array, horizon: int) -> float:
    """By how much the shop's weekly demand changed a year ago, from the weeks before to the horizon; 1 if not known."""
    weeks = demand.shape[1]
    if weeks < YEAR + ANCHOR_WEEKS:
        return 1.0
    total = demand.sum(axis=0)
    then = weeks - YEAR
    before, after = total[then - ANCHOR_WEEKS : then].mean(), total[then : then + horizon].mean()
    return float(np.clip(after / before, SMALLEST_FACTOR, LARGEST_FACTOR)) if before > 0 and after > 0 else 1.0
