"""Open days, holidays and the like: how much of a usual period's trade each period has, as known on an earlier day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retail_pipeline.analytics.anomalies import trading_days
from retail_pipeline.analytics.forecasting.series import Flags, Floats
from retail_pipeline.analytics.occasions import near_occasions, occasions

DAY, WEEK, MONTH = "day", "week", "month"
FREQUENCIES = (DAY, WEEK, MONTH)
NEIGHBOURS = (-28, -21, -14, -7, 7, 14, 21, 28)
"""Days with which a holiday is compared: the same weekday of the weeks around it."""
MOST_EFFECT = 5.0


@dataclass(frozen=True)
class Grid:
    """The periods of a frequency, in the past and to come.

    Attributes
    ----------
    periods
        First days.
    place
        For each day of the calendar its period's place, -1 for days in none.
    known
        How many periods are past.
    """

    frequency: str
    periods: pd.DatetimeIndex
    place: np.ndarray
    known: int

    def days_before(self, origin: int) -> int:
        """Days of the calendar before the period at a place."""
        at = np.flatnonzero(self.place >= origin)
        return int(at[0]) if len(at) else len(self.place)

    def sums(self, of_days: Floats) -> Floats:
        """Sums by period of a value a day [periods]."""
        inside = self.place[: len(of_days)] >= 0
        return np.bincount(
            self.place[: len(of_days)][inside], weights=of_days[inside], minlength=len(self.periods)
        ).astype(np.float64)


class ShopCalendar:
    """The days of a shop's past and of the time to come.

    Parameters
    ----------
    days
        Whole days of the past, without gaps.
    values
        Net sales of each, of the series whose holidays are learned: the shop's, or a country's.
    has_sales
        Whether the shop sold anything.
    country
        Whose public holidays count, None if that is not known.
    ahead
        Days to come.
    """

    def __init__(
        self, days: pd.DatetimeIndex, values: Floats, has_sales: Flags, country: str | None, ahead: int
    ) -> None:
        self.days = pd.date_range(days[0], periods=len(days) + ahead)
        self.known = len(days)
        self._values = values
        self._weekday = self.days.dayofweek.to_numpy()
        traded = trading_days(days, has_sales)
        if not traded.any():  # it sells too seldom for a day without sales to tell of a closed shop
            traded, has_sales = np.ones(len(days), dtype=np.bool_), np.ones(len(days), dtype=np.bool_)
        self.traded_weekdays = np.isin(np.arange(7), self._weekday[: self.known][traded])
        named = occasions(self.days, country)
        self.occasion = named
        self._code, _ = pd.factorize(named)
        is_closed = ~has_sales & near_occasions(named)[: self.known]
        self.is_open = has_sales & traded
        """Days of the past on which there was trade."""
        self._is_closed = is_closed
        self._usual = self._compare(0, self.known)

    def _compare(self, first: int, known: int) -> Floats:
        """What days from one place on would have brought as usual ones, by the same weekday around them; else unknown.

        No day after the ``known`` ones has a say.
        """
        reach = NEIGHBOURS[-1]
        start = max(first - reach, 0)
        plain = self.is_open[start:known] & (self._code[start:known] < 0)
        padded = np.full(known - first + 2 * reach, np.nan)
        padded[start - first + reach : known - first + reach] = np.where(plain, self._values[start:known], np.nan)
        around = np.stack([padded[reach + step : reach + step + known - first] for step in NEIGHBOURS])
        usual = np.full(known - first, np.nan)
        some = np.isfinite(around).any(axis=0)
        usual[some] = np.nanmedian(around[:, some], axis=0)
        return usual

    def grid(self, frequency: str, periods: pd.DatetimeIndex | None = None) -> Grid:
        """The periods of a frequency: trading weekdays, or the weeks or months that begin on these whole ``periods``.

        Those that hold days to come follow, as far as they are whole.
        """
        if frequency == DAY:
            traded = self.traded_weekdays[self._weekday]
            place = np.where(traded, np.cumsum(traded) - 1, -1)
            return Grid(frequency, self.days[traded], place, int(traded[: self.known].sum()))
        assert periods is not None
        step = pd.Timedelta(days=7) if frequency == WEEK else pd.DateOffset(months=1)
        starts = list(periods)
        while starts[-1] + 2 * step <= self.days[-1] + pd.Timedelta(days=1):
            starts.append(starts[-1] + step)
        ends = starts[-1] + step
        index = pd.DatetimeIndex(starts)
        place = index.searchsorted(self.days, side="right") - 1
        place[(self.days < index[0]) | (self.days >= ends)] = -1
        return Grid(frequency, index, place, len(periods))

    def open_days(self, known: int) -> Flags:
        """Whether the shop trades on each day, as known after so many: past days did or did not.

        To come it is closed on the weekdays on which it does not trade, and on an occasion on whose last date it was.
        """
        is_open = self.traded_weekdays[self._weekday].copy()
        is_open[:known] = self.is_open[:known]
        last_closed = np.zeros(self._code.max(initial=-1) + 1, dtype=np.bool_)
        past = np.flatnonzero(self._code[:known] >= 0)
        last_closed[self._code[past]] = self._is_closed[past]  # the latest date of each is written last
        later = np.arange(len(self.days)) >= known
        named = later & (self._code >= 0)
        is_open[named] &= ~last_closed[self._code[named]]
        return np.asarray(is_open)

    def effects(self, known: int) -> Floats:
        """By how much each day's occasion lifts it, as known after so many days; 1 on usual days.

        It is what its earlier dates brought, against the same weekday around them, shrunken towards 1: with n dates
        the logarithm counts n / (n+1).
        """
        late = max(known - NEIGHBOURS[-1], 0)
        code, usual = self._code[:known], np.concatenate([self._usual[:late], self._compare(late, known)])
        comparable = (code >= 0) & self.is_open[:known] & (usual > 0)
        count = self._code.max(initial=-1) + 1
        brought = np.bincount(code[comparable], weights=self._values[:known][comparable], minlength=count)
        expected = np.bincount(code[comparable], weights=usual[comparable], minlength=count)
        dates = np.bincount(code[comparable], minlength=count)
        ratio = np.where(expected > 0, brought / np.where(expected > 0, expected, 1.0), 1.0)
        factor = np.clip(ratio, 1 / MOST_EFFECT, MOST_EFFECT) ** (dates / (dates + 1.0))
        effect = np.ones(len(self.days))
        named = self._code >= 0
        effect[named] = factor[self._code[named]]
        return effect

    def weights(self, grid: Grid, origin: int) -> tuple[Floats, Floats]:
        """How much of a usual period's trade each period has, without and with holidays, as known at an origin.

        Days count by what their weekday brings, of a usual period 1; days of the grid of days by being open alone.
        """
        known = min(grid.days_before(origin), self.known)
        is_open = self.open_days(known).astype(np.float64)
        lifted = is_open * self.effects(known)
        if grid.frequency == DAY:
            return grid.sums(is_open), grid.sums(lifted)
        by_weekday = self._weekday_means(known)[self._weekday]
        plain, holidays = grid.sums(is_open * by_weekday), grid.sums(lifted * by_weekday)
        past = plain[:origin]
        usual = past[past > 0].mean() if np.any(past > 0) else 1.0
        return plain / usual, holidays / usual

    def _weekday_means(self, known: int) -> Floats:
        """What an open day brings by weekday; the same for all if one brings nothing."""
        is_open = self.is_open[:known]
        days = np.bincount(self._weekday[:known][is_open], minlength=7)
        brought = np.bincount(self._weekday[:known][is_open], weights=self._values[:known][is_open], minlength=7)
        traded = self.traded_weekdays
        means = np.where(days > 0, brought / np.maximum(days, 1), 0.0)
        if np.any(means[traded] <= 0):
            return np.ones(7)
        return means

    def calendar(self, grid: Grid) -> Floats:
        """Weekday, month and length of each period [periods, 3]."""
        lengths = grid.sums(np.ones(len(self.days)))
        return np.column_stack([grid.periods.dayofweek, grid.periods.month, lengths]).astype(np.float64)
