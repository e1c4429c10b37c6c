"""Gradient boosting on lags and calendar: what a period brings against the mean of those before it."""

from dataclasses import dataclass

import numpy as np

from retail_pipeline.analytics.forecasting.plain_models import SeasonalNaive, Untuned
from retail_pipeline.analytics.forecasting.series import MONTH_OF_YEAR, WEEKDAY, Floats, Forecast, Past, Tuning

TREES = 80
LEAST = 26
PARAMETERS = {
    "max_depth": 3, "eta": 0.1, "subsample": 1.0, "min_child_weight": 3, "nthread": 1, "seed": 1, "tree_method": "hist",
    "verbosity": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Boosting(Untuned):
    """XGBoost, one step at a time.

    Trees cannot go beyond what they have seen, so the target is a period's value against the mean of the last four
    weeks (of weeks and months, of the last four), and lags are so too. Without a distribution of its own, its spread
    is that of the seasonal naive's errors.
    """

    name: str = "gradient_boosting"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.n < LEAST:
            return None
        import xgboost

        window = 4 * past.season
        even = past.even()
        lags = _lags(past)
        first = max(*lags, window)
        if past.n - first < LEAST // 2:
            return None
        rows = np.stack([_row(even, place, lags, window, past) for place in range(first, past.n)])
        means = np.array([_mean(even, place, window) for place in range(first, past.n)])
        target = even[first:] / means
        model = xgboost.train(PARAMETERS, xgboost.DMatrix(rows, target), TREES)
        longer = np.concatenate([even, np.empty(past.horizon)])
        for place in range(past.n, past.n + past.horizon):
            row = _row(longer, place, lags, window, past)
            longer[place] = float(model.inplace_predict(row[None, :])[0]) * _mean(longer, place, window)
        spread = SeasonalNaive().forecast(past, {})
        told = past.uneven(longer[past.n :], np.zeros(past.horizon))
        return Forecast(told.mean, spread.sd * (told.mean != 0)) if spread else None


def _lags(past: Past) -> tuple[int, ...]:
    """How many periods back it looks: the last, the weeks before, and last year where it is known."""
    lags = [1, 2, 3] if past.season == 1 else [1, past.season, 2 * past.season]
    if past.years_known >= 1 and past.n > past.year + LEAST:
        lags.append(past.year)
    return tuple(lags)


def _mean(values: Floats, place: int, window: int) -> float:
    mean = float(values[place - window : place].mean())
    return mean if abs(mean) > 1e-9 else 1.0


def _row(values: Floats, place: int, lags: tuple[int, ...], window: int, past: Past) -> Floats:
    """Lags against the mean before, the trend within it, weekday, month (where last year is known) and holidays."""
    mean = _mean(values, place, window)
    half = window // 2
    calendar = past.calendar[place]
    trade = past.trading[place]
    return np.array(
        [
            *(values[place - lag] / mean for lag in lags),
            values[place - half : place].mean() / mean,
            calendar[WEEKDAY],
            calendar[MONTH_OF_YEAR] if past.years_known >= 1 else 0.0,
            past.holidays[place] / trade if trade > 0 else 1.0,
        ]
    )
