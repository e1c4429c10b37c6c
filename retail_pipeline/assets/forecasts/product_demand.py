"""``forecasts.product_demand`` and ``forecasts.demand_backtest``: units of each product, and how right they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from retail_pipeline.analytics.demand.backtest import SERVED
from retail_pipeline.analytics.demand.kinds import cv2_of_sizes, mean_interval, weeks_since_last
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.outlook import Outlook
from retail_pipeline.analytics.demand.panel import Panel
from retail_pipeline.assets.forecasts import demand_training
from retail_pipeline.assets.forecasts.demand_training import (
    CODE,
    SETTINGS,
    UPSTREAM,
    Chosen,
    choice_in_use,
    fitting_choice,
    limits_of,
    read_panel,
    why_train,
)
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.pictures import image
from retail_pipeline.reports.demand_charts import demand_chart
from retail_pipeline.reports.files import read_rows
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

DEMAND, BACKTEST = "forecasts.product_demand", "forecasts.demand_backtest"
IN_THE_LAST_WINDOW = f"""
    select model, metric, value, lower, upper, is_baseline
    from {BACKTEST}
    where kind = 'all' and split = 'test' and metric in ('rmsse', 'pinball')
    order by max(case when metric = 'rmsse' then value end) over (partition by model), model, metric
"""
ONE_WEEK = (0.1, 0.5, 0.9, 0.95)
"""Quantiles of a week's demand that are told."""


def outlook(warehouse: Warehouse, panel: Panel, chosen: Chosen) -> Outlook:
    """What is expected of each product, by the models that serve."""
    limits = limits_of(warehouse.settings.demand)
    return Outlook.of(panel, limits, chosen.serving, with_prices=chosen.with_prices)


def _make_demand(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a product and week to come."""
    import pandas as pd

    panel = read_panel(warehouse)
    chosen = choice_in_use(warehouse, panel)
    if not len(panel.products):
        return pd.DataFrame(columns=list(DEMAND_TABLE.columns), dtype="object")
    found, horizon = outlook(warehouse, panel, chosen), warehouse.settings.demand.horizon_weeks
    demand, first = found.history.demand, found.history.first
    lower, median, upper, high = found.quantiles(1.0, np.array(ONE_WEEK), together=False).T
    serving = chosen.serving
    of_products = {
        "product_id": found.products,
        "value": found.level,
        "lower_80": lower,
        "median": median,
        "upper_80": upper,
        "upper_95": high,
        "kind": found.kinds,
        "model": _of_kind(found.kinds, {kind: one.candidate.model for kind, one in serving.items()}),
        "parameters": _of_kind(found.kinds, {kind: one.candidate.setting for kind, one in serving.items()}),
        "is_baseline": _of_kind(found.kinds, {kind: one.candidate.is_baseline for kind, one in serving.items()}),
        "weeks_on_sale": demand.shape[1] - first,
        "weeks_since_last": weeks_since_last(demand),
        "mean_interval": mean_interval(demand, first),
        "cv2_of_sizes": cv2_of_sizes(demand),
        "units_tempered": (found.history.full - demand).sum(axis=1),
        "saved_model": np.full(len(first), chosen.id, dtype=object),
    }
    ahead = np.arange(1, horizon + 1)
    weeks = (found.weeks[-1] + 7 * ahead).astype("datetime64[s]")
    frame = pd.DataFrame({name: np.repeat(values, horizon) for name, values in of_products.items()})
    frame["week"] = np.tile(weeks, len(first))
    frame["weeks_ahead"] = np.tile(ahead, len(first))
    return frame[list(DEMAND_TABLE.columns)]


def _of_kind(kinds: Array, values: Mapping[str, Any]) -> Array:
    """A value by kind, for each product."""
    found = np.empty(len(kinds), dtype=object)
    for kind, value in values.items():
        found[kinds == kind] = value
    return found


def _make_backtest(warehouse: Warehouse) -> "pd.DataFrame":
    """What each model was worth for each kind of demand, of the choice in use."""
    import pandas as pd

    chosen = fitting_choice(warehouse)
    rows = chosen.rows if chosen else []
    names = [name for name in BACKTEST_TABLE.columns if name != "saved_model"]
    frame = pd.DataFrame(rows, columns=names, dtype=None if rows else "object")
    frame["saved_model"] = chosen.id if chosen and rows else None
    return frame[list(BACKTEST_TABLE.columns)]


def _told_model(warehouse: Warehouse) -> str | None:
    told: str | None = warehouse.value(f"select min(saved_model) from {DEMAND}")
    return told


def _is_whole(warehouse: Warehouse) -> bool:
    """Whether the table tells of the choice in use, which fits, and no training is asked for."""
    chosen, reason = why_train(warehouse, read_panel(warehouse))
    return chosen is not None and not reason and _told_model(warehouse) in (chosen.id, None)


def _backtest_is_whole(warehouse: Warehouse) -> bool:
    chosen = fitting_choice(warehouse)
    told = warehouse.value(f"select min(saved_model) from {BACKTEST}")
    return chosen is not None and told == (chosen.id if chosen.rows else None)


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    """When, why and by what the models were chosen, and which week was left out."""
    chosen = fitting_choice(warehouse)
    if chosen is None:
        return {}
    partial = warehouse.value("select max(week) from sales.weekly where is_partial")
    last = warehouse.value("select max(week) from sales.weekly where not is_partial")
    told = {f"decision_{kind}": text for kind, text in chosen.notes["decisions"].items()}
    left_out = (
        {"left_out": f"the week from {partial}, which is not over in the data"}
        if partial and last and partial > last
        else {}
    )
    names = ("created_at", "reason", "weeks", "products", "with_prices")
    return {"saved_model": chosen.id, **{name: chosen.notes[name] for name in names}, **left_out, **told}


def _tell_backtest(warehouse: Warehouse) -> Mapping[str, Any]:
    """The models side by side in the last window."""
    rows = read_rows(warehouse.connection)(IN_THE_LAST_WINDOW)
    return (
        {"the last window": dg.MetadataValue.md(image("models of demand", demand_chart(rows, SERVED)))} if rows else {}
    )


_MODEL = (
    "varchar",
    "moving_average, ses, seasonal_ses, croston_sba, tsb, adida, combination, or a baseline: naive, seasonal_naive, "
    "historical_mean",
)
_KIND = "regular, erratic, intermittent, lumpy, new or dead"

DEMAND_TABLE = FrameTable(
    name=DEMAND,
    row="a product and one of the weeks after the last whole one",
    about="Units that will be demanded, see forecasts.product_weeks for what that is. A week that is not over is left "
    "out of what is learned from, and forecast. By the mean interval between weeks with demand and the evenness of "
    "its size a product is regular, erratic, intermittent or lumpy (Syntetos, Boylan & Croston 2005); new if it was "
    "first sold within demand.new_weeks; dead if it was not sold for demand.dead_weeks or more and so long a gap has "
    "a chance of demand.dead_chance at most. Each kind has its model, chosen by forecasts.demand_backtest, and fitted "
    "to all weeks in each run. Forecasts are of the mean, and flat. A single order counts up to "
    "demand.large_order_times usual weeks (the median of weeks with demand) in what is learned from. Quantiles are "
    "whole units, of negative binomial distributions whose chances were brought to what came true in the windows "
    "before the last. Models are in models/demand/ in the home.",
    key=("product_id", "week"),
    columns={
        "product_id": ("varchar", "the product"),
        "week": ("date", "the Monday of the week [store time]"),
        "weeks_ahead": ("bigint", "1 for the week after the last whole one [weeks]"),
        "value": ("double", "units to expect on average [units]"),
        "lower_80": ("double", "with a probability of 10 % it is no more than this [units]"),
        "median": ("double", "with a probability of 50 % it is no more [units]"),
        "upper_80": ("double", "with a probability of 90 % it is no more [units]"),
        "upper_95": ("double", "with a probability of 95 % it is no more [units]"),
        "kind": ("varchar", _KIND),
        "model": _MODEL,
        "parameters": ("varchar", "its parameters"),
        "is_baseline": ("boolean", "whether it is a baseline, for no model beats that"),
        "weeks_on_sale": ("bigint", "whole weeks since the one with the first order, that included [weeks]"),
        "weeks_since_last": ("bigint", "whole weeks without demand up to now [weeks]"),
        "mean_interval": ("double", "weeks on sale by week with demand [weeks]"),
        "cv2_of_sizes": ("double", "squared coefficient of variation of demand in weeks that have any"),
        "units_tempered": ("double", "units of very large orders that forecasts do not learn from [units]"),
        "saved_model": ("varchar", "a hash of the choice of models, which is the folder in models/demand/"),
    },
    upstream=UPSTREAM,
    make=_make_demand,
    code=(demand_training, *CODE),
    parameters=SETTINGS,
    is_whole=_is_whole,
    tell=_tell,
)

BACKTEST_TABLE = FrameTable(
    name=BACKTEST,
    row="a model, a kind of demand, a split and a measure of how right it was there",
    about="From the last training. Forecasts are made at one origin after another, demand.horizon_weeks apart, of "
    "which each knows what was known then, and judged on the weeks up to the next. 'validation' are all windows but "
    "the last: by them parameters (least RMSSE), the width of distributions (least pinball loss) and the champion of "
    "each kind are chosen. It is the model with the least mean of RMSSE and pinball loss, both against the naive "
    "forecast's, if it is ahead of the baselines in 97.5 % of draws of products, and not behind in 'test', the last "
    "window. The model that served before stays unless another is better beyond chance. rmsse: root mean squared "
    "scaled error (Makridakis et al. 2022), the mean of products. pinball: loss of quantiles at 10, 50, 90, 95 "
    "and 98 %, of single weeks and of the horizon as a whole, against the mean change from week to week; pinball_90 "
    "and so on at one of them. bias: units forecast too many, against those that came. coverage_80: share of weeks "
    "within the 80 % interval, coverage_80_horizon of horizons, below_95_horizon of horizons with no more than the 95 "
    "% quantile. Demand in whole units and many zeros cannot have a coverage of 80 % sharp. 95 % intervals are of "
    "draws of products. Kind 'all' and model 'served': each kind by its champion.",
    key=("kind", "model", "split", "metric"),
    columns={
        "kind": ("varchar", f"{_KIND}, as seen at the origin, or 'all'"),
        "model": ("varchar", f"{_MODEL[1]}; or 'served', 'served with prices'"),
        "parameters": ("varchar", "its parameters, those of the least RMSSE in validation"),
        "split": ("varchar", "'validation', by which champions were chosen, or 'test', looked at afterwards"),
        "metric": ("varchar", "the measure"),
        "value": ("double", "its value, null where it is not defined [as the measure]"),
        "lower": ("double", "lower end of its 95 % interval [as the measure]"),
        "upper": ("double", "upper end of it [as the measure]"),
        "n": ("bigint", "forecasts it was measured on: products times windows"),
        "folds": ("bigint", "windows"),
        "is_champion": ("boolean", "whether the model serves for the kind"),
        "is_baseline": ("boolean", "whether it is a baseline"),
        "saved_model": ("varchar", "the choice it was made for"),
    },
    upstream=(DEMAND,),
    make=_make_backtest,
    code=(demand_training, *CODE),
    parameters=SETTINGS,
    is_whole=_backtest_is_whole,
    tell=_tell_backtest,
)

TABLES = (DEMAND_TABLE, BACKTEST_TABLE)
