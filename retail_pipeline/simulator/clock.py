"""When the shop is busy: days' weights by region, and the way from busy time to store time. No customers here."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.simulator.parameters import Holiday, StoreParameters
from retail_pipeline.simulator.random_numbers import Floats, Integers

SECONDS = 86_400
_MID_MONTHS = np.array([15.5, 45, 74.5, 105, 135.5, 166, 196.5, 227.5, 258, 288.5, 319, 349.5])
MOST_AHEAD = 365
"""Days after the end that weights reach at least."""
_EPOCH = date(1970, 1, 1)
_NOON_PEAK, _EVENING_PEAK = (13.0, 2.5), (18.5, 1.5)


class Clock:
    """Turns *busy time*, in which demand is even, into store time.

    One unit of busy time is an average day at the start; a busy day takes more than one, a quiet one less. Purchase
    processes run in busy time and are mapped here, so season, weekdays, holidays, trend and a region's slump shape
    them all alike. ``days`` are counted from the first day of trade; weights go on beyond the last.
    """

    def __init__(self, parameters: StoreParameters) -> None:
        self.first = (parameters.start - _EPOCH).days
        self.days = parameters.days
        dates = np.datetime64(parameters.start) + np.arange(self.days + max(MOST_AHEAD, parameters.value_days))
        self.weights = _region_weights(parameters, dates)
        self.busy = np.concatenate([np.zeros((len(self.weights), 1)), np.cumsum(self.weights, axis=1)], axis=1)
        seasons = parameters.seasons
        hours = np.linspace(seasons.opening_hour, seasons.closing_hour, 4 * 24 + 1)
        middles = (hours[1:] + hours[:-1]) / 2
        trade = 0.5 + _peak(middles, *_NOON_PEAK) + 0.7 * _peak(middles, *_EVENING_PEAK)
        self._hours = hours
        self._hour_shares = np.concatenate([[0.0], np.cumsum(trade) / trade.sum()])

    def busy_time(self, regions: Integers, days: Floats) -> Floats:
        """The busy time of a point in time, in days since the start, for each region."""
        day = np.minimum(days.astype(np.int64), self.weights.shape[1] - 1)
        return np.asarray(self.busy[regions, day] + (days - day) * self.weights[regions, day])

    def end(self, regions: Integers) -> Floats:
        """The busy time at which trade ends."""
        return np.asarray(self.busy[regions, self.days])

    def store_time(self, regions: Integers, busy: Floats) -> Integers:
        """The second (since 1970, in store time) of each busy time before the end."""
        day = np.zeros(len(busy), dtype=np.int64)
        for region in range(len(self.weights)):
            places = np.flatnonzero(regions == region)
            day[places] = np.searchsorted(self.busy[region], busy[places], side="right") - 1
        day = np.minimum(day, self.days - 1)
        return self.at(day, (busy - self.busy[regions, day]) / self.weights[regions, day])

    def at(self, days: Integers, shares: Floats) -> Integers:
        """The second at which a share of a day's trade is done."""
        second = (np.interp(shares, self._hour_shares, self._hours) * 3600).astype(np.int64)
        last = int(self._hours[-1] * 3600) - 1
        return np.asarray((self.first + days) * SECONDS + np.minimum(second, last))

    def day_of(self, seconds: Integers) -> Integers:
        """The day, counted from the start, of seconds since 1970."""
        return np.asarray(seconds // SECONDS - self.first)

    def day(self, moment: date) -> int:
        """The day, counted from the start, of a date."""
        return (moment - _EPOCH).days - self.first

    def date(self, day: int) -> date:
        """The date of a day counted from the start."""
        return _EPOCH + timedelta(self.first + day)


def month_curve(months: tuple[float, ...], dates: NDArray[np.datetime64]) -> Floats:
    """Weights between those of the middles of months, with a mean of 1 over a year."""
    year = np.arange(365.0)
    weights = np.array(months)
    mean = np.interp(year, _MID_MONTHS, weights, period=365).mean()
    day = (dates - dates.astype("datetime64[Y]")).astype(np.float64)
    return np.asarray(np.interp(day, _MID_MONTHS, weights, period=365) / mean)


def is_holiday(holiday: Holiday, dates: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Whether a day is one of a holiday's."""
    days = np.array([str(day)[5:] for day in dates.astype("datetime64[D]")])
    return np.asarray((days >= holiday.first) & (days <= holiday.last))


def _peak(hours: Floats, at: float, width: float) -> Floats:
    return np.asarray(np.exp(-(((hours - at) / width) ** 2)))


def _region_weights(parameters: StoreParameters, dates: NDArray[np.datetime64]) -> Floats:
    seasons = parameters.seasons
    years = np.arange(len(dates)) / 365.25
    weekdays = np.array(seasons.weekdays) / np.mean(seasons.weekdays)
    common = month_curve(seasons.months, dates) * (1 + seasons.yearly_growth) ** years
    common = common * weekdays[(dates.astype("datetime64[D]").astype(np.int64) + 3) % 7]
    for holiday in seasons.holidays:
        common = common * np.where(is_holiday(holiday, dates), holiday.demand, 1.0)
    weights = np.tile(common, (len(parameters.regions), 1))
    names = [region.name for region in parameters.regions]
    for event in parameters.events:
        if event.kind == "slump":
            during = (dates >= np.datetime64(event.first)) & (dates <= np.datetime64(event.end))
            weights[names.index(str(event.region)), during] *= event.factor
    return weights
