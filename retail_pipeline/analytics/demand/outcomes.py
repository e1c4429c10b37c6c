"""What came of forecasts: each product's losses, and the measures made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retail_pipeline.analytics.demand import measures
from retail_pipeline.analytics.demand.distributions import Shape, Width, came_true, negative_binomial
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.windows import Part

CHANCES = (0.1, 0.5, 0.9, 0.95, 0.98)
"""At which pinball loss is measured: both ends of the 80 % interval, the middle, and what stock is kept by."""
LOWER, UPPER, HIGH = CHANCES.index(0.1), CHANCES.index(0.9), CHANCES.index(0.95)


@dataclass(frozen=True)
class Outcome:
    """Of forecasts, row by row: a product in a window.

    Attributes
    ----------
    products
        Places in the panel.
    errors
        RMSSE, NaN where a product's demand had not moved before.
    losses
        Scaled pinball losses, of single weeks and of the horizon as a whole alike [rows x chances].
    expected, came
        Units of the horizon.
    weeks_inside, total_inside, total_below
        Share of weeks within the 80 % interval, whether the horizon's units were, and whether they stayed within the
        95 % quantile.
    """

    products: Array
    errors: Array
    losses: Array
    expected: Array
    came: Array
    weeks_inside: Array
    total_inside: Array
    total_below: Array

    @classmethod
    def of(cls, part: Part, level: Array, shape: Shape) -> "Outcome":
        """Of levels and the shape of their distribution."""
        horizon, total = part.actual.shape[1], part.actual.sum(axis=1)
        of_week, of_total = quantiles_of(part, level, shape)
        losses = measures.pinball(part.actual, of_week[:, None, :], CHANCES).mean(axis=1)
        losses = losses + measures.pinball(total, of_total, CHANCES) / horizon
        return cls(
            part.products,
            measures.rmsse(part.actual, level[:, None], part.squares),
            losses / 2 / part.sizes[:, None],
            level * horizon,
            total,
            ((part.actual >= of_week[:, None, LOWER]) & (part.actual <= of_week[:, None, UPPER])).mean(axis=1),
            ((total >= of_total[:, LOWER]) & (total <= of_total[:, UPPER])).astype(np.float64),
            (total <= of_total[:, HIGH]).astype(np.float64),
        )

    @classmethod
    def together(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """Several, one below the other."""
        return cls(*(np.concatenate([getattr(one, name) for one in outcomes]) for name in cls.__dataclass_fields__))

    @property
    def pinball(self) -> Array:
        """The mean over all chances."""
        return np.asarray(self.losses.mean(axis=1))

    def measures(self, draws: Array) -> list[dict[str, Any]]:
        """Every measure with its 95 % interval.

        Parameters
        ----------
        draws
            How often each row counts in each draw of products.
        """
        of_rows = {
            "rmsse": self.errors,
            "pinball": self.pinball,
            **{f"pinball_{round(100 * chance)}": self.losses[:, place] for place, chance in enumerate(CHANCES)},
            "coverage_80": self.weeks_inside,
            "coverage_80_horizon": self.total_inside,
            "below_95_horizon": self.total_below,
        }
        losses = np.column_stack(list(of_rows.values()))
        counts = np.isfinite(losses).sum(axis=0)
        found = [
            {"metric": name, "value": float(value), "lower": float(lower), "upper": float(upper), "n": int(n)}
            for name, (value, lower, upper), n in zip(
                of_rows, measures.means_and_intervals(losses, draws), counts, strict=True
            )
        ]
        found.append(self._bias(draws))
        return [{name: _or_none(value) for name, value in row.items()} for row in found]

    def _bias(self, draws: Array) -> dict[str, Any]:
        came, expected = draws @ self.came, draws @ self.expected
        drawn = np.divide(expected - came, came, out=np.full(len(came), np.nan), where=came > 0)
        total = float(self.came.sum())
        value = float(self.expected.sum()) / total - 1 if total else float("nan")
        low, high = np.nanquantile(drawn, [0.025, 0.975]) if np.isfinite(drawn).any() else (np.nan, np.nan)
        return {"metric": "bias", "value": value, "lower": float(low), "upper": float(high), "n": len(self.came)}


def quantiles_of(part: Part, level: Array, shape: Shape) -> tuple[Array, Array]:
    """Quantiles of a week's demand, and of that of the whole horizon [rows x chances]."""
    variance = part.variance(level)
    found = []
    for weeks, together in ((1, False), (part.actual.shape[1], True)):
        mean, wide = _moments(level, variance, shape.width, weeks)
        found.append(negative_binomial(mean, wide, shape.chances(CHANCES, together=together)))
    return found[0], found[1]


def calibrated(part: Part, level: Array, width: Width) -> Shape:
    """A width with the chances that came true in a part."""
    variance = part.variance(level)
    curves = []
    for weeks, actual in ((1, part.actual), (part.actual.shape[1], part.actual.sum(axis=1)[:, None])):
        mean, wide = _moments(level, variance, width, weeks)
        times = actual.shape[1]
        curves.append(came_true(actual.ravel(), np.repeat(mean, times), np.repeat(wide, times)))
    return Shape(width, *curves)


def _moments(level: Array, variance: Array, width: Width, weeks: int) -> tuple[Array, Array]:
    mean = level * weeks
    return mean, width.noise * variance * weeks + (width.drift * mean) ** 2


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
