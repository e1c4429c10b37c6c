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
]
