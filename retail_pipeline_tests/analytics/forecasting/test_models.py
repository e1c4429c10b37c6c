"""Models: exact where arithmetic tells what they say, held against properties and libraries elsewhere."""

import numpy as np
import pytest

from retail_pipeline.analytics.forecasting import candidates
from retail_pipeline.analytics.forecasting.boosting import Boosting
from retail_pipeline.analytics.forecasting.candidates import (
    ALL,
    BY_NAME,
    COMBINATION,
    MEMBERS,
    NAMES,
    forecasts,
    tunings,
)
from retail_pipeline.analytics.forecasting.library_models import Arima, AutoArima, AutoEts, Theta
from retail_pipeline.analytics.forecasting.plain_models import (
    Drift,
    LastYearsShape,
    Naive,
    Regression,
    SeasonalNaive,
)
from retail_pipeline.analytics.forecasting.series import Forecast, Past, Tuning
from retail_pipeline_tests.analytics.forecasting.histories import past_of


def told(model, past):  # type: ignore[no-untyped-def]
    found = model.forecast(past, model.tune(past))
    assert found is not None
    return found


def test_naive_repeats_the_last_value_and_spreads_with_the_root_of_time() -> None:
    found = told(Naive(), past_of(np.array([1.0, 3.0, 2.0, 4.0]), 4))
    assert found.mean.tolist() == [4.0] * 4
    # squared steps 4, 1, 4 have the mean 3
    assert found.sd == pytest.approx(np.sqrt(3.0 * np.array([1, 2, 3, 4])))


def test_seasonal_naive_repeats_the_last_season() -> None:
    found = told(SeasonalNaive(), past_of(np.array([1.0, 2.0, 3.0, 5.0, 4.0, 3.0]), 5, season=3, year=156))
    assert found.mean.tolist() == [5.0, 4.0, 3.0, 5.0, 4.0]
    # errors 4, 2, 0: the mean of their squares is 20/3, doubled in the second season
    assert found.sd == pytest.approx(np.sqrt(20 / 3 * np.array([1, 1, 1, 2, 2])))


def test_seasonal_naive_of_months_looks_a_year_back_only_where_one_is_known() -> None:
    values = np.arange(24.0)
    assert told(SeasonalNaive(), past_of(values, 2)).mean.tolist() == [23.0, 23.0]
    assert told(SeasonalNaive(), past_of(values, 2, years_known=1)).mean.tolist() == [12.0, 13.0]


def test_drift_goes_on_along_the_line_from_first_to_last() -> None:
    found = told(Drift(), past_of(np.array([1.0, 5.0, 7.0]), 3))
    assert found.mean == pytest.approx([10.0, 13.0, 16.0])


def test_a_closed_period_brings_nothing_and_does_not_count_as_a_bad_one() -> None:
    trading = np.ones(12)
    trading[[4, 9]] = 0.0
    values = np.array([10.0, 10.0, 10.0, 10.0, 0.0, 10.0, 10.0, 10.0])
    past = past_of(values, 4, trading=trading)
    for model in (Naive(), SeasonalNaive(), Drift(), Theta(), AutoEts(), AutoArima()):
        found = told(model, past)
        assert found.mean == pytest.approx([10.0, 0.0, 10.0, 10.0], abs=1e-6), model.name
        assert found.sd[1] == 0.0


def test_a_short_month_is_forecast_in_proportion_to_its_trade() -> None:
    trading = np.array([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.8, 0.6])
    past = past_of(100 * trading[:8], 2, trading=trading)
    for model in (Naive(), Drift(), Theta(), AutoEts()):
        assert told(model, past).mean == pytest.approx([80.0, 60.0], rel=1e-6), model.name


def test_the_regression_finds_the_line_that_made_a_series() -> None:
    trading = 1 + 0.1 * np.sin(np.arange(43))
    values = 50 + 2 * np.arange(40) + 30 * trading[:40]
    found = told(Regression(), past_of(values, 3, trading=trading))
    assert found.mean == pytest.approx(50 + 2 * np.arange(40, 43) + 30 * trading[40:], rel=1e-6)


def test_shrunken_indices_go_half_of_the_way_after_one_year() -> None:
    year = np.array([0.5, 1.0, 1.5, 1.0] * 3)
    found = told(LastYearsShape(), past_of(100 * year, 4, years_known=1))
    level = found.mean[1]  # of index 1
    assert found.mean / level == pytest.approx([0.75, 1.0, 1.25, 1.0])


def test_shrunken_indices_of_equal_years_grow_towards_what_was() -> None:
    year = np.array([0.5, 1.0, 1.5, 1.0] * 3)
    found = told(LastYearsShape(), past_of(np.tile(100 * year, 3), 4, years_known=2))
    assert found.mean / found.mean[1] == pytest.approx([0.625, 1.0, 1.375, 1.0])


def test_no_yearly_season_is_told_of_before_a_year_is_known() -> None:
    values = np.tile([10.0, 30.0, 20.0, 40.0, 10.0, 50.0, 20.0, 30.0, 10.0, 20.0, 30.0, 20.0], 2)
    past = past_of(values, 12)
    assert LastYearsShape().forecast(past, {}) is None
    assert past.length == 1
    for model in (Theta(), AutoEts(), SeasonalNaive()):
        assert np.ptp(np.diff(told(model, past).mean)) < 1e-6, model.name  # a line


def test_theta_and_auto_ets_are_those_of_the_library() -> None:
    from statsforecast.models import AutoETS
    from statsforecast.models import Theta as Method

    values = np.random.default_rng(1).gamma(20, 5, 60)
    past = past_of(values, 6, season=6, year=312)
    assert told(Theta(), past).mean == pytest.approx(Method(season_length=6).forecast(values, 6)["mean"])
    assert told(AutoEts(), past).mean == pytest.approx(AutoETS(season_length=6).forecast(values, 6)["mean"], rel=1e-4)


def test_auto_arima_keeps_the_orders_it_was_tuned_to() -> None:
    from statsforecast.models import ARIMA

    values = np.cumsum(np.random.default_rng(2).normal(1, 3, 80)) + 100
    past = past_of(values, 5)
    tuning = AutoArima().tune(past)
    assert set(tuning) == {"order", "seasonal", "mean", "drift"}
    found = AutoArima().forecast(past, {**tuning, "order": [0, 1, 0], "mean": False, "drift": True})
    assert found is not None
    walk = ARIMA(order=(0, 1, 0), include_drift=True, include_mean=False).forecast(values, 5)["mean"]
    assert found.mean == pytest.approx(walk)
    assert found.mean == pytest.approx(told(Drift(), past).mean, rel=1e-6)  # a walk with drift is that line


def test_the_airline_model_without_season_is_exponential_smoothing() -> None:
    values = 100 + np.random.default_rng(3).normal(0, 5, 60)
    found = told(Arima(), past_of(values, 4))
    assert np.ptp(found.mean) < 1e-6
    assert (np.diff(found.sd) >= 0).all()


def test_boosting_learns_the_weekdays_of_a_series_that_has_doubled() -> None:
    week = np.array([10.0, 20.0, 30.0, 20.0, 10.0, 60.0])
    noise = np.random.default_rng(6).normal(1, 0.05, 180)
    values = np.tile(week, 30) * np.linspace(1, 2, 180) * noise
    found = told(Boosting(), past_of(values, 6, season=6, year=312))
    assert found.mean == pytest.approx(2 * week, rel=0.2)


def test_a_shop_that_shrinks_is_expected_to_sell_nothing_and_not_less() -> None:
    falls = past_of(np.array([70.0, 60, 50, 40, 30, 20, 10]), 3)
    assert forecasts(falls, ("drift",), {})["drift"].mean.tolist() == [0.0, 0.0, 0.0]
    gives_back = past_of(np.array([70.0, 50, 30, 10, -10, -30]), 2)
    assert forecasts(gives_back, ("drift",), {})["drift"].mean.tolist() == pytest.approx([-50.0, -70.0])


def test_a_model_that_says_no_number_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Drift):
        def forecast(self, past: Past, tuning: Tuning) -> Forecast:
            return Forecast(np.ones(past.horizon), np.full(past.horizon, np.nan))

    monkeypatch.setattr(candidates, "BY_NAME", {**BY_NAME, "drift": Broken()})
    assert list(forecasts(past_of(np.arange(12.0), 3), ("naive", "drift"), {})) == ["naive"]


def test_the_combination_is_the_mean_of_its_members() -> None:
    values = 100 + 10 * np.sin(np.arange(60)) + np.random.default_rng(4).normal(0, 5, 60)
    past = past_of(values, 5, season=6, year=312)
    found = forecasts(past, NAMES, tunings(past, NAMES))
    members = [found[name].mean for name in MEMBERS if name in found]
    assert len(members) >= 3
    assert found[COMBINATION].mean == pytest.approx(np.mean(members, axis=0))


@pytest.mark.parametrize("name", BY_NAME)
def test_no_model_breaks_on_poor_series(name: str) -> None:
    rng = np.random.default_rng(5)
    series = [
        np.zeros(40), np.full(40, 7.0), np.array([5.0]), np.array([5.0, 6.0, 7.0]), -rng.gamma(2, 10, 40),
        np.where(rng.random(90) < 0.1, rng.gamma(2, 100, 90), 0.0), np.array([0.0] * 39 + [1e9]),
    ]  # fmt: skip
    for values in series:
        for season, years in ((1, 0), (6, 0), (1, 1)):
            past = past_of(values, 13, season=season, year=12 * season, years_known=years)
            found = BY_NAME[name].forecast(past, BY_NAME[name].tune(past))
            if found is not None:
                assert np.isfinite(found.mean).all(), (name, values[:3], season)
                assert np.isfinite(found.sd).all(), (name, values[:3], season)
                assert (found.sd >= 0).all()


def test_a_series_that_a_library_refuses_has_no_forecast_and_stops_nothing() -> None:
    """The library's ETS says 'tiny datasets' of so few values with such a season."""
    past = past_of(np.array([1.0, 2.0, 3.0, 2.0, 1.0, 2.0]), 3, season=3, year=156)
    assert AutoEts().forecast(past, {"form": "MAMN"}) is None
    assert "seasonal_naive" in forecasts(past, NAMES, {})


def test_models_have_names_of_their_own_from_the_plainest_on() -> None:
    names = [model.name for model in ALL]
    assert len(set(names)) == len(names)
    assert names[0] == "seasonal_naive"
