"""Expected ranges: what is planted is found and dated, what recurs is no anomaly, units and order do not matter."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.seasonal import STL

from retail_pipeline.analytics import anomalies
from retail_pipeline.analytics.anomalies import expect_days, judge, trading_days
from retail_pipeline.analytics.expected_ranges import COLUMNS, Limits, expected_ranges

DAYS = pd.date_range("2022-01-03", "2023-12-31")
LIMITS = Limits(0.05, 56, 3)
COUNTRIES = {"total": "United Kingdom", "France": "France", "United Kingdom": "United Kingdom"}
NO_PRODUCTS = pd.DataFrame({"member": [], "category": [], "day": [], "lines": []})
SHARES = {"United Kingdom": 0.7, "France": 0.3}
WEEK = np.array([0.9, 0.85, 0.9, 1.0, 1.2, 1.3, 0.85])


def mean_orders(days: pd.DatetimeIndex, level: float = 80) -> np.ndarray:
    """Expected orders of a growing shop with a week and a year."""
    year = 1 + 0.3 * np.sin(2 * np.pi * (days.dayofyear.to_numpy() - 250) / 365.25)
    return level * WEEK[days.dayofweek] * year * 1.06 ** (np.arange(len(days)) / 365.25)


def shop(
    *, days: pd.DatetimeIndex = DAYS, seed: int = 1, factors: dict[str, Any] | None = None, level: float = 80
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The days of a shop and its two countries; ``factors`` by country (or ``total``) are of each day."""
    rng = np.random.default_rng(seed)
    factors = {"total": 1.0, **(factors or {})}
    parts = []
    for country, share in SHARES.items():
        orders = rng.poisson(mean_orders(days, level) * share * factors["total"] * factors.get(country, 1.0))
        money = np.array([rng.gamma(2.0, 60.0, size).sum() for size in orders]).round(2)
        parts.append(pd.DataFrame({"dimension": "country", "member": country, "day": days, "orders": orders * 1.0,
                                   "lines": np.nan, "net_sales": money}))  # fmt: skip
    countries = pd.concat(parts, ignore_index=True)
    total = countries.groupby("day", as_index=False)[["orders", "net_sales"]].sum()
    total["lines"] = total["orders"] * 3
    total["returns"] = 0.0
    total["avg_order_value"] = total["net_sales"] / total["orders"].where(total["orders"] > 0)
    return total, countries[countries["orders"] > 0]


def ranges(made: tuple[pd.DataFrame, pd.DataFrame], countries: dict[str, str] = COUNTRIES) -> pd.DataFrame:
    return expected_ranges(made[0], made[1], NO_PRODUCTS, countries, LIMITS)


def between(first: str, last: str, factor: float, days: pd.DatetimeIndex = DAYS) -> np.ndarray:
    return np.where((days >= first) & (days <= last), factor, 1.0)


def outside(found: pd.DataFrame, member: str, frequency: str, measure: str = "orders") -> list[str]:
    rows = found[found["is_outside"] & (found["member"] == member) & (found["frequency"] == frequency)]
    return [f"{day:%Y-%m-%d}" for day in rows.loc[rows["measure"] == measure, "period"]]


@pytest.fixture(scope="module")
def quiet() -> pd.DataFrame:
    return ranges(shop())


def test_a_shop_in_which_nothing_happens_is_seldom_outside(quiet: pd.DataFrame) -> None:
    # 10 series of two years bring one false alarm at 0.05 a year; five of them would be a chance of 4 in 1,000
    assert quiet.groupby(["member", "measure", "frequency"]).ngroups == 13
    assert quiet["is_outside"].sum() <= 5


def test_what_is_expected_is_what_orders_were_drawn_about(quiet: pd.DataFrame) -> None:
    rows = quiet[(quiet["member"] == "total") & (quiet["measure"] == "orders") & (quiet["frequency"] == "day")]
    rows = rows[rows["occasion"].isna()].set_index("period")
    off = rows["expected"] / pd.Series(mean_orders(DAYS), index=DAYS).loc[rows.index] - 1
    assert abs(off.median()) < 0.01
    assert np.abs(off).quantile(0.95) < 0.1  # a single day's own noise is 11 %


def test_a_spike_of_a_day_is_found_on_that_day() -> None:
    found = ranges(shop(factors={"total": between("2022-06-15", "2022-06-15", 2.5)}))
    assert "2022-06-15" in outside(found, "total", "day")
    assert "2022-06-15" in outside(found, "total", "day", "net_sales")
    assert not {"2022-06-14", "2022-06-16"} & set(outside(found, "total", "day"))
    # the same days of the next year are not thought to be too low
    assert outside(found, "total", "day") == ["2022-06-15"]


def test_a_slump_of_weeks_in_a_country_is_found_in_its_weeks_and_only_there() -> None:
    found = ranges(shop(factors={"France": between("2023-03-06", "2023-04-02", 0.45)}))
    assert set(outside(found, "France", "week")) == {"2023-03-06", "2023-03-13", "2023-03-20", "2023-03-27"}
    assert outside(found, "United Kingdom", "week") == []
    rows = found[found["is_outside"] & (found["member"] == "France") & (found["frequency"] == "week")]
    orders = rows[rows["measure"] == "orders"]
    assert (orders["value"] / orders["expected"]).mean() == pytest.approx(0.45, abs=0.12)


def test_a_day_without_data_is_an_outage_of_the_shop_and_not_of_its_parts() -> None:
    found = ranges(shop(factors={"total": between("2023-05-16", "2023-05-17", 0.0)}))
    rows = found[found["is_missing_day"]]
    assert set(zip(rows["member"], rows["measure"], rows["period"].dt.day, strict=True)) == {
        ("total", measure, day) for measure in ("orders", "net_sales") for day in (16, 17)
    }
    assert "2023-05-16" not in outside(found, "France", "day")
    # the week's other days are as expected
    assert outside(found, "total", "week") == []


def test_an_outage_does_not_widen_the_range(quiet: pd.DataFrame) -> None:
    found = ranges(shop(factors={"total": between("2023-05-16", "2023-05-20", 0.0)}))
    names = ["dimension", "member", "measure", "frequency", "period"]
    both = quiet.set_index(names).join(found.set_index(names), rsuffix="_after", how="inner").reset_index()
    both = both[(both["measure"] == "orders") & (both["member"] == "total") & (both["frequency"] == "day")]
    assert (both["likely_lower"] >= both["lower"]).all()
    assert (both["likely_upper"] <= both["upper"]).all()
    width, after = both["upper"] - both["lower"], both["upper_after"] - both["lower_after"]
    assert (after / width).median() == pytest.approx(1, abs=0.05)


def test_closed_saturdays_raise_no_alarm() -> None:
    closed = np.where(DAYS.dayofweek == 5, 0.0, 1.0)
    found = ranges(shop(factors={"total": closed}))
    days = found[found["frequency"] == "day"]
    assert not (days["period"].dt.dayofweek == 5).any()
    assert not found["is_missing_day"].any()
    assert found["is_outside"].sum() <= 5


@pytest.mark.parametrize("days", [DAYS, DAYS[: 13 * 30]])
def test_being_closed_for_christmas_raises_no_alarm_even_the_first_time(days: pd.DatetimeIndex) -> None:
    is_closed = [(day.month, day.day) >= (12, 24) or (day.month, day.day) <= (1, 2) for day in days]
    found = ranges(shop(days=days, factors={"total": np.where(is_closed, 0.0, 1.0)}))
    assert not found["is_missing_day"].any()
    near = found["period"].dt.strftime("%m-%d").between("12-10", "12-31") | (found["period"].dt.month == 1)
    assert found.loc[near, "is_outside"].sum() <= 1


def test_fewer_orders_on_a_bank_holiday_are_expected_from_its_other_dates() -> None:
    good_fridays = np.where(DAYS.isin(pd.DatetimeIndex(["2022-04-15", "2023-04-07"])), 0.4, 1.0)
    found = ranges(shop(factors={"total": good_fridays}))
    rows = found[(found["member"] == "total") & (found["measure"] == "orders") & (found["frequency"] == "day")]
    named = rows[rows["occasion"] == "Good Friday"]
    assert len(named) == 2
    assert not named["is_outside"].any()
    fridays = rows[(rows["period"].dt.dayofweek == 4) & rows["occasion"].isna()]["expected"].mean()
    assert (named["expected"] < 0.7 * fridays).all()


def test_a_peak_that_comes_every_year_is_a_season_and_once_it_is_an_anomaly() -> None:
    yearly = between("2022-06-06", "2022-06-26", 1.6) * between("2023-06-05", "2023-06-25", 1.6)
    once = between("2023-06-05", "2023-06-25", 1.6)
    assert len(outside(ranges(shop(factors={"total": yearly})), "total", "week")) <= 1
    assert len(outside(ranges(shop(factors={"total": once})), "total", "week")) >= 2


def test_ten_times_the_money_has_ten_times_the_range() -> None:
    total, parts = shop()
    money = ["net_sales", "avg_order_value", "returns"]
    dear = total.assign(**{name: total[name] * 10 for name in money}), parts.assign(net_sales=parts["net_sales"] * 10)
    one, ten = ranges((total, parts)), ranges(dear)
    times = np.where(one["measure"].isin(money), 10.0, 1.0)
    for name in ("value", "expected", "lower", "upper"):
        np.testing.assert_allclose(ten[name], one[name] * times, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ten["score"], one["score"], rtol=1e-6, atol=1e-6)


def test_order_of_rows_does_not_matter(quiet: pd.DataFrame) -> None:
    total, parts = shop()
    shuffled = ranges((total.sample(frac=1, random_state=1), parts.sample(frac=1, random_state=2)))
    pd.testing.assert_frame_equal(shuffled, quiet)


def test_whole_weeks_later_all_is_the_same_later() -> None:
    """Without a country and away from Christmas and Black Friday, only weekdays matter."""
    days = pd.date_range("2023-01-09", periods=250)
    later = days + pd.Timedelta(weeks=4)
    total, parts = shop(days=days)
    moved = total.assign(day=later), parts.assign(day=parts["day"] + pd.Timedelta(weeks=4))
    one, other = ranges((total, parts), {}), ranges(moved, {})
    pd.testing.assert_frame_equal(one.assign(period=one["period"] + pd.Timedelta(weeks=4)), other)


def test_more_false_alarms_allowed_make_narrower_ranges(quiet: pd.DataFrame) -> None:
    total, parts = shop()
    strict = expected_ranges(total, parts, NO_PRODUCTS, COUNTRIES, Limits(1.0, 56, 3))
    assert (strict["upper"] < quiet["upper"]).all()
    assert (strict["lower"] >= quiet["lower"]).all()
    assert strict["is_outside"].sum() > quiet["is_outside"].sum()


@pytest.mark.parametrize("days", [0, 1, 20, 55])
def test_too_few_days_have_no_ranges(days: int) -> None:
    found = ranges(shop(days=DAYS[:days]))
    assert list(found.columns) == list(COLUMNS)
    assert found.empty


@pytest.mark.parametrize("level", [0.0, 0.05])
def test_a_shop_that_hardly_sells_has_no_ranges_by_day(level: float) -> None:
    found = ranges(shop(level=level))
    assert (found["frequency"] != "day").all()


def test_what_happened_before_a_members_first_sale_is_no_anomaly() -> None:
    found = ranges(shop(factors={"France": between("2022-01-01", "2022-08-31", 0.0)}))
    rows = found[found["member"] == "France"]
    assert rows["period"].min() >= pd.Timestamp("2022-09-01")
    assert outside(found, "France", "day") == []


def test_a_days_return_of_more_than_was_sold_is_far_below_the_range() -> None:
    total, parts = shop()
    place = total.index[total["day"] == "2023-02-14"][0]
    total.loc[place, "net_sales"] = -5_000.0
    found = ranges((total, parts))
    (row,) = found[
        (found["period"] == "2023-02-14") & (found["measure"] == "net_sales") & (found["member"] == "total")
    ].to_dict("records")
    assert row["is_outside"]
    assert row["score"] < -5
    assert row["lower"] < row["expected"] < row["upper"]


def test_a_whole_is_decomposed_as_statsmodels_does_it() -> None:
    days = DAYS[:300]
    value = np.random.default_rng(4).poisson(mean_orders(days)).astype(float)
    found = expect_days(
        days,
        value,
        is_count=False,
        is_known=np.ones(300, dtype=bool),
        occasion=pd.Series(None, index=days, dtype=object),
    )
    level = np.arcsinh(value / (np.median(value) / 10))
    whole = STL(level, period=7, seasonal=35, trend=75, robust=True).fit()
    expected = np.sinh(whole.trend + whole.seasonal) * np.median(value) / 10
    np.testing.assert_allclose(found["expected"], expected, rtol=0.02)


def test_scores_of_a_normal_series_have_the_p_values_of_a_normal_one() -> None:
    rng = np.random.default_rng(3)
    middle = np.full(100_000, 10_000.0)
    value = (100 + rng.normal(size=len(middle))) ** 2
    series = pd.DataFrame({"value": value, "expected": middle, "usual": middle, "spread": 1.0, "is_count": False,
                           "may_be_nothing": False})  # fmt: skip
    judged = judge(series, 0.001)
    np.testing.assert_allclose(judged["score"], np.sqrt(value) - 100, atol=1e-9)
    for level in (0.5, 0.2, 0.05):
        assert (judged["p_value"] < level).mean() == pytest.approx(level, rel=0.05)
    # beyond, an exponential tail errs on the careful side
    assert 0.00001 < (judged["p_value"] < 0.001).mean() < 0.001
    is_outside = (value < judged["lower"]) | (value > judged["upper"])
    assert (is_outside == (judged["p_value"] < 0.001)).all()


def test_a_weekday_counts_as_closed_below_a_share_of_the_weeks() -> None:
    days = DAYS[: 7 * 100]
    is_saturday = days.dayofweek.to_numpy() == 5
    week = np.arange(len(days)) // 7
    share = anomalies.LEAST_TRADED
    often, seldom = (np.where(is_saturday, week < 100 * times * share, True) for times in (1.01, 0.9))
    assert trading_days(days, often).all()
    assert (trading_days(days, seldom) == ~is_saturday).all()


def test_where_all_days_are_alike_rounding_is_no_anomaly_and_a_double_day_is_one() -> None:
    """Ten orders each day at 100/3: trend and week are found in floats, which never give it back exactly."""
    days = pd.date_range("2022-01-03", periods=400)
    total = pd.DataFrame({"day": days, "orders": 10.0, "net_sales": 1000 / 3, "lines": 10.0, "returns": 0.0,
                          "avg_order_value": 100 / 3})  # fmt: skip
    no_parts = shop()[1].head(0)
    assert not ranges((total, no_parts))["is_outside"].any()
    total.loc[200, "net_sales"] *= 2
    assert outside(ranges((total, no_parts)), "total", "day", "net_sales") == [f"{days[200]:%Y-%m-%d}"]


def test_a_shop_without_money_but_with_returns_has_ranges_of_its_orders() -> None:
    total, _ = shop()
    total = total.assign(net_sales=0.0, avg_order_value=0.0, returns=1.0)
    found = ranges((total, shop()[1].head(0)))
    assert {"orders", "returns"} <= set(found["measure"])
