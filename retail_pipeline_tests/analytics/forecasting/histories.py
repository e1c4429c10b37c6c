"""Series with calendars, for tests of models and backtests."""

import numpy as np
import pandas as pd

from retail_pipeline.analytics.forecasting.series import Floats, Past
from retail_pipeline.analytics.forecasting.shop import Shop

MONDAY = pd.Timestamp("2022-01-03")


def past_of(
    values: Floats,
    horizon: int,
    *,
    season: int = 1,
    year: int = 12,
    years_known: int = 0,
    trading: Floats | None = None,
) -> Past:
    """A series of periods of usual trade, unless told otherwise."""
    count = len(values) + horizon
    trading = np.ones(count) if trading is None else trading
    place = np.arange(count)
    calendar = np.column_stack([place % max(season, 1), 1 + place % 12, np.full(count, 30.0)]).astype(np.float64)
    return Past(np.asarray(values, dtype=np.float64), trading, trading, calendar, season, year, years_known)


def shop_of(values: Floats, *, first: pd.Timestamp = MONDAY, parts: dict[str, Floats] | None = None) -> Shop:
    """A shop of the United Kingdom with so much net sales a day; it is closed where there are none."""
    days = pd.date_range(first, periods=len(values))
    weeks = [day for day in days[days.dayofweek == 0] if day + pd.Timedelta(days=6) <= days[-1]]
    months = [day for day in days[days.day == 1] if day + pd.offsets.MonthEnd(0) <= days[-1]]
    return Shop(
        days=days,
        total=np.asarray(values, dtype=np.float64),
        has_sales=np.asarray(values) != 0,
        parts=parts or {},
        periods={"week": pd.DatetimeIndex(weeks), "month": pd.DatetimeIndex(months)},
        country="United Kingdom",
    )
