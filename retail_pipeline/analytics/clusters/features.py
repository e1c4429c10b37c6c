"""From customers' measures to points among which distances mean something."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "classic": (
        "total_spend", "avg_order_value", "orders", "product_variety", "recency_days", "preferred_weekday",
    ),
    "rfm": ("recency_days", "orders", "total_spend"),
}  # fmt: skip
"""By name the measures of a customer by which it is compared with others."""
MEASURES = FEATURE_SETS["classic"]
CYCLES = {"preferred_weekday": 7}
"""Measures that come round, and after how many steps."""
LOG_OFFSET = 0.01
"""Added before a logarithm is taken, in medians: of nothing there is none."""
DIGITS = 9
"""Digits of a point that count: what differs by rounding alone is equal."""
_POWER_DIGITS = 4


@dataclass(frozen=True)
class Scale:
    """How one measure is brought to a scale on which customers spread alike.

    Attributes
    ----------
    unit
        The measure is told in this, its median: what it is counted in, pence or pounds, makes no difference.
    power
        Of Yeo & Johnson's transform; None for a logarithm.
    mean, deviation
        Of what comes out; a deviation of zero is that of a measure which tells nobody apart.
    """

    measure: str
    unit: float
    power: float | None
    mean: float
    deviation: float


class Preparation:
    """Brings measures to points: skewed ones transformed, all standardised, what is far out drawn in.

    A measure is divided by its median and transformed by the power of Yeo & Johnson (2000, Biometrika 87) that brings
    it nearest to a normal distribution, or by a logarithm. Beyond ``reach`` standard deviations a value goes on as a
    logarithm: outliers stay, in their order, but none draws a cluster of its own. A weekday becomes a place on a
    circle of radius one, so Sunday is as near to Monday as Monday to Tuesday. What is not known of a customer is taken
    to be as with the average customer; of a weekday, the middle of the circle.

    Examples
    --------
    >>> frame = pd.DataFrame({"total_spend": [1.0, 10.0, 100.0]})
    >>> Preparation.fit(frame, ["total_spend"], "log").transform(frame).round(1).ravel().tolist()
    [-1.2, -0.0, 1.2]
    """

    def __init__(self, measures: Sequence[str], scales: Sequence[Scale], reach: float) -> None:
        self.measures = tuple(measures)
        self.scales = {scale.measure: scale for scale in scales}
        self.reach = reach

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, measures: Sequence[str], transform: str = "yeo_johnson", reach: float = 3.0
    ) -> "Preparation":
        """Learn the scales of measures from customers, one a row.

        Parameters
        ----------
        transform
            'yeo_johnson', 'log' or 'none'.
        """
        ordered = {name: np.sort(frame[name].dropna().to_numpy(dtype=np.float64)) for name in measures}
        scales = [_fit_scale(name, ordered[name], transform) for name in measures if name not in CYCLES]
        return cls(measures, scales, reach)

    @property
    def columns(self) -> list[str]:
        """What each coordinate of a point is."""
        return [
            column
            for name in self.measures
            for column in ([f"{name}_cos", f"{name}_sin"] if name in CYCLES else [name])
        ]

    def transform(self, frame: pd.DataFrame) -> Floats:
        """The customers' points: rows x coordinates."""
        coordinates = []
        for name in self.measures:
            values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
            coordinates += _on_circle(values, CYCLES[name]) if name in CYCLES else [self._place(name, values)]
        points = np.round(np.column_stack(coordinates), DIGITS)
        return np.asarray(points + 0.0, dtype=np.float64)  # no zero is negative

    def _place(self, name: str, values: Floats) -> Floats:
        scale = self.scales[name]
        if not scale.deviation:
            return np.zeros(len(values))
        place = (_transformed(values / scale.unit, scale.power) - scale.mean) / scale.deviation
        return np.nan_to_num(_tempered(place, self.reach))

    def to_json(self) -> dict[str, Any]:
        """All that has been learned, as plain numbers."""
        return {
            "measures": list(self.measures),
            "scales": [asdict(scale) for scale in self.scales.values()],
            "reach": self.reach,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Preparation":
        """What :meth:`to_json` has told."""
        return cls(saved["measures"], [Scale(**scale) for scale in saved["scales"]], saved["reach"])


def _fit_scale(name: str, values: Floats, transform: str) -> Scale:
    """Learn from values in rising order."""
    if not len(values) or values[0] == values[-1]:
        return Scale(name, 1.0, 1.0, 0.0, 0.0)
    unit = float(np.median(values)) or float(np.abs(values).mean())
    scaled = values / abs(unit)
    power = None if transform == "log" else _best_power(scaled) if transform == "yeo_johnson" else 1.0
    moved = _transformed(scaled, power)
    return Scale(name, abs(unit), power, float(moved.mean()), float(moved.std()))


def _best_power(values: Floats) -> float:
    """The likeliest power, between a reciprocal and a square; of 100,000 customers at most, evenly from all."""
    from scipy.optimize import minimize_scalar
    from scipy.stats import yeojohnson_llf

    step = max(1, len(values) // 100_000)
    found = minimize_scalar(lambda power: -yeojohnson_llf(power, values[::step]), bounds=(-2, 2), method="bounded")
    return float(round(found.x, _POWER_DIGITS))


def _transformed(values: Floats, power: float | None) -> Floats:
    from scipy.stats import yeojohnson

    if power is None:
        return np.log(np.maximum(values, 0) + LOG_OFFSET)
    return np.asarray(values if power == 1 else yeojohnson(values, power), dtype=np.float64)


def _tempered(place: Floats, reach: float) -> Floats:
    beyond = np.maximum(np.abs(place) - reach, 0)
    return np.asarray(np.sign(place) * (np.minimum(np.abs(place), reach) + np.log1p(beyond)))


def _on_circle(values: Floats, steps: int) -> list[Floats]:
    angle = 2 * np.pi * (values - 1) / steps
    return [np.nan_to_num(np.cos(angle)), np.nan_to_num(np.sin(angle))]
