"""Checks on forecasts of revenue: they add up, follow what was, and stay within what their backtests led to expect."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key

DEFECT = "This is a defect of the pipeline: please report it; 'retail run --full' builds the table anew."
ADD_UP = """
    with wholes as (
        select frequency, period, kind, value
        from forecasts.revenue
        where series = 'total' and (kind = 'history' or is_champion)
    ),

    parts as (
        select frequency, period, kind, split_part(series, ':', 1) as dimension, sum(value) as value
        from forecasts.revenue
        where series <> 'total' and (kind = 'history' or is_champion)
        group by all
    ),

    dimensions as (
        select distinct frequency, dimension
        from parts
    )

    select dimensions.dimension, wholes.frequency, wholes.period, wholes.value as whole, parts.value as parts
    from wholes
    join dimensions on wholes.frequency = dimensions.frequency
    left join parts
        on wholes.frequency = parts.frequency
        and wholes.period = parts.period
        and wholes.kind = parts.kind
        and dimensions.dimension = parts.dimension
    where (abs(wholes.value - parts.value) <= 0.01 + 1e-9 * abs(wholes.value)) is not true
"""
CHAMPIONS = """
    select series, frequency, sum(case when is_champion then 1 else 0 end) as champions
    from forecasts.backtest
    where metric = 'mase'
    group by series, frequency
    having champions <> 1
    union all
    select champions.series, champions.frequency, null
    from forecasts.champions as champions
    join forecasts.backtest as backtest
        on champions.series = backtest.series
        and champions.frequency = backtest.frequency
        and backtest.metric = 'choice_mase'
        and backtest.is_baseline
    join forecasts.backtest as of_champion
        on champions.series = of_champion.series
        and champions.frequency = of_champion.frequency
        and of_champion.metric = 'choice_mase'
        and of_champion.model = champions.model
    where of_champion.value > backtest.value + 1e-9
"""
MEASURES = """
    select series, frequency, model, metric, value
    from forecasts.backtest
    where (
        folds > 0
        and (value is null or isfinite(value))
        and (metric like '%bias' or coalesce(value, 0) >= 0)
        and (metric not like 'coverage%' or value <= 1)
    ) is not true
"""
RANGES = """
    select series, frequency, period, model, round(value, 2) as value
    from forecasts.revenue
    where kind = 'forecast'
        and (
            isfinite(value)
            and lower_95 <= lower_80
            and lower_80 <= value
            and value <= upper_80
            and upper_80 <= upper_95
        ) is not true
"""
FOLLOWS = """
    with ends as (
        select series, frequency, max(case when kind = 'history' then period end) as last_past,
            min(case when kind = 'forecast' then period end) as first_to_come
        from forecasts.revenue
        group by series, frequency
    )

    select series, frequency, last_past, first_to_come
    from ends
    where first_to_come <= last_past
    union all
    select series, frequency, period, null
    from forecasts.revenue
    where kind = 'forecast'
    group by series, frequency, period
    having sum(case when is_champion then 1 else 0 end) <> 1
"""
HISTORY = """
    (
        select frequency, period, round(cast(net_sales as double), 2) as net_sales
        from sales.period_figures
        where frequency in ('day', 'week', 'month') and not is_partial
            and period >= (select min(period) from forecasts.revenue where kind = 'history')
        except
        select frequency, period, round(value, 2)
        from forecasts.revenue
        where series = 'total' and kind = 'history'
    )
    union all
    (
        select frequency, period, round(value, 2)
        from forecasts.revenue
        where series = 'total' and kind = 'history'
        except
        select frequency, period, round(cast(net_sales as double), 2)
        from sales.period_figures
        where not is_partial
    )
"""
WATCHED, LEAST_ORIGINS, LEAST_SCORED = 90, 2, 3
"""Days back whose forecasts are watched, and from how many nights and of how many periods there must be some."""
OUT_OF_RANGE = f"""
    with watched as (
        select series, frequency, origin, count(*) as periods, avg(scaled_error) as scaled_error
        from forecasts.archive
        where scaled_error is not null
            and period > (select max(period) from forecasts.archive where actual is not null) - {WATCHED}
        group by series, frequency, origin
    ),

    lately as (
        select series, frequency, count(*) as origins, sum(periods) as periods, avg(scaled_error) as scaled_error
        from watched
        group by series, frequency
    )

    select
        lately.series,
        lately.frequency,
        round(lately.scaled_error, 2) as scaled_error,
        round(champions.error_most, 2) as expected_up_to
    from lately
    join forecasts.champions as champions
        on lately.series = champions.series
        and lately.frequency = champions.frequency
    where lately.periods >= {LEAST_SCORED}
        and lately.origins >= {LEAST_ORIGINS}
        and lately.scaled_error > champions.error_most
"""
ORDERED = """
    select period, min(case when scenario = 'moderate' then value end) as moderate
    from forecasts.scenarios
    group by period
    having count(*) <> 3 or not bool_and(isfinite(value) and isfinite(model_value))
    union all
    select null, sum(value)
    from forecasts.scenarios
    having sum(case scenario when 'moderate' then value when 'conservative' then -value end) < 0
        or sum(case scenario when 'aggressive' then value when 'moderate' then -value end) < 0
"""
MODERATE = """
    select scenarios.period, scenarios.value, revenue.value as forecast
    from forecasts.scenarios as scenarios
    left join forecasts.revenue as revenue
        on scenarios.period = revenue.period
        and revenue.series = 'total'
        and revenue.frequency = 'month'
        and revenue.is_champion
    where scenarios.scenario = 'moderate'
        and (abs(scenarios.value - revenue.value) <= 1e-9 * greatest(abs(revenue.value), 1)) is not true
"""
COUNTS = """
    select measure, period, known_customers, time_series
    from forecasts.customers
    where (
        isfinite(time_series)
        and lower_80 <= upper_80
        and coalesce(isfinite(known_customers) and known_customers >= coalesce(so_far, 0), true)
        and meaning <> ''
    ) is not true
"""
SCORED = """
    select archive.series, archive.frequency, archive.origin, archive.period, archive.actual
    from forecasts.archive as archive
    left join forecasts.revenue as revenue
        on archive.series = revenue.series
        and archive.frequency = revenue.frequency
        and archive.period = revenue.period
        and revenue.kind = 'history'
    where archive.actual is distinct from revenue.value
        or archive.period <= archive.origin
        or (archive.error = archive.value - archive.actual) is false
"""

CHECKS: list[TableCheck] = [
    unique_key("forecasts.champions", "series", "frequency"),
    unique_key("forecasts.backtest", "series", "frequency", "model", "metric"),
    unique_key("forecasts.backtest_horizons", "series", "frequency", "model", "horizon"),
    unique_key("forecasts.calibration", "series", "frequency", "level"),
    unique_key("forecasts.revenue", "series", "frequency", "period", "model"),
    no_rows(
        "forecasts.backtest",
        "one_champion",
        "of the models tried for a series one serves, and none that was chosen is worse than the seasonal naive",
        CHAMPIONS,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.backtest",
        "measures_can_be",
        "measures are finite, errors and widths are no less than nothing, coverages are shares",
        MEASURES,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.revenue",
        "parts_add_up",
        "countries, channels and categories add up to the whole, in the past and in the forecasts that serve",
        ADD_UP,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.revenue",
        "ranges_hold_the_value",
        "the 95 % interval holds the 80 % interval, which holds the forecast",
        RANGES,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.revenue",
        "forecasts_follow_the_past",
        "forecasts begin after the last whole period, one of each period serves",
        FOLLOWS,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.revenue",
        "past_equals_sales",
        "the past of the whole is that of sales.period_figures, without partial periods",
        HISTORY,
        remedy=DEFECT,
    ),
    unique_key("forecasts.scenarios", "scenario", "period"),
    no_rows(
        "forecasts.scenarios",
        "moderate_is_the_forecast",
        "the moderate scenario is the forecast of the whole by month",
        MODERATE,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.scenarios",
        "scenarios_are_in_order",
        "there are three of each month, and by their totals the conservative one is lowest, the aggressive one highest",
        ORDERED,
        remedy="Look at the levers in the settings, [scenarios].",
        blocking=False,
    ),
    unique_key("forecasts.customers", "measure", "period"),
    no_rows(
        "forecasts.customers",
        "counts_can_be",
        "expectations are finite, and of known customers no less than what came already",
        COUNTS,
        remedy=DEFECT,
    ),
    unique_key("forecasts.archive", "series", "frequency", "origin", "period"),
    no_rows(
        "forecasts.archive",
        "scores_are_of_what_came",
        "what stands beside a kept forecast is what came",
        SCORED,
        remedy=DEFECT,
    ),
    no_rows(
        "forecasts.archive",
        "errors_are_as_in_the_backtest",
        "mean errors of the last 90 days are within the backtest's range: no larger than from its worst origin",
        OUT_OF_RANGE,
        remedy="Something has changed: look at forecasts.archive and sales.root_causes; 'retail train' chooses anew.",
        blocking=False,
    ),
]
