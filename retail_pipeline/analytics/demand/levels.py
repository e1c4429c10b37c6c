"""Weekly demand to expect, for all products at once: smoothing, averages, and the methods for intermittent demand.

Each function takes a matrix of weekly demand (products x weeks, up to the forecast's origin) and each product's first
week, and returns the units to expect in any of the weeks to come [products]. All of these forecasts are flat.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

YEAR = 52
"""Weeks of a year."""
ANCHOR_WEEKS = 8
"""Weeks a year ago that the season to come is compared with: those that levels mostly rest on."""
SMALLEST_FACTOR, LARGEST_FACTOR = 0.5, 2.0
ADIDA_ALPHAS = np.linspace(0.1, 0.3, 21)
"""Among which each product's own is found, that of the least squares: the range that is usual for slow movers."""


def floats(values: Array) -> Array:
    """A copy as floating-point numbers."""
    found: Array = np.empty(values.shape)
    found[...] = values
    return found


def naive(demand: Array, first: Array) -> Array:
    """The last week's demand."""
    return floats(demand[:, -1])


def seasonal_naive(demand: Array, first: Array, *, horizon: int) -> Array:
    """The mean of the weeks to forecast a year (52 weeks) before; NaN where that reaches back beyond the history."""
    weeks = demand.shape[1]
    if weeks < YEAR:
        return np.full(len(demand), np.nan)
    year_before = demand[:, weeks - YEAR : weeks - YEAR + horizon]
    return np.where(first <= weeks - YEAR, year_before.mean(axis=1), np.nan)


def historical_mean(demand: Array, first: Array) -> Array:
    """The mean of all weeks since the first sale."""
    return moving_average(demand, first, weeks=demand.shape[1])


def moving_average(demand: Array, first: Array, *, weeks: int) -> Array:
    """The mean of the last weeks, of those there are."""
    total = demand.shape[1]
    length = np.minimum(weeks, total - first)
    sums = _running_sums(demand)
    before = np.take_along_axis(sums, (total - length)[:, None], axis=1)[:, 0]
    return np.asarray((sums[:, -1] - before) / length)


def ses(demand: Array, first: Array, *, alpha: float) -> Array:
    """Simple exponential smoothing that starts from the first week's demand (Brown 1956)."""
    level = np.take_along_axis(demand, first[:, None], axis=1)[:, 0].astype(np.float64)
    for week in range(int(first.min(initial=demand.shape[1])) + 1, demand.shape[1]):
        level += np.where(week > first, alpha * (demand[:, week] - level), 0.0)
    return level


def seasonal_ses(demand: Array, first: Array, *, alpha: float, horizon: int, power: float) -> Array:
    """Simple exponential smoothing times the season of the whole shop, a year ago, to a power.

    The season is that of all products given: one product's weeks of one year tell too little of it.
    """
    return np.asarray(ses(demand, first, alpha=alpha) * season_factor(demand, horizon) ** power)


def season_factor(demand: Array, horizon: int) -> float:
    """By how much the shop's weekly demand changed a year ago, from the weeks before to the horizon; 1 if not known."""
    weeks = demand.shape[1]
    if weeks < YEAR + ANCHOR_WEEKS:
        return 1.0
    total = demand.sum(axis=0)
    then = weeks - YEAR
    before, after = total[then - ANCHOR_WEEKS : then].mean(), total[then : then + horizon].mean()
    return float(np.clip(after / before, SMALLEST_FACTOR, LARGEST_FACTOR)) if before > 0 and after > 0 else 1.0


def croston(demand: Array, first: Array, *, alpha: float) -> Array:
    """Croston (1972): the smoothed size of a week's demand over the smoothed number of weeks between two."""
    products, weeks = demand.shape
    size, interval, since = np.zeros(products), np.zeros(products), np.zeros(products)
    for week in range(int(first.min(initial=weeks)), weeks):
        since += week >= first
        hit = demand[:, week] > 0
        known = size > 0
        size = np.where(hit, np.where(known, size + alpha * (demand[:, week] - size), demand[:, week]), size)
        interval = np.where(hit, np.where(known, interval + alpha * (since - interval), since), interval)
        since[hit] = 0
    return np.divide(size, interval, out=np.zeros(products), where=interval > 0)


def croston_sba(demand: Array, first: Array, *, alpha: float) -> Array:
    """Croston's forecast less its bias (Syntetos & Boylan 2005): times 1 - alpha / 2."""
    return (1 - alpha / 2) * croston(demand, first, alpha=alpha)


def tsb(demand: Array, first: Array, *, alpha_size: float, alpha_chance: float) -> Array:
    """Teunter, Syntetos & Babai (2011): the smoothed chance of demand, which falls in weeks without, times its size."""
    products, weeks = demand.shape
    size, chance = np.zeros(products), np.zeros(products)
    for week in range(int(first.min(initial=weeks)), weeks):
        hit = demand[:, week] > 0
        step = np.where(week > first, alpha_chance, (week == first) * 1.0)
        chance += step * (hit - chance)
        size = np.where(hit, np.where(size > 0, size + alpha_size * (demand[:, week] - size), demand[:, week]), size)
    return chance * size


def adida(demand: Array, first: Array) -> Array:
    """Nikolopoulos et al. (2011): demand summed up over as many weeks as lie between two with any, then smoothed.

    The smoothing constant is each product's own, between 0.1 and 0.3. Weeks at the start that fill no such bucket are
    left out.
    """
    products, weeks = demand.shape
    hits = demand > 0
    count = hits.sum(axis=1)
    last = weeks - 1 - np.argmax(hits[:, ::-1], axis=1)
    mean_interval = np.divide(last - first + 1, count, out=np.ones(products), where=count > 0)
    buckets_of = np.clip(np.rint(mean_interval).astype(np.int64), 1, np.maximum(weeks - first, 1))
    level = np.zeros(products)
    for length in np.unique(buckets_of[count > 0]):
        rows = np.flatnonzero((buckets_of == length) & (count > 0))
        buckets = weeks // length
        sums = demand[rows, weeks - buckets * length :].reshape(len(rows), buckets, length).sum(axis=2)
        start = buckets - (weeks - first[rows]) // length
        level[rows] = _best_ses(sums, start) / length
    return level


def combination(demand: Array, first: Array) -> Array:
    """The mean of four that err in different ways: smoothing, TSB, ADIDA and the mean of a quarter."""
    members = (
        ses(demand, first, alpha=0.3),
        tsb(demand, first, alpha_size=0.2, alpha_chance=0.3),
        adida(demand, first),
        moving_average(demand, first, weeks=13),
    )
    return np.asarray(sum(members) / len(members))


def _best_ses(demand: Array, first: Array) -> Array:
    """Simple exponential smoothing with the constant whose one-step errors are the least, product by product."""
    start = np.take_along_axis(demand, first[:, None], axis=1).astype(np.float64)
    level = np.repeat(start, len(ADIDA_ALPHAS), axis=1)
    squares = np.zeros_like(level)
    for week in range(int(first.min(initial=demand.shape[1])) + 1, demand.shape[1]):
        error = np.where((week > first)[:, None], demand[:, week][:, None] - level, 0.0)
        squares += error**2
        level += ADIDA_ALPHAS * error
    best = squares.argmin(axis=1)  # of equal ones the slowest
    return np.take_along_axis(level, best[:, None], axis=1)[:, 0]


def _running_sums(demand: Array) -> Array:
    """The sum up to each week, from none on [products x (weeks + 1)]."""
    sums = np.zeros((len(demand), demand.shape[1] + 1))
    np.cumsum(demand, axis=1, out=sums[:, 1:])
    return sums


@dataclass(frozen=True)
class Candidate:
    """A method with its parameters. ``is_baseline`` is one that a model has to beat."""

    model: str
    parameters: Mapping[str, float | int]
    is_baseline: bool = False

    @property
    def setting(self) -> str:
        """The parameters in words, as in ``alpha 0.1``."""
        return ", ".join(f"{name} {value}" for name, value in sorted(self.parameters.items()))

    def level(self, demand: Array, first: Array) -> Array:
        """The weekly demand to expect."""
        return METHODS[self.model](demand, first, **self.parameters)


METHODS: Mapping[str, Callable[..., Array]] = {
    "naive": naive,
    "seasonal_naive": seasonal_naive,
    "historical_mean": historical_mean,
    "moving_average": moving_average,
    "ses": ses,
    "seasonal_ses": seasonal_ses,
    "croston_sba": croston_sba,
    "tsb": tsb,
    "adida": adida,
    "combination": combination,
}


def candidates(horizon: int, weeks: int) -> list[Candidate]:
    """All that is tried, the plainest first.

    Parameters
    ----------
    horizon
        Weeks that are forecast.
    weeks
        Weeks of history there are before the earliest forecast: the seasonal one needs a year.
    """
    seasonal = [Candidate("seasonal_naive", {"horizon": horizon}, is_baseline=True)] if weeks >= YEAR else []
    return [
        Candidate("naive", {}, is_baseline=True),
        *seasonal,
        Candidate("historical_mean", {}, is_baseline=True),
        *(Candidate("moving_average", {"weeks": weeks}) for weeks in (4, 8, 13, 26)),
        *(Candidate("ses", {"alpha": alpha}) for alpha in (0.05, 0.1, 0.2, 0.3, 0.5)),
        *(
            Candidate("seasonal_ses", {"alpha": alpha, "horizon": horizon, "power": power})
            for alpha, power in ((0.1, 0.5), (0.1, 1.0), (0.2, 0.5), (0.2, 1.0))
            if weeks >= YEAR + ANCHOR_WEEKS
        ),
        *(Candidate("croston_sba", {"alpha": alpha}) for alpha in (0.05, 0.1, 0.2)),
        *(
            Candidate("tsb", {"alpha_size": size, "alpha_chance": chance})
            for size, chance in ((0.05, 0.05), (0.1, 0.05), (0.1, 0.1), (0.1, 0.2), (0.2, 0.2), (0.2, 0.3))
        ),
        Candidate("adida", {}),
        Candidate("combination", {}),
    ]
