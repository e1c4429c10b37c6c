"""Whether something becomes more or less frequent from period to period.

References
----------
W. G. Cochran (1954), Some methods for strengthening the common chi-squared tests, Biometrics 10(4). P. Armitage (1955),
Tests for linear trends in proportions and frequencies, Biometrics 11(3). N. Mantel (1963), Chi-square tests with one
degree of freedom; extensions of the Mantel-Haenszel procedure, Journal of the American Statistical Association 58.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.pair_counts import Counts

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

LEAST_PERIODS = 3
"""With fewer whole periods there is no trend, only a change."""
SEASONS = 4
"""Quarters in a year. With two years each is compared with those of the same season alone."""


@dataclass(frozen=True)
class Trends:
    """How frequent things changed, a thing an entry.

    Attributes
    ----------
    z
        Standard normal where nothing changes; positive where it became more frequent.
    p_value
        Two-sided.
    change
        The last whole period's support against the mean of those before, less one; by season the last year's against
        that of the year before. Infinite where there was none before, not a number where there is none at all.
    by_season
        Whether each period was compared with those of the same season.
    """

    z: Floats
    p_value: Floats
    change: Floats
    by_season: bool


def trend_test(counts: Counts, baskets: Counts, scores: Floats, seasons: Integers) -> Floats:
    """The statistic of Cochran and Armitage, each season for itself and then added up (Mantel).

    Parameters
    ----------
    counts
        Baskets of each period that hold each thing; shape (things, periods).
    baskets
        All baskets of each period; shape (periods,).
    scores
        The time of each period.
    seasons
        The season of each period; only periods of the same one are compared.

    Returns
    -------
    array of shape (things,)
        Standard normal where nothing changes; 0 where nothing can be told.

    Examples
    --------
    Of 10 baskets a period 2, then 5, then 8: with p = 1/2 the scores' sum is 6 above what was expected, and its
    variance is 1/4 (10 + 10) 30/29 (in a table with fixed margins).

    >>> trend_test(np.array([[2, 5, 8]]), np.array([10, 10, 10]), np.arange(3.0), np.zeros(3, int)).round(4).tolist()
    [2.6382]
    """
    above, variance = np.zeros(len(counts)), np.zeros(len(counts))
    for season in np.unique(seasons):
        inside = np.flatnonzero(seasons == season)
        size, held = baskets[inside].astype(np.float64), counts[:, inside].astype(np.float64)
        total = size.sum()
        if total < 2:
            continue
        share = held.sum(axis=1) / total
        centred = scores[inside] - (size * scores[inside]).sum() / total
        above += (held * centred).sum(axis=1)
        variance += share * (1 - share) * (size * centred**2).sum() * total / (total - 1)
    return np.divide(above, np.sqrt(variance), out=np.zeros(len(counts)), where=variance > 0)


def find_trends(counts: Counts, baskets: Counts) -> Trends | None:
    """The trends of things over whole quarters; None where these are too few.

    Parameters
    ----------
    counts
        Baskets of each quarter that hold each thing; shape (things, quarters), one quarter after the other.
    baskets
        All baskets of each quarter; shape (quarters,).
    """
    from scipy.special import ndtr

    periods = len(baskets)
    if periods < LEAST_PERIODS:
        return None
    by_season = periods >= 2 * SEASONS
    number = np.arange(periods)
    seasons = number % SEASONS if by_season else np.zeros(periods, dtype=np.int64)
    z = trend_test(counts, baskets, (number // SEASONS if by_season else number).astype(np.float64), seasons)
    last = SEASONS if by_season else 1
    before = slice(periods - 2 * SEASONS, periods - SEASONS) if by_season else slice(0, periods - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        now = counts[:, periods - last :].sum(axis=1) / baskets[periods - last :].sum()
        change = now / (counts[:, before].sum(axis=1) / baskets[before].sum()) - 1
    return Trends(z, 2 * ndtr(-np.abs(z)), change, by_season)
