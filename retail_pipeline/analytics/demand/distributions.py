"""How demand scatters about what is expected: the distribution of the units of one week, or of several together.

It is negative binomial. A product's variance comes from its own weeks and, the fewer of these there are, from what is
usual for its level: over products the variance is a power of the mean (Taylor 1961). How wide the distributions have
to be, and which of their chances come true, is learned from forecasts of weeks that were not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retail_pipeline.analytics.demand.levels import Array

WEEKS_OF_PRIOR = 8.0
"""Weeks of a product's own history that count as much as what is usual for its level."""
RECENT_WEEKS = 26
"""Weeks, the last, by which it is known how a product's demand scatters."""
LEAST_VARIANCE_RATIO = 1.0 + 1e-6
"""Of variance to mean: a negative binomial distribution is never narrower than Poisson's."""
LEAST_MEAN = 1e-6
"""Below it no quantile is above 0: the probability of any demand is no more than the mean."""
GRID = np.array(
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, *np.arange(0.1, 0.91, 0.05), 0.925, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985,
     0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999]
)  # fmt: skip
"""Chances at which it is looked up how often they come true."""
LEAST_TAIL = 0.05
"""Beyond the last chance of the grid, the least power of the distribution's tail by which demand grows rarer."""
LEAST_CALIBRATED = 50
"""Outcomes with which chances are corrected at all."""


@dataclass(frozen=True)
class Usual:
    """The variance that is usual for a mean: factor * mean ** power."""

    factor: float
    power: float

    @classmethod
    def of(cls, mean: Array, variance: Array) -> "Usual":
        """Fitted to products by least squares of the logarithms; Poisson's where there are too few."""
        rows = (mean > 0) & (variance > 0)
        if rows.sum() < 10:
            return cls(1.0, 1.0)
        x, y = np.log(mean[rows]), np.log(variance[rows])
        spread = float(((x - x.mean()) ** 2).sum())
        power = float(((x - x.mean()) * (y - y.mean())).sum() / spread) if spread > 0 else 1.0
        power = min(max(power, 1.0), 2.0)
        return cls(float(np.exp((y - power * x).mean())), power)

    def variance(self, mean: Array) -> Array:
        """Of each mean."""
        return np.asarray(self.factor * np.power(np.maximum(mean, 0.0), self.power))


@dataclass(frozen=True)
class Scatter:
    """How each product's weekly demand scatters.

    ``ratio`` is its variance against that usual for its mean, drawn towards 1 [products].
    """

    usual: Usual
    ratio: Array

    @classmethod
    def of(cls, demand: Array, first: Array) -> "Scatter":
        """Of the last weeks."""
        weeks = demand.shape[1]
        recent = demand[:, -RECENT_WEEKS:]
        since = np.arange(weeks - recent.shape[1], weeks)[None, :] >= first[:, None]
        count = since.sum(axis=1)
        mean = np.where(since, recent, 0.0).sum(axis=1) / np.maximum(count, 1)
        squares = (np.where(since, recent - mean[:, None], 0.0) ** 2).sum(axis=1)
        variance = squares / np.maximum(count - 1, 1)
        known = count > 1
        usual = Usual.of(mean[known], variance[known])
        expected = usual.variance(mean)
        own = np.divide(variance, expected, out=np.ones(len(demand)), where=expected > 0)
        weight = np.where(known, count - 1, 0)
        return cls(usual, (own * weight + WEEKS_OF_PRIOR) / (weight + WEEKS_OF_PRIOR))

    def variance(self, level: Array) -> Array:
        """Of a week's demand at the level expected."""
        return self.usual.variance(level) * self.ratio

    def rows(self, rows: Array) -> "Scatter":
        """Of some products."""
        return Scatter(self.usual, self.ratio[rows])


@dataclass(frozen=True)
class Width:
    """How wide the distributions have to be.

    Attributes
    ----------
    noise
        Times the variance from week to week.
    drift
        The standard deviation by which the level itself may be wrong, for all weeks alike [share of the level].
    """

    noise: float = 1.0
    drift: float = 0.3

    def moments(self, level: Array, scatter: Scatter, weeks: Array | float) -> tuple[Array, Array]:
        """Mean and variance of the demand of so many weeks together."""
        mean = level * weeks
        return mean, self.noise * scatter.variance(level) * weeks + (self.drift * mean) ** 2


@dataclass(frozen=True)
class Shape:
    """A width, and which chance of the distribution comes true how often, for one week and for several together.

    Attributes
    ----------
    one_week, together
        By each chance of ``GRID`` how often outcomes stayed at or below it, where that is known.
    """

    width: Width
    one_week: tuple[float, ...] | None = None
    together: tuple[float, ...] | None = None

    def chances(self, asked: Sequence[float] | Array, *, together: bool) -> Array:
        """The chances of the distribution that come true as often as is asked."""
        curve = self.together if together else self.one_week
        wanted = np.asarray(asked, dtype=np.float64)
        if curve is None:
            return wanted
        came_true = np.asarray(curve) + np.arange(len(GRID)) * 1e-12  # strictly rising
        return np.asarray(np.clip(np.interp(wanted, came_true, GRID), GRID[0], GRID[-1]))

    def quantiles(
        self,
        level: Array,
        scatter: Scatter,
        weeks: Array | float,
        asked: Sequence[float] | Array,
        *,
        together: bool = True,
    ) -> Array:
        """Quantiles of the demand of so many weeks together [products x chances].

        Parameters
        ----------
        level
            Units to expect in a week [products].
        weeks
            One number, or one a product; need not be whole.
        asked
            Probabilities, the same for all products or a row a product.
        together
            Whether several weeks are meant, and not one by one.
        """
        mean, variance = self.width.moments(level, scatter, weeks)
        return negative_binomial(mean, variance, self.chances(asked, together=together))

    def stays_within(self, level: Array, scatter: Scatter, weeks: Array | float, units: Array) -> Array:
        """The probability that the demand of so many weeks together is no more than so many units [products].

        Beyond the last chance of ``GRID`` outcomes grow rarer as they did from 0.999 on, by a power of the
        distribution's own tail: so no stock, however large, is left with the share of outcomes that lay beyond it.
        """
        from scipy import special

        mean, variance = self.width.moments(level, scatter, weeks)
        size, success = _parameters(np.maximum(mean, LEAST_MEAN), variance)
        most = np.floor(np.maximum(units, 0)) + 1
        chance = special.betainc(size, most, success)
        if self.together is not None:
            beyond = special.betainc(most, size, 1 - success)  # 1 - chance, to its last digits
            chance = np.where(beyond < 1 - GRID[-1], 1 - self._tail(beyond), np.interp(chance, GRID, self.together))
        return np.where(units < 0, 0.0, np.where(mean > LEAST_MEAN, chance, 1.0))

    def _tail(self, beyond: Array) -> Array:
        """How often demand is larger than what the distribution passes with these chances, less than the grid's."""
        assert self.together is not None
        start = int(np.searchsorted(GRID, 0.999))
        share, share_before = 1 - self.together[-1], 1 - self.together[start]
        if share <= 0:
            return np.zeros(len(beyond))
        power = np.log(share_before / share) / np.log((1 - GRID[start]) / (1 - GRID[-1]))
        return np.asarray(share * (beyond / (1 - GRID[-1])) ** max(float(power), LEAST_TAIL))

    def told(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "noise": self.width.noise,
            "drift": self.width.drift,
            "one_week": self.one_week and list(self.one_week),
            "together": self.together and list(self.together),
        }

    @classmethod
    def as_told(cls, told: Mapping[str, Any]) -> "Shape":
        """Of what :meth:`told` said."""
        curves = (tuple(told[name]) if told[name] else None for name in ("one_week", "together"))
        return cls(Width(told["noise"], told["drift"]), *curves)


def negative_binomial(mean: Array, variance: Array, chances: Sequence[float] | Array) -> Array:
    """Quantiles of negative binomial distributions, whole numbers [products x chances].

    The least k with P(X <= k) >= chance, for chances below 1 - LEAST_MEAN; where the variance is not above the mean the
    distribution is Poisson's, as good as.
    """
    from scipy import special

    chance = np.broadcast_to(np.asarray(chances, dtype=np.float64), (len(mean), np.shape(chances)[-1]))
    found = np.zeros(chance.shape)
    rows = np.flatnonzero(mean > LEAST_MEAN)
    if not len(rows):
        return found
    size, success = _parameters(mean[rows, None], variance[rows, None])
    chance = chance[rows]

    def reached(k: Array) -> Array:
        return np.asarray((k >= 0) & (special.betainc(size, np.maximum(k, 0) + 1, success) >= chance))

    k = np.ceil(np.nan_to_num(special.nbdtrik(chance, size, success)))  # up to rounding
    while (is_short := ~reached(k)).any():
        k = np.where(is_short, k + 1, k)
    while (is_long := reached(k - 1)).any():
        k = np.where(is_long, k - 1, k)
    found[rows] = k
    return found


def came_true(demand: Array, mean: Array, variance: Array) -> tuple[float, ...] | None:
    """By each chance of ``GRID`` how often demand stayed at or below it; None with too little to tell.

    Of the chances of a distribution over whole numbers each outcome covers a stretch, over which it counts evenly (the
    non-randomised PIT of Czado, Gneiting & Held 2009). Forecasts of nothing have no chances, and are left out.

    Parameters
    ----------
    demand, mean, variance
        Of each outcome.
    """
    from scipy import special

    rows = mean > LEAST_MEAN
    if rows.sum() < LEAST_CALIBRATED:
        return None
    size, success = _parameters(mean[rows], variance[rows])
    k = np.floor(np.maximum(demand[rows], 0))
    upper = special.betainc(size, k + 1, success)
    lower = np.where(k > 0, special.betainc(size, np.maximum(k, 1), success), 0.0)
    reach = np.maximum(upper - lower, 1e-12)
    return tuple(float(np.clip((chance - lower) / reach, 0, 1).mean()) for chance in GRID)


def _parameters(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Size and probability of success of negative binomial distributions of these moments."""
    wide = np.maximum(variance, mean * LEAST_VARIANCE_RATIO)
    return mean * mean / (wide - mean), mean / wide
