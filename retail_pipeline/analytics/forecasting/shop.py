"""A shop's series by day, week and month: the whole and its parts, with the calendar that all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retail_pipeline.analytics.forecasting.backtest import Plan
from retail_pipeline.analytics.forecasting.series import Flags, Floats, Past
from retail_pipeline.analytics.forecasting.trading_calendar import DAY, FREQUENCIES, MONTH, WEEK, Grid, ShopCalendar
from retail_pipeline.analytics.occasions import country_code

TOTAL, OTHERS = "total", "(others)"
DAYS_A_MONTH = 365.25 / 12
LEAST_PERIODS: Mapping[str, int] = {DAY: 8, WEEK: 13, MONTH: 6}
"""Periods before the first origin where no yearly season is told (of days, weeks of them)."""
WANTED_ORIGINS: Mapping[str, int] = {DAY: 26, WEEK: 26, MONTH: 9}
"""Origins that must be left over for models to have a whole year, or two, before the first."""
MOST_YEARS: Mapping[str, int] = {DAY: 3, WEEK: 8, MONTH: 20}
"""Years of the past that models see: what is older says little, and takes long."""
DIGITS = 4
"""Of money: sums of floats are rounded to what it is kept in."""


@dataclass(frozen=True)
class ShopSeries:
    """A series of a frequency: its whole periods, and what is known of those to come."""

    name: str
    frequency: str
    values: Floats
    grid: Grid
    calendar: ShopCalendar
    horizon: int
    years_known: int
    plan: Plan

    @property
    def season(self) -> int:
        """Trading days in a week, for days; else 1."""
        return int(self.calendar.traded_weekdays.sum()) if self.frequency == DAY else 1

    @property
    def year(self) -> int:
        """Periods in a year."""
        return periods_a_year(self.frequency, self.season)

    @property
    def is_positive(self) -> bool:
        """Whether no period was ever below zero."""
        return bool((self.values >= 0).all())

    def past(self, origin: int) -> Past:
        """What was known at an origin, of the latest years."""
        seen = slice(max(origin - MOST_YEARS[self.frequency] * self.year, 0), origin + self.horizon)
        trading, holidays = self.calendar.weights(self.grid, origin)
        calendar = self.calendar.calendar(self.grid)[seen]
        values = self.values[seen.start : origin]
        return Past(values, trading[seen], holidays[seen], calendar, self.season, self.year, self.years_known)


@dataclass(frozen=True)
class Shop:
    """What is known of a shop's days.

    Attributes
    ----------
    days
        Whole days, from the first with sales on, without gaps.
    total, has_sales
        Net sales, and whether anything was sold [days].
    parts
        Net sales by series, as in ``country:France`` [days].
    periods
        Whole weeks and months, by frequency.
    country
        The one that sells most, whose holidays count.
    """

    days: pd.DatetimeIndex
    total: Floats
    has_sales: Flags
    parts: Mapping[str, Floats]
    periods: Mapping[str, pd.DatetimeIndex]
    country: str | None

    def series(self, months: int, most_origins: int) -> list[ShopSeries]:
        """All series of all frequencies that have a whole period, the total first."""
        ahead = 31 * (months + 1) + 7
        calendar = ShopCalendar(self.days, self.total, self.has_sales, self.country, ahead)
        all_values = {TOTAL: self.total, **self.parts}
        calendars = {name: self._own_calendar(name, values, calendar, ahead) for name, values in all_values.items()}
        found = []
        for frequency in FREQUENCIES:
            periods = self.periods.get(frequency)
            if frequency != DAY and (periods is None or not len(periods)):
                continue
            for name, values in all_values.items():
                own = calendars[name]
                grid = own.grid(frequency, periods)
                sums = np.round(grid.sums(values)[: grid.known], DIGITS)
                found.append(series_of(name, sums, grid, own, months, most_origins))
        return found

    def _own_calendar(self, name: str, values: Floats, calendar: ShopCalendar, ahead: int) -> ShopCalendar:
        """The shop's calendar; of a country with holidays of its own one with these."""
        dimension, _, member = name.partition(":")
        code = country_code(member) if dimension == "country" else None
        if code is None or code == country_code(self.country):
            return calendar
        return ShopCalendar(self.days, values, self.has_sales, member, ahead)


def series_of(
    name: str, values: Floats, grid: Grid, calendar: ShopCalendar, months: int, most_origins: int
) -> ShopSeries:
    """A series with where its origins lie, by how much history there is."""
    season = int(calendar.traded_weekdays.sum()) if grid.frequency == DAY else 1
    horizon = horizon_of(grid.frequency, months, season)
    plan, years_known = plan_of(grid.frequency, len(values), season, horizon, most_origins)
    return ShopSeries(name, grid.frequency, values, grid, calendar, horizon, years_known, plan)


def horizon_of(frequency: str, months: int, season: int) -> int:
    """Periods in so many months.

    Examples
    --------
    >>> horizon_of("month", 3, 1), horizon_of("week", 3, 1), horizon_of("day", 3, 6)
    (3, 13, 78)
    """
    if frequency == MONTH:
        return months
    weeks = round(months * DAYS_A_MONTH / 7)
    return weeks * season if frequency == DAY else weeks


def periods_a_year(frequency: str, season: int) -> int:
    """Periods in a year.

    Examples
    --------
    >>> periods_a_year("month", 1), periods_a_year("week", 1), periods_a_year("day", 6)
    (12, 52, 312)
    """
    return {DAY: 52 * season, WEEK: 52, MONTH: 12}[frequency]


def plan_of(frequency: str, periods: int, season: int, horizon: int, most_origins: int) -> tuple[Plan, int]:
    """Where origins lie, and how many whole years there are before the first (2 for all from 2 on).

    With less than two years no yearly season is told of.

    Examples
    --------
    >>> plan_of("month", 12, 1, 3, 40), plan_of("month", 24, 1, 3, 40)[1], plan_of("month", 36, 1, 3, 40)[1]
    ((Plan(first=6, step=1, most=40, horizon=3), 0), 1, 2)
    """
    year, step = periods_a_year(frequency, season), season if frequency == DAY else 1
    for first, years in ((2 * year, 2), (year + 1, 1)):
        if periods >= 2 * year and (periods - 1 - first) // step + 1 >= WANTED_ORIGINS[frequency]:
            return Plan(first, step, most_origins, horizon), years
    return Plan(LEAST_PERIODS[frequency] * (season if frequency == DAY else 1), step, most_origins, horizon), 0


def grouped(names: Sequence[str]) -> list[list[int]]:
    """The places of the series of each dimension, among all."""
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if name != TOTAL:
            groups.setdefault(name.partition(":")[0], []).append(place)
    return list(groups.values())
