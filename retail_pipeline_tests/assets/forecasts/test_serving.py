"""What serves on a night on which more is known than when it was chosen."""

import numpy as np
import pandas as pd

from retail_pipeline.analytics.forecasting.backtest import choose, run
from retail_pipeline.analytics.forecasting.shop import ShopSeries
from retail_pipeline.assets.forecasts.forecast_training import Told
from retail_pipeline.assets.forecasts.revenue import CALENDAR, CONFORMAL, _future, serve
from retail_pipeline_tests.analytics.forecasting.histories import MONDAY, shop_of

NAMES = ("seasonal_naive", "naive", "drift")


def series(values: np.ndarray, frequency: str) -> ShopSeries:
    return next(one for one in shop_of(values).series(3, 20) if one.frequency == frequency)


def tried(one: ShopSeries) -> Told:
    found, tuned = run(one.past, one.values, one.plan, NAMES)
    assert found is not None
    choice = choose(found, tuned)
    about = {"years_known": one.years_known}
    return Told(one.name, one.frequency, choice, NAMES, found.scores(choice.model), about)


def test_a_shop_that_begins_to_open_on_sundays_is_forecast_by_the_choice_made_before() -> None:
    days = pd.date_range(MONDAY, periods=330)
    values = np.random.default_rng(1).gamma(20, 5, 330)
    values[(days.dayofweek == 6) & (days < days[260])] = 0.0
    before, now = series(values[:280], "day"), series(values, "day")
    assert (before.season, now.season) == (6, 7)
    served = serve(now, tried(before))
    assert served is not None
    assert len(served.mean) == now.horizon == 91
    assert served.mean[:7].min() > 0
    assert not np.any(served.sources == CONFORMAL)  # errors of 78 days ahead say nothing of 91
    assert served.widths[0].min() > 0


def test_days_to_come_begin_on_the_day_after_the_last_one_though_the_shop_is_closed_then() -> None:
    days = pd.date_range(MONDAY, periods=279)  # the last is a Saturday
    values = np.where(days.dayofweek == 6, 0.0, np.random.default_rng(3).gamma(20, 5, 279))
    one = series(values, "day")
    served = serve(one, tried(one))
    assert served is not None
    rows = _future(one, served, is_champion=True)
    assert rows["period"].tolist() == pd.date_range(days[-1] + pd.Timedelta(days=1), periods=len(rows)).tolist()
    assert rows["horizon"].tolist() == list(range(1, len(rows) + 1))
    assert (rows["value"].iloc[0], rows["interval_80"].iloc[0]) == (0.0, CALENDAR)
    assert rows["value"].iloc[1] > 0


def test_until_it_is_tried_anew_a_model_knows_of_no_more_years_than_when_it_was_tried() -> None:
    rng = np.random.default_rng(2)
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(7 * 120) / 364)
    values = rng.gamma(50, 2, 7 * 120) * season
    before, now = series(values[: 7 * 100], "week"), series(values, "week")
    assert (before.years_known, now.years_known) == (0, 1)
    told = tried(before)
    served = serve(now, told, baseline=True)
    assert served is not None
    past = now.past(len(now.values))
    # the last week's value, by trade, as in the backtest: not that of a year before
    assert np.allclose(served.mean, past.even()[-1] * past.trading[past.n :])
