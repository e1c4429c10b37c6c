"""The weekly demand that forecasts learn from, and the choice of models: tried, judged, saved and read.

What is saved is the choice with its figures: which model serves for which kind of demand, its parameters, the shape of
its distribution. Each night fits it to all weeks there are by then, which takes a moment, and so knows new products.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from retail_pipeline.analytics.demand import (
    backtest,
    distributions,
    kinds,
    levels,
    measures,
    outcomes,
    outlook,
    panel,
    prices,
    windows,
)
from retail_pipeline.analytics.demand.backtest import FALLBACK, Serving, run
from retail_pipeline.analytics.demand.distributions import Shape, Width
from retail_pipeline.analytics.demand.kinds import KINDS
from retail_pipeline.analytics.demand.panel import Panel
from retail_pipeline.analytics.demand.windows import Limits, lay_windows
from retail_pipeline.assets import model_training
from retail_pipeline.assets.model_training import origin, usable
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.errors import ModelError
from retail_pipeline.saved_models import load_model, save_model
from retail_pipeline.settings import DemandSettings, Settings
from retail_pipeline.warehouse.warehouse import Warehouse

SUBJECT, WEEKS = "demand", "forecasts.product_weeks"
UPSTREAM = (WEEKS, "sales.weekly")
CODE = (levels, panel, kinds, prices, distributions, measures, windows, outcomes, backtest, outlook)
SETTINGS = ("as_of", *(f"demand_{name}" for name in DemandSettings.model_fields))
LEAST_WINDOWS = 2
"""One to choose by and one to judge on."""
WHOLE_WEEKS = """
    select week
    from sales.weekly
    where not is_partial and (week + 7 <= $as_of or $as_of is null)
    order by week
"""
PRODUCTS = f"select distinct product_id from {WEEKS} where not is_partial order by product_id"
UNITS = f"""
    with products as (
        select product_id, row_number() over (order by product_id) - 1 as place
        from (select distinct product_id from {WEEKS} where not is_partial)
    )

    select
        products.place as product,
        date_diff('day', $first_week, weeks.week) // 7 as week,
        cast(weeks.demand as double) as demand,
        cast(weeks.units_sold - weeks.units_undone_at_once as double) as known,
        cast(weeks.largest_order as double) as largest,
        cast(weeks.largest_order_at_once as double) as largest_known,
        coalesce(weeks.unit_price, 'nan') as prices
    from {WEEKS} as weeks
    join products on weeks.product_id = products.product_id
    where not weeks.is_partial
"""
UNITS_OF_WEEKS = ("demand", "known", "largest", "largest_known", "prices")


@dataclass(frozen=True)
class Chosen:
    """The choice in use: its id, what was noted of it, what serves for each kind, and all that was measured."""

    id: str
    notes: Mapping[str, Any]
    serving: dict[str, Serving]
    with_prices: bool
    rows: list[dict[str, Any]]

    @property
    def is_provisional(self) -> bool:
        """Whether there was too little to choose by."""
        return not self.rows


def read_panel(warehouse: Warehouse) -> Panel:
    """Weekly demand of all products up to the last whole week."""
    as_of = warehouse.settings.core.as_of
    found = warehouse.execute(WHOLE_WEEKS, {"as_of": as_of}).fetchnumpy()["week"]
    weeks = np.asarray(found, dtype="datetime64[D]")
    products = np.asarray(warehouse.execute(PRODUCTS).fetchnumpy()["product_id"], dtype=object)
    first = weeks[0].item() if len(weeks) else date(1970, 1, 1)
    units = {name: np.asarray(of) for name, of in warehouse.execute(UNITS, {"first_week": first}).fetchnumpy().items()}
    return Panel.of(
        products,
        weeks,
        units["product"].astype(np.int64),
        units["week"].astype(np.int64),
        **{name: units[name] for name in UNITS_OF_WEEKS},
    )


def limits_of(settings: DemandSettings) -> Limits:
    """What decides of kinds, by the settings."""
    return Limits(
        settings.new_weeks,
        settings.dead_weeks,
        settings.dead_chance,
        settings.least_products,
        settings.large_order_times,
    )


def made_by(settings: Settings) -> str:
    """A hash of the code and settings that the choice depends on."""
    select = next(table.text for table in find_sql_tables() if table.name == WEEKS)
    return model_training.made_by((*CODE, sys.modules[__name__]), {**settings.demand.model_dump(), "select": select})


def fitting_choice(warehouse: Warehouse) -> Chosen | None:
    """The saved choice, if there is one made by these settings and this code.

    Raises
    ------
    ModelError
        when it is damaged.
    """
    saved = load_model(warehouse.home.models / SUBJECT)
    if saved is None or saved.numbers.get("made_by") != made_by(warehouse.settings):
        return None
    serving = {kind: Serving.as_told(told) for kind, told in saved.numbers["serving"].items()}
    return Chosen(saved.id, saved.notes, serving, saved.numbers["with_prices"], saved.numbers["rows"])


def current(warehouse: Warehouse, told: str, table: str) -> Chosen:
    """The choice that a table tells of.

    Raises
    ------
    ModelError
        when it is not there: the table was built by other settings or code, and not since.
    """
    chosen = fitting_choice(warehouse)
    if chosen is None or chosen.id != told:
        raise ModelError(
            f"The models {told} that {table} tells of are not in use any more. Build that first: "
            f"'retail run --select {table}', or all with 'retail run'."
        )
    return chosen


def choice_in_use(warehouse: Warehouse, demand: Panel) -> Chosen:
    """The saved choice; made first if a training is asked for, if none fits, or if the last had too little to go by."""
    chosen, reason = why_train(warehouse, demand)
    return chosen if chosen and not reason else _train(warehouse, demand, chosen, reason)


def why_train(warehouse: Warehouse, demand: Panel) -> tuple[Chosen | None, str]:
    """The saved choice, if it fits, and why to choose anew, empty if there is no need."""
    chosen, reason = usable(warehouse, fitting_choice)
    if chosen and not reason and chosen.is_provisional and weeks_needed(warehouse.settings.demand) <= len(demand.weeks):
        reason = "the last one had too little to be measured on"
    return chosen, reason


def weeks_needed(settings: DemandSettings) -> int:
    """Whole weeks with which there is a window to choose by and one to judge on."""
    return settings.least_weeks + LEAST_WINDOWS * settings.horizon_weeks


def _train(warehouse: Warehouse, demand: Panel, before: Chosen | None, reason: str) -> Chosen:
    from threadpoolctl import threadpool_limits

    asked = warehouse.settings.demand
    limits = limits_of(asked)
    laid = lay_windows(
        demand.sample(asked.most_products),
        limits,
        horizon=asked.horizon_weeks,
        count=asked.windows,
        least_weeks=asked.least_weeks,
    )
    if len(laid) < LEAST_WINDOWS or not len(laid[0].history.rows):
        why = f"too little data: {len(demand.weeks)} whole weeks, fewer than {weeks_needed(asked)}"
        serving, with_prices, rows = dict.fromkeys(KINDS, _provisional(why)), False, []
    else:
        known = before.serving if before and not before.is_provisional else {}
        with threadpool_limits(limits=1, user_api="blas"):  # sums in one order, however many cores there are
            tried = run(laid, asked.horizon_weeks, limits, known)
        serving, with_prices, rows = tried.serving, tried.with_prices, tried.rows
    numbers = {
        "made_by": made_by(warehouse.settings),
        "serving": {kind: one.told() for kind, one in serving.items()},
        "with_prices": with_prices,
        "rows": rows,
    }
    notes = {
        **origin(warehouse, reason, ("scipy", "numpy", "retail-pipeline")),
        "run_id": warehouse.run_id,
        "weeks": len(demand.weeks),
        "products": len(demand.products),
        "with_prices": with_prices,
        "decisions": {kind: f"{one.candidate.model}: {one.reason}" for kind, one in serving.items()},
    }
    model_id = save_model(warehouse.home.models / SUBJECT, numbers, {}, notes)
    return Chosen(model_id, notes, serving, with_prices, rows)


def _provisional(why: str) -> Serving:
    """What serves where there is nothing to choose by: the mean of all weeks."""
    return Serving(FALLBACK, Shape(Width()), why)
