"""``forecasts.revenue``: net sales as they were and as they are forecast, of the whole and its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from retail_pipeline.analytics.forecasting import reconciliation
from retail_pipeline.analytics.forecasting.backtest import error_scale, level
from retail_pipeline.analytics.forecasting.candidates import BASELINE, forecasts, needed
from retail_pipeline.analytics.forecasting.conformal import half_widths
from retail_pipeline.analytics.forecasting.reconciliation import reconcile
from retail_pipeline.analytics.forecasting.series import Forecast
from retail_pipeline.analytics.forecasting.shop import TOTAL, ShopSeries, grouped
from retail_pipeline.analytics.forecasting.trading_calendar import DAY, FREQUENCIES
from retail_pipeline.assets.forecasts.backtest import (
    CHAMPIONS,
    FREQUENCY,
    MODEL,
    READS,
    SERIES,
    SETTINGS,
    choice_told,
)
from retail_pipeline.assets.forecasts.forecast_training import Chosen, Told, all_series
from retail_pipeline.assets.forecasts.shop_read import COUNTED, UPSTREAM, ReadShop, read_shop
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.pictures import image
from retail_pipeline.reports.files import read_rows
from retail_pipeline.reports.forecast_charts import fans_chart
from retail_pipeline.reports.sentences import Row
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

REVENUE = "forecasts.revenue"
HISTORY, FORECAST = "history", "forecast"
ACTUAL = "actual"
BOUNDS = ("lower_80", "upper_80", "lower_95", "upper_95")
CONFORMAL, OWN, CALENDAR = "conformal", "model", "calendar"
NOT_OF_HISTORY: Mapping[str, Any] = {
    "is_champion": "boolean", "is_baseline": "boolean", "horizon": "Int64", "interval_80": "string",
    "interval_95": "string",
}  # fmt: skip
SHOWN = {"day": 120, "week": 60, "month": 36}
"""Periods of the past in a picture."""


@dataclass(frozen=True)
class Served:
    """A forecast of a series: by which model, its values, half widths at 80 and 95 %, and where each is from."""

    model: str
    mean: "np.ndarray[Any, Any]"
    widths: "np.ndarray[Any, Any]"
    sources: "np.ndarray[Any, Any]"


def serve(one: ShopSeries, told: Told | None, *, baseline: bool = False) -> Served | None:
    """The champion's forecast, or the baseline's; where it cannot be fitted that of the plainest that can.

    It knows of as many years as it did when it was tried. None of a series without two periods.
    """
    import numpy as np

    past = one.past(len(one.values))
    if told is not None:
        past = replace(past, years_known=min(past.years_known, told.told["years_known"]))
    wanted = BASELINE if baseline or told is None else told.choice.model
    tuning = told.choice.tuning if told else {}
    names = needed(wanted, told.names) if told else (wanted,)
    found = forecasts(past, (*names, wanted) if wanted not in names else names, tuning)
    forecast: Forecast | None = found.get(wanted)
    if forecast is None:
        wanted, forecast = next(iter(forecasts(past, (BASELINE, "naive"), {}).items()), (wanted, None))
    if forecast is None:
        return None
    scores = np.empty((0, one.horizon))
    if told is not None and wanted == told.choice.model and told.scores.shape[1] == one.horizon:
        scores = told.scores  # of a shop that trades on more weekdays since, or fewer, errors are of another horizon
    is_open, scale = past.trading[past.n :] > 0, error_scale(forecast.mean, level(one.values, one.year))
    widths, conformal = half_widths(scores, np.isfinite(scores), scale, forecast.sd, is_open)
    return Served(wanted, forecast.mean, widths, np.where(is_open, np.where(conformal, CONFORMAL, OWN), CALENDAR))


def forecast_all(chosen: Chosen, all_of: Sequence[ShopSeries]) -> dict[tuple[str, str], Served]:
    """The champion's forecasts of net sales by series and frequency, made to add up."""
    import numpy as np

    found: dict[tuple[str, str], Served] = {}
    for frequency in FREQUENCIES:
        of_frequency = [one for one in all_of if one.frequency == frequency and one.name not in COUNTED]
        served = {one.name: serve(one, chosen.of(one.name, frequency)) for one in of_frequency}
        if not served or any(one is None for one in served.values()):
            continue
        kept = {name: one for name, one in served.items() if one is not None}
        names = list(kept)
        variances = np.array([_variance(chosen.of(name, frequency), kept[name]) for name in names])
        means = np.stack([one.mean for one in kept.values()])
        is_positive = np.array([one.is_positive for one in of_frequency])
        added_up = reconcile(means, variances, grouped(names), is_positive=is_positive)
        for name, mean in zip(names, added_up, strict=True):
            one = kept[name]
            found[name, frequency] = Served(one.model, mean, one.widths, one.sources)
    return found


def _variance(told: Told | None, served: Served) -> float:
    """How uncertain a forecast is: its mean squared error in the backtest, else by its own intervals."""
    if told is not None and told.choice.error_variance:
        return float(told.choice.error_variance)
    return float((served.widths[0] ** 2).mean()) or 1.0


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    import pandas as pd
    from threadpoolctl import threadpool_limits

    chosen = choice_told(warehouse)
    read = read_shop(warehouse, chosen.members) if chosen else None
    if chosen is None or read is None:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in TABLE.columns})
    all_of = [one for one in all_series(read, warehouse.settings) if one.name not in COUNTED]
    parts: list[pd.DataFrame] = []
    with threadpool_limits(limits=1, user_api="blas"):  # sums in one order, however many cores there are
        served = forecast_all(chosen, all_of)
        for one in all_of:
            parts.append(_history(one, read))
            champion = served.get((one.name, one.frequency))
            if champion is None:
                continue
            parts.append(_future(one, champion, is_champion=True))
            other = serve(one, chosen.of(one.name, one.frequency), baseline=True)
            if other is not None and other.model != champion.model:
                parts.append(_future(one, other, is_champion=False))
    return pd.concat(parts, ignore_index=True)[list(TABLE.columns)].astype(NOT_OF_HISTORY)


def _history(one: ShopSeries, read: ReadShop) -> "pd.DataFrame":
    """The whole periods of a series; of days also those of the weekdays on which the shop does not trade."""
    import pandas as pd

    if one.frequency == DAY:
        values = read.shop.total if one.name == TOTAL else read.shop.parts[one.name]
        periods = read.shop.days
    else:
        values, periods = one.values, one.grid.periods[: one.grid.known]
    return pd.DataFrame(
        {
            "series": one.name,
            "frequency": one.frequency,
            "period": periods,
            "model": ACTUAL,
            "kind": HISTORY,
            "value": values,
            **dict.fromkeys(BOUNDS, float("nan")),
        }
    ).assign(**dict.fromkeys(NOT_OF_HISTORY, pd.Series([None] * len(values), dtype=object)))


def _future(one: ShopSeries, served: Served, *, is_champion: bool) -> "pd.DataFrame":
    """The periods to come; days on which the shop does not trade bring nothing for certain."""
    import numpy as np
    import pandas as pd

    until = one.grid.known + one.horizon
    periods, place = one.grid.periods[one.grid.known : until], np.arange(one.horizon)
    mean, widths, sources = served.mean, served.widths, served.sources
    if one.frequency == DAY:
        days = pd.date_range(one.calendar.days[one.calendar.known], periods[-1])
        spread = days.get_indexer(periods)
        mean, widths = _spread(mean, spread, len(days)), np.stack([_spread(row, spread, len(days)) for row in widths])
        whole = np.full((len(sources), len(days)), CALENDAR, dtype=object)
        whole[:, spread] = sources
        periods, place, sources = days, np.arange(len(days)), whole
    lower, upper = mean - widths, mean + widths
    if one.is_positive:
        lower = np.maximum(lower, np.minimum(mean, 0.0))
    return pd.DataFrame(
        {
            "series": one.name, "frequency": one.frequency, "period": periods, "model": served.model,
            "kind": FORECAST, "value": mean, "lower_80": lower[0], "upper_80": upper[0], "lower_95": lower[1],
            "upper_95": upper[1], "is_champion": pd.Series([is_champion] * len(mean), dtype=object),
            "is_baseline": pd.Series([served.model == BASELINE] * len(mean), dtype=object),
            "horizon": (place + 1).astype(object), "interval_80": sources[0], "interval_95": sources[1],
        }
    )  # fmt: skip


def _spread(values: "np.ndarray[Any, Any]", places: "np.ndarray[Any, Any]", length: int) -> "np.ndarray[Any, Any]":
    import numpy as np

    spread = np.zeros(length)
    spread[places] = values
    return spread


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """History, forecast and fan of the whole, and the partial periods that were left out."""
    if not warehouse.count(REVENUE):
        return {"no_forecasts": "nothing was ever sold on a whole day"}
    told: dict[str, Any] = {}
    fans: dict[str, tuple[list[Row], list[Row]]] = {}
    for frequency, shown in SHOWN.items():
        rows = read_rows(warehouse.connection)(
            f"select period, kind, model, value, lower_80, upper_80, lower_95, upper_95 from {REVENUE} "
            f"where series = 'total' and frequency = '{frequency}' and (kind = 'history' or is_champion) "
            "order by period"
        )
        if any(row["kind"] == FORECAST for row in rows):
            history = [row for row in rows if row["kind"] == HISTORY][-shown:]
            fans[frequency] = (history, [row for row in rows if row["kind"] == FORECAST])
        left = warehouse.value(
            "select max(period) from sales.period_figures where frequency = $frequency and is_partial and period > "
            f"(select max(period) from {REVENUE} where frequency = $frequency and kind = 'history')",
            {"frequency": frequency},
        )
        if left is not None:
            told[f"left_out_{frequency}"] = f"{left} is partial: it is no history, and forecast as a whole"
    return {"net_sales": dg.MetadataValue.md(image("net sales, past and to come", fans_chart(fans))), **told}


TABLE = FrameTable(
    name=REVENUE,
    row="a period of a series, as it was or as a model forecasts it",
    about="Net sales as sales.* books them. Every night the champion of forecasts.champions is fitted to all whole "
    "periods and forecasts forecast.horizon_months; beside it stands the seasonal naive (is_baseline). Champions' "
    "forecasts are moved as little as their errors in the backtest allow so that the parts of each dimension add up to "
    "the whole in every period; days, weeks and months have forecasts of their own, which need not add up to each "
    "other. A partial period at the end is no history, and is forecast as a whole. On weekdays without trade, and on "
    "holidays on which the shop was closed before, nothing is sold. Intervals are conformal where there are errors "
    "enough at a horizon (4 for 80 %, 19 for 95 %), else from the model; interval_80 and interval_95 say which. They "
    "are for each period by itself, and stay above zero where the series always did.",
    key=("series", "frequency", "period", "model"),
    columns={
        "series": SERIES,
        "frequency": FREQUENCY,
        "period": ("date", "its first day; weeks begin on Monday"),
        "model": ("varchar", f"'{ACTUAL}' for history; {MODEL[1]}"),
        "kind": ("varchar", "history or forecast"),
        "value": ("double", "net sales, booked or expected [reporting currency]"),
        "lower_80": ("double", "lower end of the 80 % interval, null for history [reporting currency]"),
        "upper_80": ("double", "upper end of it [reporting currency]"),
        "lower_95": ("double", "lower end of the 95 % interval [reporting currency]"),
        "upper_95": ("double", "upper end of it [reporting currency]"),
        "is_champion": ("boolean", "whether it is the forecast of the model that serves, null for history"),
        "is_baseline": ("boolean", "whether it is that of the seasonal naive, null for history"),
        "horizon": ("bigint", "how far ahead, null for history [periods]"),
        "interval_80": ("varchar", "where the 80 % interval is from: conformal, model or, of closed days, calendar"),
        "interval_95": ("varchar", "where the 95 % interval is from"),
    },
    upstream=(CHAMPIONS, *UPSTREAM),
    make=_make,
    code=(reconciliation, *READS),
    parameters=SETTINGS,
    tell=_tell,
)
