"""When an order is to be expected, out of the probabilities of one within several horizons."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def days_until_likely(probabilities: Floats, horizons: Sequence[int]) -> Floats:
    """The days after which an order has come with a probability of one half; not a number where that is never.

    Within a horizon customers are taken to order at the steady rate of that stretch, and after the last one at the mean
    rate until then.

    Parameters
    ----------
    probabilities
        Of an order within each horizon, not falling; shape (customers, horizons).
    horizons
        Rising [days].

    Examples
    --------
    >>> days_until_likely(np.array([[0.5, 0.75], [0.25, 0.5], [0.25, 0.25]]), (10, 20)).round(1).tolist()
    [10.0, 20.0, 48.2]
    """
    ends = np.array([0, *horizons], dtype=np.float64)
    with np.errstate(divide="ignore"):
        risen = np.concatenate([np.zeros((len(probabilities), 1)), -np.log1p(-probabilities)], axis=1)
    half, found = np.log(2.0), np.full(len(probabilities), np.nan)
    for place in range(len(ends) - 2, -1, -1):
        low, high = risen[:, place], risen[:, place + 1]
        is_last = place == len(ends) - 2
        here = (low < half) & (((high >= half) & (high > low)) | (is_last & (high > 0)))
        with np.errstate(divide="ignore", invalid="ignore"):
            days = ends[place] + (half - low) / (high - low) * (ends[place + 1] - ends[place])
            if is_last:  # the last stretch may be days wide, and its rate by chance
                days = np.where(high < half, ends[-1] * half / high, days)
        found = np.where(here, days, found)
    return np.asarray(found)
