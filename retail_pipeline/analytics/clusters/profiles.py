"""What the customers of each cluster are like, beside all others."""

from typing import Any

import numpy as np
import pandas as pd

from retail_pipeline.analytics.clusters.features import CYCLES, MEASURES, Preparation
from retail_pipeline.analytics.clusters.models import Labels

LEVEL_MEASURES = tuple(name for name in MEASURES if name not in CYCLES)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Population:
    """All customers, prepared once for the profiles of many divisions."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.customers = len(frame)
        self._values = {name: frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in MEASURES}
        self._sorted = {name: np.sort(self._values[name][~np.isnan(self._values[name])]) for name in LEVEL_MEASURES}
        prepared = Preparation.fit(frame, LEVEL_MEASURES).transform(frame)
        self._prepared = dict(zip(LEVEL_MEASURES, prepared.T, strict=True))

    def position(self, measure: str, value: float) -> float:
        """The share of all customers below a value, and half of those at it."""
        values = self._sorted[measure]
        if not len(values) or np.isnan(value):
            return 0.5
        below, up_to = np.searchsorted(values, value, "left"), np.searchsorted(values, value, "right")
        return float((below + up_to) / 2 / len(values))

    def profile(self, labels: Labels) -> list[dict[str, Any]]:
        """A profile a cluster, in the order of their numbers, noise first.

        ``median_<measure>``; ``position_<measure>``, the median's place among all customers; ``difference_<measure>``,
        how far the cluster's mean is from that of all others in pooled standard deviations (Cohen 1988) on the
        prepared scale; the share of those with a single order; the most common weekday and its share.
        """
        found = []
        for name in np.unique(labels):
            inside = labels == name
            row: dict[str, Any] = {"cluster": int(name), "customers": int(inside.sum())}
            row["share_customers"] = row["customers"] / self.customers
            for measure in LEVEL_MEASURES:
                values = self._values[measure][inside]
                values = values[~np.isnan(values)]
                middle = float(np.median(values)) if len(values) else float("nan")
                row[f"median_{measure}"] = middle
                row[f"position_{measure}"] = self.position(measure, middle)
                row[f"difference_{measure}"] = standardised_difference(self._prepared[measure], inside)
            row["one_time_share"] = float((self._values["orders"][inside] == 1).mean())
            days = self._values["preferred_weekday"][inside]
            counts = np.bincount(days[~np.isnan(days)].astype(np.int64), minlength=8)[1:8]
            row["weekday"] = int(counts.argmax()) + 1 if counts.sum() else None
            row["weekday_share"] = float(counts.max() / counts.sum()) if counts.sum() else None
            found.append(row)
        return found


def standardised_difference(values: "np.ndarray[Any, np.dtype[np.float64]]", inside: "np.ndarray[Any, Any]") -> float:
    """The mean of those inside less that of all others, in pooled standard deviations; 0 where nothing spreads.

    Examples
    --------
    >>> standardised_difference(np.array([1.0, 3.0, 5.0, 7.0]), np.array([True, True, False, False]))
    -4.0
    """
    one, other = values[inside], values[~inside]
    if not len(one) or not len(other):
        return 0.0
    within = ((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    spread = float(np.sqrt(within / len(values)))
    return float((one.mean() - other.mean()) / spread) if spread > 0 else 0.0
