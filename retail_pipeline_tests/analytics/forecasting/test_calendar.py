"""Open days and holidays as known on an earlier day, and the periods and origins they make."""

import numpy as np
import pandas as pd
import pytest

from retail_pipeline.analytics.forecasting.backtest import Plan
from retail_pipeline.analytics.forecasting.shop import TOTAL, Shop, grouped, plan_of
from retail_pipeline.analytics.forecasting.trading_calendar import ShopCalendar
from retail_pipeline_tests.analytics.forecasting.histories import MONDAY, shop_of


def closing(days: int, *, on: tuple[str, ...] = (), weekday: int | None = 5) -> Shop:
    """A shop that sells 100 a day, but not on a weekday and some dates."""
    dates = pd.date_range(MONDAY, periods=days)
    values = np.full(days, 100.0)
    values[np.isin(dates.dayofweek, [] if weekday is None else [weekday])] = 0.0
    values[dates.isin(pd.DatetimeIndex(on))] = 0.0
    return shop_of(values)


def calendar_of(shop: Shop, ahead: int = 120) -> ShopCalendar:
    return ShopCalendar(shop.days, shop.total, shop.has_sales, shop.country, ahead)


def test_a_weekday_without_trade_is_in_no_day_of_the_grid() -> None:
    calendar = calendar_of(closing(70))
    grid = calendar.grid("day")
    assert (grid.periods.dayofweek != 5).all()
    assert grid.known == 60
    assert calendar.traded_weekdays.sum() == 6


def test_a_holiday_on_which_the_shop_was_closed_is_closed_when_it_comes_again() -> None:
    christmas = ("2022-12-25", "2022-12-26", "2022-12-27")
    calendar = calendar_of(closing(700, on=christmas, weekday=None))
    known = 690
    is_open = pd.Series(calendar.open_days(known), index=calendar.days)
    assert calendar.days[known] < pd.Timestamp("2023-12-24")
    assert not is_open["2023-12-25":"2023-12-27"].any()
    assert is_open["2023-12-24"]
    assert is_open["2023-12-28"]


def test_nobody_knows_of_a_closed_holiday_before_its_first_one() -> None:
    calendar = calendar_of(closing(400, on=("2022-12-25", "2022-12-26"), weekday=None))
    before = int((calendar.days < "2022-12-01").sum())
    is_open = pd.Series(calendar.open_days(before), index=calendar.days)
    assert is_open["2022-12-25":"2022-12-26"].all()


def test_a_holiday_counts_half_of_what_it_did_once() -> None:
    shop = closing(500, weekday=None)
    values = shop.total.copy()
    values[shop.days.get_loc(pd.Timestamp("2022-11-25"))] = 400.0  # Black Friday
    calendar = ShopCalendar(shop.days, values, shop.has_sales, "United Kingdom", 400)
    effect = pd.Series(calendar.effects(len(shop.days)), index=calendar.days)
    assert effect["2023-11-24"] == pytest.approx(2.0)  # the square root of four times
    assert effect["2023-11-08"] == 1.0
    before = int((calendar.days < "2022-11-20").sum())
    assert (calendar.effects(before) == 1.0).all()


def test_what_comes_after_an_origin_changes_nothing_of_what_was_known_of_its_calendar() -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(20, 5, 500)
    dates = pd.date_range(MONDAY, periods=500)
    after = int((dates <= pd.Timestamp("2022-11-27")).sum())  # Black Friday is two days ago
    changed = values.copy()
    changed[after:] *= 3
    for one, other in zip(shop_of(values).series(3, 39), shop_of(changed).series(3, 39), strict=True):
        for origin in range(1, len(one.values)):
            if one.grid.days_before(origin) <= after:
                seen, same = one.past(origin), other.past(origin)
                assert np.array_equal(seen.holidays, same.holidays)
                assert np.array_equal(seen.trading, same.trading)
                assert np.array_equal(seen.values, same.values)


def test_a_month_has_as_much_trade_as_its_open_days() -> None:
    shop = closing(420, weekday=6)
    calendar = calendar_of(shop)
    grid = calendar.grid("month", shop.periods["month"])
    plain, _ = calendar.weights(grid, grid.known)
    days = [int((pd.date_range(first, first + pd.offsets.MonthEnd(0)).dayofweek != 6).sum()) for first in grid.periods]
    assert plain / plain[0] == pytest.approx(np.array(days) / days[0])
    assert plain[: grid.known].mean() == pytest.approx(1.0)


def test_a_weekday_counts_by_what_it_brings() -> None:
    days = pd.date_range(MONDAY, periods=280)
    values = np.where(days.dayofweek == 4, 300.0, 100.0)
    shop = shop_of(values)
    calendar = calendar_of(shop)
    grid = calendar.grid("month", shop.periods["month"])
    plain, _ = calendar.weights(grid, grid.known)
    sums = grid.sums(values)[: grid.known]
    assert plain[: grid.known] / plain[0] == pytest.approx(sums / sums[0])


def test_a_shop_that_seldom_sells_is_not_thought_closed() -> None:
    values = np.zeros(200)
    values[::23] = 50.0
    calendar = calendar_of(shop_of(values))
    assert calendar.traded_weekdays.all()
    assert calendar.open_days(200).all()


def test_periods_to_come_follow_the_last_whole_one_and_are_whole() -> None:
    shop = closing(400)
    for one in shop.series(3, 10):
        until = one.grid.known + one.horizon
        assert len(one.grid.periods) >= until, one.frequency
        assert len(one.past(one.grid.known).trading) == until
        if one.frequency == "day":
            assert one.grid.periods[one.grid.known] > shop.days[-1]
    weeks = next(one for one in shop.series(3, 10) if one.frequency == "week")
    assert (np.diff(weeks.grid.periods) == np.timedelta64(7, "D")).all()


def test_values_of_periods_are_the_sums_of_their_days() -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(2, 50, 400)
    shop = shop_of(values)
    by_day = pd.Series(values, index=shop.days)
    for one in shop.series(3, 10):
        for first, value in zip(one.grid.periods[:5], one.values[:5], strict=True):
            last = {"day": first, "week": first + pd.Timedelta(days=6), "month": first + pd.offsets.MonthEnd(0)}
            assert value == pytest.approx(by_day[first : last[one.frequency]].sum(), abs=1e-4)


def test_models_see_the_latest_years_alone() -> None:
    values = np.arange(1.0, 5 * 365 + 1)
    (by_day,) = [one for one in shop_of(values).series(3, 4) if one.frequency == "day"]
    past = by_day.past(1_500)
    assert past.n == 3 * 364
    assert past.values[-1] == 1_500.0
    assert past.horizon == by_day.horizon
    assert past.calendar[past.n, 0] == by_day.grid.periods[1_500].dayofweek


def test_a_yearly_season_asks_for_two_years_and_models_of_it_for_origins_after_them() -> None:
    assert plan_of("month", 23, 1, 3, 40)[1] == 0
    assert plan_of("month", 24, 1, 3, 40) == (Plan(13, 1, 40, 3), 1)
    assert plan_of("month", 32, 1, 3, 40)[1] == 1
    assert plan_of("month", 33, 1, 3, 40) == (Plan(24, 1, 40, 3), 2)
    assert plan_of("week", 103, 1, 13, 40)[1] == 0
    assert plan_of("week", 104, 1, 13, 40)[1] == 1
    assert plan_of("day", 300, 6, 78, 40) == (Plan(48, 6, 40, 78), 0)


def test_parts_are_grouped_by_their_dimension() -> None:
    assert grouped([TOTAL, "country:A", "country:B: C", "channel:A"]) == [[1, 2], [3]]


def test_a_country_has_holidays_of_its_own() -> None:
    rng = np.random.default_rng(2)
    values = rng.gamma(20, 5, 800)
    parts = {"country:Germany": values / 4, "country:United Kingdom": 3 * values / 4, "channel:web": values}
    shop = shop_of(values, parts=parts)
    calendars = {one.name: one.calendar for one in shop.series(3, 4)}
    assert calendars["country:United Kingdom"] is calendars[TOTAL]
    assert calendars["channel:web"] is calendars[TOTAL]
    unity = pd.Timestamp("2023-10-03")
    assert calendars["country:Germany"].occasion[unity] is not None
    assert calendars[TOTAL].occasion[unity] is None
