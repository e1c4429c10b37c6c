"""Customers of whom the chance to buy again is known: the truth behind tests of models of purchases."""

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.calibration import odds_to_probability
from retail_pipeline.analytics.prediction.matrix import FEATURES
from retail_pipeline.analytics.prediction.purchase_models import Observed

Floats = NDArray[np.float64]


def shoppers(customers: int = 600, cutoffs: tuple[int, ...] = (0, 30, 60, 90, 120), seed: int = 1) -> Observed:
    """The same customers at each cut-off: who bought often and lately is likelier to buy, as :func:`chance` says."""
    rng = np.random.default_rng(seed)
    rows = customers * len(cutoffs)
    values = np.full((rows, len(FEATURES)), np.nan)
    put = lambda name, column: values.__setitem__((slice(None), FEATURES.index(name)), column)  # noqa: E731
    tenure, days = rng.integers(60, 300, rows), 1 + rng.poisson(2, rows)
    recency = np.where(days > 1, rng.integers(1, 60, rows), tenure)
    put("tenure_days", tenure)
    put("recency_days", recency)
    put("purchase_days", days)
    put("orders", days)
    put("total_spend", np.round(days * rng.gamma(4, 10, rows), 2))
    put("last_gap_days", np.where(days > 1, np.maximum(tenure - recency, 1) // np.maximum(days - 1, 1), np.nan))
    put("discount_share", 0.0)
    events = (rng.random(rows) < chance(values)).astype(np.float64)
    who = np.tile(np.arange(customers), len(cutoffs))
    return Observed(values, events, who.astype(np.int64), np.repeat(np.array(cutoffs, dtype=np.int64), customers))


def chance(values: Floats) -> Floats:
    """The true probability of an order."""
    days, recency = values[:, FEATURES.index("purchase_days")], values[:, FEATURES.index("recency_days")]
    return odds_to_probability(1.5 * np.log(days) - 0.04 * recency)
