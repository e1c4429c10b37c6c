"""Days on which shops sell more or less than usual, by name: public holidays, Christmas and its days, Black Friday."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CODES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "eire": "IE", "usa": "US", "united states of america": "US",
    "rsa": "ZA", "holland": "NL", "czech republic": "CZ", "korea": "KR", "south korea": "KR", "uae": "AE",
    "channel islands": "JE", "turkey": "TR", "deutschland": "DE", "espana": "ES", "italia": "IT",
}  # fmt: skip
"""Codes (ISO 3166) of countries under names that are not those of the ``holidays`` package."""
SUBDIVISIONS = {"GB": "ENG"}
"""Parts of countries whose holidays count where the country as a whole has few: England's bank holidays."""
CHRISTMAS_DAYS = ((12, 24), (1, 3))
"""First and last day of the days around Christmas and New Year, on which many shops are closed."""
BLACK_FRIDAY_DAYS = (-4, 6)
"""Days from Black Friday, the day after the fourth Thursday of November, that belong to its week."""


def country_code(country: str | None) -> str | None:
    """The code of a country whose holidays are known, else None.

    Examples
    --------
    >>> [country_code(name) for name in ("United Kingdom", "EIRE", "de", "Unspecified", None)]
    ['GB', 'IE', 'DE', None, None]
    """
    from holidays.registry import COUNTRIES

    text = (country or "").strip().lower()
    if text in CODES:
        return CODES[text]
    for name, codes in COUNTRIES.items():
        if text == name.replace("_", " ") or text.upper() in codes[1:3]:
            return str(codes[1])
    return None


def occasions(days: pd.DatetimeIndex, country: str | None) -> "pd.Series[str]":
    """The occasion of each day, missing on usual days; a name is the same each year, by day of a longer occasion."""
    known = _public_holidays(days, country)
    names = [_season_of(day.date()) or known.get(day.date()) for day in days]
    return pd.Series(names, index=days, dtype=object)


def near_occasions(named: "pd.Series[str]") -> NDArray[np.bool_]:
    """Whether a day is an occasion's, or the calendar day before or after one: shops close over bridges too."""
    occasion_days = named.index[named.notna().to_numpy()]
    near = [occasion_days + pd.Timedelta(days=shift) for shift in (-1, 0, 1)]
    return np.asarray(np.logical_or.reduce([named.index.isin(one) for one in near]))


def _public_holidays(days: pd.DatetimeIndex, country: str | None) -> dict[date, str]:
    from holidays import country_holidays

    code = country_code(country)
    if code is None or not len(days):
        return {}
    years = range(days[0].year, days[-1].year + 1)
    return {
        day: name.split(";")[0]
        for day, name in country_holidays(code, subdiv=SUBDIVISIONS.get(code), years=years).items()
    }


def _season_of(day: date) -> str | None:
    if (day.month, day.day) >= CHRISTMAS_DAYS[0] or (day.month, day.day) <= CHRISTMAS_DAYS[1]:
        return f"Christmas days, {day:%d %b}"
    first = date(day.year, 11, 1)
    black_friday = first + timedelta(days=(3 - first.weekday()) % 7 + 22)
    distance = (day - black_friday).days
    if BLACK_FRIDAY_DAYS[0] <= distance <= BLACK_FRIDAY_DAYS[1]:
        return f"Black Friday {distance:+d}" if distance else "Black Friday"
    return None
