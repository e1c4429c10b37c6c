"""What customers spent within a horizon, what they usually spend in such a time, and what is learned of it.

Spend is uneven: one customer in a hundred may bring a third of it. So models learn how many times their usual spend
customers will spend, which is a small number for everyone, and spend out of proportion counts in part only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.prediction.matrix import column

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_SPENDERS = 20
"""Customers who spend something, without whom nothing is learned or judged."""
WINDOWS = (14, 30, 60, 90, 180, 365)
"""Days of which the spend is a feature."""
TOP_SHARE = 0.01
"""The share of spends above nothing, the largest, that may be cut."""
OWN_TIMES = 3.0
"""Spend is never cut below so many times what is usual for the customer."""
SHRUNK = 0.15
"""How much of the mean of all is in what is usual for a customer."""
SMALLEST = 0.01
"""What is usual is so much, at least [reporting currency]."""


@dataclass(frozen=True)
class Spending:
    """Customers as of cut-offs, and what they spent within the horizon; a row a customer and cut-off.

    Attributes
    ----------
    values
        By :func:`matrix.matrix`; shape (rows, features).
    spend
        What was spent and kept, 0 or more [reporting currency].
    customers
        Which rows are of the same customer, by numbers that do not depend on the others; two halves by odd and even.
    cutoffs
        The day [days since 1970].
    """

    values: Floats
    spend: Floats
    customers: Integers
    cutoffs: Integers

    @property
    def tells(self) -> bool:
        """Whether customers enough spent something."""
        return int((self.spend > 0).sum()) >= LEAST_SPENDERS

    def where(self, kept: NDArray[np.bool_]) -> "Spending":
        """Some of the rows."""
        return Spending(self.values[kept], self.spend[kept], self.customers[kept], self.cutoffs[kept])


@dataclass(frozen=True)
class Lesson:
    """Spend as models learn it.

    Attributes
    ----------
    mean
        Of all spends, the largest cut [reporting currency].
    top
        What one spender in 100 exceeds [reporting currency].
    usual
        What is usual for each customer [reporting currency].
    cut
        What each spent, or the most that counts for such a customer [reporting currency].
    weights
        How much a customer counts, 1 in the mean: the root of what is usual, for the spread of spend grows with it.
    """

    mean: float
    top: float
    usual: Floats
    cut: Floats
    weights: Floats

    @property
    def times(self) -> Floats:
        """How many times what is usual was spent."""
        return np.asarray(self.cut / self.usual)


def lesson(data: Spending, horizon_days: int) -> Lesson:
    """What to learn of customers' spend.

    Spend counts up to what one spender in 100 exceeds, or up to three times what is usual for the customer if that is
    more. So one who always buys much may go on so, and one who suddenly does teaches nothing about all others.
    """
    top = largest(data.spend)
    mean = float(np.minimum(data.spend, top).mean())
    usual = usual_spend(data.values, horizon_days, mean)
    cut = np.minimum(data.spend, np.maximum(top, OWN_TIMES * usual))
    weights = np.sqrt(np.minimum(usual, largest(usual)))
    return Lesson(mean, top, usual, cut, weights / weights.mean())


def largest(amounts: Floats, share: float = TOP_SHARE) -> float:
    """The amount that a share of all amounts above nothing exceeds; 0 where there are none."""
    something = amounts[amounts > 0]
    return float(np.quantile(something, 1 - share, method="lower")) if len(something) else 0.0


def usual_spend(values: Floats, horizon_days: int, mean: float) -> Floats:
    """What a customer usually spends within a horizon: by three spans of the past, and a little by all customers.

    The spans are 90 days, 180 days, and all days since the first order, 90 at least; none is longer than the history,
    but counts as if it were, so that newcomers are taken for what they have shown so far.
    """
    known = np.maximum(_number(values, "tenure_days"), max(horizon_days, 90))
    spans = (
        _number(values, "spend_90d") / 90 + _number(values, "spend_180d") / 180 + _number(values, "total_spend") / known
    )
    usual = (1 - SHRUNK) * np.maximum(spans / 3 * horizon_days, 0) + SHRUNK * mean
    return np.asarray(np.maximum(usual, SMALLEST))


def last_period(values: Floats, horizon_days: int) -> Floats:
    """What was spent in as many days before; where no feature is of so many, by the nearest that is."""
    window = min(WINDOWS, key=lambda days: (abs(days - horizon_days), days))
    return np.asarray(np.maximum(_number(values, f"spend_{window}d"), 0) * horizon_days / window)


def _number(values: Floats, name: str) -> Floats:
    return np.nan_to_num(column(values, name), nan=0.0)
