"""Customers of whom it is known what they spend in the mean: the truth behind tests of models of spend."""

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.matrix import FEATURES
from retail_pipeline.analytics.prediction.spending import Spending
from retail_pipeline_tests.analytics.prediction.shoppers import shoppers

Floats = NDArray[np.float64]
WINDOWS = (14, 30, 60, 90, 180, 365)


def spenders(customers: int = 900, cutoffs: tuple[int, ...] = (0, 30, 60, 90, 120), seed: int = 1) -> Spending:
    """The same customers at each cut-off, who spend :func:`mean_spend` in the mean of 30 days, and often nothing."""
    rng = np.random.default_rng(seed)
    told = shoppers(customers, cutoffs, seed)
    values, rows = told.values, len(told.events)
    habit = np.tile(np.exp(rng.normal(4, 1.2, customers)), len(cutoffs))  # a month's spend
    for days in WINDOWS:
        seen = np.minimum(days, values[:, FEATURES.index("tenure_days")]) / 30
        values[:, FEATURES.index(f"spend_{days}d")] = np.round(habit * rng.gamma(3 * seen, 1 / 3), 2)
    values[:, FEATURES.index("total_spend")] = np.round(habit * values[:, FEATURES.index("tenure_days")] / 30, 2)
    buys = rng.random(rows) < share_who_buy(values)
    spend = np.where(buys, mean_spend(values) / share_who_buy(values) * rng.gamma(2, 1 / 2, rows), 0)
    return Spending(values, np.round(spend, 2), told.customers, told.cutoffs)


def share_who_buy(values: Floats) -> Floats:
    """The true probability to spend anything."""
    return np.where(values[:, FEATURES.index("recency_days")] < 40, 0.7, 0.25)


def mean_spend(values: Floats) -> Floats:
    """The true expectation: a month's habit, 1.4 times that of who ordered lately and half that of who did not."""
    habit = values[:, FEATURES.index("total_spend")] / values[:, FEATURES.index("tenure_days")] * 30
    return np.asarray(habit * 2 * share_who_buy(values))
