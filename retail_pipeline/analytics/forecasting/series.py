"""What a model sees of a series, and what it says of the periods to come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Tuning = Mapping[str, Any]
"""What a model looks for once and not anew at each origin, such as the order of an ARIMA; as JSON holds it."""
LEAST_WEIGHT = 0.25
"""Periods with less trade than this share of a usual one say too little of what a whole one brings."""
WEEKDAY, MONTH_OF_YEAR, LENGTH = range(3)
"""Columns of a period's calendar: the weekday of a day (0 Monday), the month (1 to 12), its length in days."""


@dataclass(frozen=True)
class Past:
    """A series until an origin, and the calendar of the periods before and after it.

    Attributes
    ----------
    values
        What was booked [periods until the origin].
    trading
        How much of a usual period's trade each one has, by its open days [all periods]; 0 where the shop is closed.
    holidays
        The same with what holidays and the like did in other years.
    calendar
        Weekday, month and length [all periods, 3].
    season
        Periods in the short season that all know: trading days in a week, for days; 1 for weeks and months.
    year
        Periods in a year.
    years_known
        Whole years there were before the first origin: of the yearly season models speak from 2 on, and only what last
        year brought is told from 1 on.
    """

    values: Floats
    trading: Floats
    holidays: Floats
    calendar: Floats
    season: int
    year: int
    years_known: int

    @property
    def n(self) -> int:
        """Periods until the origin."""
        return len(self.values)

    @property
    def horizon(self) -> int:
        """Periods after it."""
        return len(self.trading) - self.n

    @property
    def lag(self) -> int:
        """How many periods back the seasonal naive looks: a week for days, else a year, else 1."""
        return naive_lag(self.season, self.year, self.years_known)

    @property
    def length(self) -> int:
        """The season that models of one season are fitted with; 1 if there is none."""
        if self.season > 1:
            return self.season
        return self.year if self.years_known >= 2 else 1

    @property
    def is_positive(self) -> bool:
        """Whether no period was ever below zero."""
        return bool((self.values >= 0).all())

    @property
    def is_empty(self) -> bool:
        """Whether there was never anything."""
        return not np.any(self.values)

    def even(self, *, holidays: bool = False) -> Floats:
        """What periods would have brought with usual trade; what closed ones would have is filled in.

        Filled in is the value a season before (after, at the start), or what lies between the neighbours.
        """
        weights = (self.holidays if holidays else self.trading)[: self.n]
        kept = weights >= LEAST_WEIGHT
        if not kept.any():
            return self.values.copy()
        even = np.where(kept, self.values / np.where(kept, weights, 1.0), np.nan)
        if self.season > 1:
            for place in np.flatnonzero(~kept):
                if place >= self.season:
                    even[place] = even[place - self.season]
            for place in np.flatnonzero(np.isnan(even))[::-1]:
                if place + self.season < self.n:
                    even[place] = even[place + self.season]
        known = np.isfinite(even)
        return np.asarray(np.interp(np.arange(self.n), np.flatnonzero(known), even[known]))

    def uneven(self, mean: Floats, sd: Floats, *, holidays: bool = False) -> "Forecast":
        """A forecast of periods of usual trade as one of those that come."""
        weights = (self.holidays if holidays else self.trading)[self.n :]
        return Forecast(mean * weights, sd * weights)


@dataclass(frozen=True)
class Forecast:
    """Expected values and standard deviations by the model itself [horizon]."""

    mean: Floats
    sd: Floats


class Candidate(Protocol):
    """A model that may serve: one small object without state."""

    @property
    def name(self) -> str:
        """As in the tables."""

    def tune(self, past: Past) -> Tuning:
        """What it settles once for a series; empty for most."""

    def forecast(self, past: Past, tuning: Tuning) -> Forecast | None:
        """What it says of the periods after the origin; None if it cannot be fitted to such a series."""


def naive_lag(season: int, year: int, years_known: int) -> int:
    """How many periods back the seasonal naive looks.

    Examples
    --------
    >>> naive_lag(6, 312, 0), naive_lag(1, 12, 1), naive_lag(1, 12, 0)
    (6, 12, 1)
    """
    if season > 1:
        return season
    return year if years_known >= 1 else 1
