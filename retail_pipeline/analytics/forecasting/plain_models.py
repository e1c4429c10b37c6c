"""Models that are arithmetic: naive, seasonal naive, drift, the classic regression, last year's shape shrunken."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from retail_pipeline.analytics.forecasting.series import MONTH_OF_YEAR, WEEKDAY, Floats, Forecast, Past, Tuning

LEAST_A_REGRESSOR = 2
"""Periods a regression needs for each of its columns."""
FIRST_CHANGE, CHANGE = 2, 3
"""The first period whose last change is known, and the column that holds it."""
SMOOTHING = 0.3
"""How much the latest period counts in the level on which a year's shape is set."""


class Untuned:
    """A model that settles nothing beforehand."""

    def tune(self, past: Past) -> Tuning:
        return {}


@dataclass(frozen=True)
class Naive(Untuned):
    """The last value, for all times; as of the others here, what closed days make of it is in it."""

    name: str = "naive"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.n < 2:
            return None
        even = past.even()
        ahead = np.arange(1, past.horizon + 1)
        return past.uneven(np.full(past.horizon, even[-1]), np.sqrt((np.diff(even) ** 2).mean() * ahead))


@dataclass(frozen=True)
class SeasonalNaive(Untuned):
    """The value of the same weekday a week before, or of the same week or month a year before."""

    name: str = "seasonal_naive"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        lag = past.lag
        if past.n < lag + 1:
            return None
        even, ahead = past.even(), np.arange(past.horizon)
        errors = even[lag:] - even[:-lag]
        spread = np.sqrt((errors**2).mean() * (1 + ahead // lag))
        return past.uneven(even[past.n - lag + ahead % lag], spread)


@dataclass(frozen=True)
class Drift(Untuned):
    """The line from the first to the last value (Hyndman & Athanasopoulos 2021, section 5.2)."""

    name: str = "drift"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.n < 3:
            return None
        even = past.even()
        slope = (even[-1] - even[0]) / (past.n - 1)
        errors = np.diff(even) - slope
        ahead = np.arange(1, past.horizon + 1)
        spread = np.sqrt((errors**2).sum() / (past.n - 2) * ahead * (1 + ahead / (past.n - 1)))
        return past.uneven(even[-1] + slope * ahead, spread)


@dataclass(frozen=True)
class Regression(Untuned):
    """The classic one: least squares on trend, month, days in it and the last change, rolled on month by month.

    The month comes as a yearly wave, and only where last year is known; days have their weekday too; days in the
    period are its open ones. The last change is that of the period before, against the one before that. With few
    periods the later ones of these stay out.
    """

    name: str = "linear_regression"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        rows = past.n - FIRST_CHANGE
        if rows < 2 * LEAST_A_REGRESSOR:
            return None
        even, columns = past.even(), self._columns(past)
        kept = min(columns.shape[1], rows // LEAST_A_REGRESSOR)
        columns[1 : past.n, CHANGE] = _changes(even)[:-1]
        design, target = columns[FIRST_CHANGE : past.n, :kept], past.values[FIRST_CHANGE:]
        weights, *_ = np.linalg.lstsq(design, target, rcond=None)
        freedom = max(rows - kept, 1)
        spread = np.sqrt(((target - design @ weights) ** 2).sum() / freedom)
        inverse = np.linalg.pinv(design.T @ design)
        mean, sd = np.zeros(past.horizon), np.zeros(past.horizon)
        before, last = even[-2], even[-1]
        for step in np.flatnonzero(past.trading[past.n :] > 0):
            columns[past.n + step, CHANGE] = _change(before, last)
            row = columns[past.n + step, :kept]
            mean[step] = row @ weights
            sd[step] = spread * np.sqrt(1 + row @ inverse @ row)
            before, last = last, mean[step] / past.trading[past.n + step]
        return Forecast(mean, sd)

    def _columns(self, past: Past) -> Floats:
        """Constant, trend, open days, the last change (to come), yearly wave, weekdays [all periods, columns]."""
        count = len(past.trading)
        columns = [np.ones(count), np.arange(count) / max(past.n, 1), past.trading, np.zeros(count)]
        if past.years_known >= 1:
            turn = 2 * np.pi * (past.calendar[:, MONTH_OF_YEAR] - 0.5) / 12
            columns += [np.sin(turn), np.cos(turn)]
        if past.season > 1:
            weekday = past.calendar[:, WEEKDAY]
            columns += [(weekday == number).astype(np.float64) for number in np.unique(weekday)[1:]]
        return np.column_stack(columns)


@dataclass(frozen=True)
class LastYearsShape(Untuned):
    """Seasonal indices from what there is, shrunken towards 1, on a level that follows the series.

    An index is what a place in the year (and weekday) brought against its whole year; seen in n years it counts
    n / (n+1). One year tells shape from growth badly, so this is no candidate before the second one is there.
    """

    name: str = "shrunken_seasonal_indices"

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        if past.years_known < 1 or past.n < past.year:
            return None
        even = past.even()
        weekday = _weekday_indices(even, past.season)
        flat = even / weekday[np.arange(past.n) % past.season]
        shape = _year_indices(flat, past.year, past.season)
        level_series = flat / shape[np.arange(past.n) % past.year]
        level, errors = level_series[0], []
        for value in level_series[1:]:
            errors.append(value - level)
            level += SMOOTHING * (value - level)
        ahead = np.arange(past.n, past.n + past.horizon)
        index = shape[ahead % past.year] * weekday[ahead % past.season]
        spread = np.sqrt(np.square(errors).mean() * (1 + np.arange(past.horizon) * SMOOTHING**2))
        return past.uneven(level * index, spread * np.abs(index))


def _changes(values: Floats) -> Floats:
    """By period its change against the one before [share], 0 for the first."""
    return np.array([0.0, *(_change(before, last) for before, last in pairwise(values))])


def _change(before: float, last: float) -> float:
    """A change as a share, within what a doubling and a halving make of it."""
    return float(np.clip((last - before) / before, -1.0, 1.0)) if before > 0 else 0.0


def _weekday_indices(values: Floats, season: int) -> Floats:
    """What each place in a week brings against the mean of a week [season]."""
    if season == 1:
        return np.ones(1)
    whole = values[len(values) % season :]
    means = np.roll(whole.reshape(-1, season).mean(axis=0), len(values) % season)
    return _against(means, means.mean())


def _year_indices(values: Floats, year: int, season: int) -> Floats:
    """What each place in a year brings against the mean of its year, smoothed over neighbours and shrunken [year]."""
    years = len(values) // year
    last = values[len(values) - years * year :].reshape(years, year)
    ratios = np.stack([_against(row, row.mean()) for row in last])
    half = {12: 0}.get(year, 2) if season == 1 else 2 * season
    window = 2 * half + 1
    smooth = np.stack(
        [np.convolve(np.pad(row, half, mode="wrap"), np.ones(window) / window, "valid") for row in ratios]
    )
    index = 1 + (smooth.mean(axis=0) - 1) * years / (years + 1)
    return np.roll(np.maximum(index, 0.1), (len(values) - years * year) % year)


def _against(values: Floats, mean: float) -> Floats:
    return np.maximum(values / mean, 0.1) if mean > 0 else np.ones(len(values))
