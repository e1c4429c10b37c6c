"""``forecasts.archive``: what was forecast each night, kept and held against what came."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retail_pipeline.assets.forecasts.backtest import CHAMPIONS, FREQUENCY, SERIES
from retail_pipeline.assets.forecasts.revenue import REVENUE
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import ForecastSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

ARCHIVE = "forecasts.archive"
KEPT = ("series", "frequency", "origin", "period", "horizon", "model", "value", *("lower_80", "upper_80"),
        *("lower_95", "upper_95"), "made_at", "run_id")  # fmt: skip
NOTHING_BEFORE = "select {} where false".format(
    ", ".join(
        f"cast(null as {type_}) as {name}"
        for name, type_ in zip(
            KEPT, ("varchar", "varchar", "date", "date", "bigint", "varchar", *["double"] * 5, "timestamp", "varchar"),
            strict=True,
        )
    )
)  # fmt: skip
SELECT = f"""
    with tonight as (
        select
            series,
            frequency,
            max(case when kind = 'history' then period end) over (partition by series, frequency) as origin,
            period,
            horizon,
            model,
            value,
            lower_80,
            upper_80,
            lower_95,
            upper_95,
            kind,
            is_champion
        from {REVENUE}
        where frequency <> 'day' or series = 'total'
    ),

    kept as (
        select {", ".join(KEPT)}
        from tonight
        cross join (select $now as made_at, $run_id as run_id)
        where kind = 'forecast' and is_champion
            and (series, frequency, origin) not in (select (series, frequency, origin) from before)
        union all
        select {", ".join(KEPT)}
        from before
        where coalesce(origin >= (select max(period) from {REVENUE} where kind = 'history') - $archive_days, true)
    ),

    scales as (
        select series, frequency, min(scale) as scale
        from {CHAMPIONS}
        group by series, frequency
    )

    select
        {", ".join(f"kept.{name}" for name in KEPT)},
        actuals.value as actual,
        kept.value - actuals.value as error,
        abs(kept.value - actuals.value) / nullif(scales.scale, 0) as scaled_error,
        actuals.value between kept.lower_80 and kept.upper_80 as in_80,
        actuals.value between kept.lower_95 and kept.upper_95 as in_95
    from kept
    left join {REVENUE} as actuals
        on kept.series = actuals.series
        and kept.frequency = actuals.frequency
        and kept.period = actuals.period
        and actuals.kind = 'history'
    left join scales on kept.series = scales.series and kept.frequency = scales.frequency
    order by kept.series, kept.frequency, kept.origin, kept.period
"""


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """What was kept before, tonight's where the past has grown since, and what came of all of them."""
    before = f"select {', '.join(KEPT)} from {ARCHIVE}" if _is_readable(warehouse) else NOTHING_BEFORE
    return warehouse.read(
        f"with before as ({before}) from ({SELECT})",
        {
            "now": _noted_at(warehouse),
            "run_id": warehouse.run_id,
            "archive_days": warehouse.settings.forecast.archive_days,
        },
    )


def _is_readable(warehouse: Warehouse) -> bool:
    """Whether there is an archive with the columns that are kept."""
    return set(KEPT) <= set(warehouse.columns(ARCHIVE))


def _noted_at(warehouse: Warehouse) -> Any:
    return warehouse.value("select date_trunc('second', now() at time zone 'UTC')")


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """How many forecasts are kept, how many came true or not by now, and how right they were."""
    row = warehouse.row(
        f"select count(*), count(actual), avg(scaled_error), avg(cast(in_80 as integer)), avg(cast(in_95 as integer)) "
        f"from {ARCHIVE}"
    )
    kept, scored, error, in_80, in_95 = row or (0, 0, None, None, None)
    told: dict[str, Any] = {"kept": kept, "scored": scored}
    return told | ({"scaled_error": error, "share_in_80": in_80, "share_in_95": in_95} if scored else {})


TABLE = FrameTable(
    name=ARCHIVE,
    row="a forecast that served: of a series and frequency, made when the past ended with a period, for one to come",
    about="By week and month of all series, by day of the whole. A night that knows no more whole periods than the one "
    "before adds nothing. Once a period is whole, what came stands beside what was forecast. Unlike all other tables "
    "it cannot be made anew from the files: it goes on from itself, and keeps forecast.archive_days.",
    key=("series", "frequency", "origin", "period"),
    columns={
        "series": SERIES,
        "frequency": FREQUENCY,
        "origin": ("date", "the last whole period that was known"),
        "period": ("date", "the period that was forecast"),
        "horizon": ("bigint", "how far ahead [periods; days of days]"),
        "model": ("varchar", "the model that served"),
        "value": ("double", "what it expected [reporting currency]"),
        "lower_80": ("double", "lower end of the 80 % interval [reporting currency]"),
        "upper_80": ("double", "upper end of it [reporting currency]"),
        "lower_95": ("double", "lower end of the 95 % interval [reporting currency]"),
        "upper_95": ("double", "upper end of it [reporting currency]"),
        "made_at": ("timestamp", "when it was made [UTC]"),
        "run_id": ("varchar", "the run that made it"),
        "actual": ("double", "what came, null until the period is whole [reporting currency]"),
        "error": ("double", "value less actual [reporting currency]"),
        "scaled_error": ("double", "its size against the seasonal naive's mean error in the training's history"),
        "in_80": ("boolean", "whether the 80 % interval held what came"),
        "in_95": ("boolean", "whether the 95 % interval did"),
    },
    upstream=(CHAMPIONS, REVENUE),
    make=_make,
    parameters=tuple(f"forecast_{name}" for name in ForecastSettings.model_fields),
    tell=_tell,
)
