"""Harm done to the tables of forecasts, by the check that must find it."""

MEASURED = (
    "insert into forecasts.backtest by name select 'total' as series, 'month' as frequency, model, metric, "
    "value, 3 as folds, model = 'seasonal_naive' as is_champion, model = 'seasonal_naive' as is_baseline "
    "from (values ('seasonal_naive', 'mase', 1.0), ('seasonal_naive', 'choice_mase', 1.0), ('theta', 'mase', 2.0), "
    "('theta', 'choice_mase', 2.0), ('theta', 'coverage_80', 0.8), ('theta', 'bias', -0.1)) "
    "as told(model, metric, value)"
)
STEP = (
    "insert into forecasts.backtest_horizons by name select 'total' as series, 'month' as frequency, 'theta' as model, "
    "1 as horizon, 1.0 as mase, 3 as folds, false as is_champion, false as is_baseline"
)
HELD = (
    "insert into forecasts.calibration by name select 'total' as series, 'month' as frequency, 'theta' as model, "
    "0.8 as level, 0.7 as coverage"
)
KEPT_BEFORE = (
    "insert into forecasts.archive by name select 'total' as series, 'week' as frequency, period - 28 as origin, "
    "period, 4 as horizon, 'theta' as model, value + 10 as value, value as lower_80, value as upper_80, "
    "value as lower_95, value as upper_95, timestamp '2024-06-01 02:00:00' as made_at, 'run' as run_id, "
    "value as actual, 10.0 as error, 10.0 as scaled_error, true as in_80, true as in_95 from forecasts.revenue "
    "where series = 'total' and frequency = 'week' and kind = 'history' order by period desc limit 4"
)
WATCHED = (
    f"{KEPT_BEFORE}; update forecasts.champions set scale = 1.0, error_mean = 2.0, error_most = 4.0 "
    "where series = 'total' and frequency = 'week'"
)
OF_FRANCE = "where series = 'country:France' and frequency = 'week'"


def _measured(*harm: str) -> list[str]:
    return [f"{MEASURED}; {one}" for one in harm]


CORRUPTIONS: dict[str, list[str]] = {
    "forecasts.champions:key_is_unique": ["insert into forecasts.champions from forecasts.champions limit 1"],
    "forecasts.backtest:key_is_unique": [f"{MEASURED}; {MEASURED}"],
    "forecasts.backtest_horizons:key_is_unique": [f"{STEP}; {STEP}"],
    "forecasts.calibration:key_is_unique": [f"{HELD}; {HELD}"],
    "forecasts.revenue:key_is_unique": ["insert into forecasts.revenue from forecasts.revenue limit 1"],
    "forecasts.backtest:one_champion": _measured(
        "update forecasts.backtest set is_champion = true",
        "update forecasts.backtest set is_champion = false",
        "update forecasts.champions set model = 'theta' where series = 'total' and frequency = 'month'",
    ),
    "forecasts.backtest:measures_can_be": _measured(
        "update forecasts.backtest set folds = 0 where metric = 'mase'",
        "update forecasts.backtest set value = -1 where metric = 'mase'",
        "update forecasts.backtest set value = 1.1 where metric = 'coverage_80'",
        "update forecasts.backtest set value = 'nan'::double where metric = 'bias'",
    ),
    "forecasts.revenue:parts_add_up": [
        f"update forecasts.revenue set value = value + 1 {OF_FRANCE} and kind = 'history'",
        f"update forecasts.revenue set value = value + 1 {OF_FRANCE} and is_champion",
        f"delete from forecasts.revenue {OF_FRANCE} and kind = 'history'",
    ],
    "forecasts.revenue:ranges_hold_the_value": [
        f"update forecasts.revenue set lower_80 = lower_95 - 1 {OF_FRANCE} and is_champion",
        f"update forecasts.revenue set upper_95 = value - 1 {OF_FRANCE} and is_champion",
        f"update forecasts.revenue set upper_95 = null {OF_FRANCE} and is_champion",
        f"update forecasts.revenue set value = 'nan'::double {OF_FRANCE} and is_champion",
    ],
    "forecasts.revenue:forecasts_follow_the_past": [
        f"update forecasts.revenue set period = period - 365 {OF_FRANCE} and is_champion",
        f"update forecasts.revenue set is_champion = false {OF_FRANCE} and is_champion",
    ],
    "forecasts.revenue:past_equals_sales": [
        "update forecasts.revenue set value = value + 1 where series = 'total' and kind = 'history' and "
        "frequency = 'month'",
        "delete from forecasts.revenue where series = 'total' and kind = 'history' and frequency = 'week'",
    ],
    "forecasts.scenarios:key_is_unique": ["insert into forecasts.scenarios from forecasts.scenarios limit 1"],
    "forecasts.scenarios:moderate_is_the_forecast": [
        "update forecasts.scenarios set value = value + 1",
        "update forecasts.scenarios set period = period + 365",
    ],
    "forecasts.scenarios:scenarios_are_in_order": [
        "update forecasts.scenarios set value = value + 1e9 where scenario = 'conservative'",
        "update forecasts.scenarios set value = value - 1e9 where scenario = 'aggressive'",
        "update forecasts.scenarios set value = 'nan'::double where scenario = 'aggressive'",
        "delete from forecasts.scenarios where scenario = 'aggressive'",
    ],
    "forecasts.customers:key_is_unique": ["insert into forecasts.customers from forecasts.customers limit 1"],
    "forecasts.customers:counts_can_be": [
        "update forecasts.customers set time_series = 'nan'::double",
        "update forecasts.customers set known_customers = -1.0",
        "update forecasts.customers set known_customers = 1.0, so_far = 2",
        "update forecasts.customers set lower_80 = upper_80 + 1",
        "update forecasts.customers set meaning = ''",
    ],
    "forecasts.archive:key_is_unique": ["insert into forecasts.archive from forecasts.archive limit 1"],
    "forecasts.archive:scores_are_of_what_came": [
        "update forecasts.archive set actual = 1",
        "update forecasts.archive set period = origin",
        f"{KEPT_BEFORE}; update forecasts.archive set actual = actual + 1",
        f"{KEPT_BEFORE}; update forecasts.archive set error = error + 1",
        f"{KEPT_BEFORE}; update forecasts.archive set actual = null",
    ],
    "forecasts.archive:errors_are_as_in_the_backtest": [WATCHED],
}
