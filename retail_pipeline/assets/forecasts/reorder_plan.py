"""``forecasts.reorder_plan``: when to order how much of each product, and on what that rests."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from retail_pipeline.analytics.demand import stock as stock_rules
from retail_pipeline.analytics.demand.kinds import DEAD, NEW, weeks_since_last
from retail_pipeline.analytics.demand.levels import Array
from retail_pipeline.analytics.demand.outlook import Outlook
from retail_pipeline.analytics.demand.stock import (
    WEEKS_OF_YEAR,
    Terms,
    abc_classes,
    economic_quantity,
    order_now,
    policy,
    variation,
    xyz_classes,
)
from retail_pipeline.assets.forecasts import demand_training, product_demand
from retail_pipeline.assets.forecasts.demand_training import CODE, SETTINGS, WEEKS, current, read_panel
from retail_pipeline.assets.forecasts.product_demand import DEMAND, outlook
from retail_pipeline.assets.forecasts.stock import COLUMNS as STOCK_COLUMNS
from retail_pipeline.assets.forecasts.stock import NAME as STOCK
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import ReorderSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "forecasts.reorder_plan"
COSTS = "baskets.product_costs"
CLASSES = ("A", "B", "C")
ORDER, ENOUGH, NOTHING, WAIT = "order_now", "enough", "do_not_reorder", "stock_unknown"
FACTS = f"""
    with sold as (
        select product_id, sum(revenue) as revenue
        from {WEEKS}
        where not is_partial and week > $last_week - 7 * $weeks
        group by product_id
    )

    select
        demand.product_id,
        any_value(names.product_name) as product_name,
        cast(coalesce(any_value(sold.revenue), 0) as double) as revenue,
        {", ".join(f"cast(any_value(stock.{column}) as double) as {column}" for column in STOCK_COLUMNS[:-1])},
        cast(coalesce(any_value(stock.unit_cost), any_value(costs.unit_cost)) as double) as unit_cost
    from {DEMAND} as demand
    left join core.product_names as names on demand.product_id = names.product_id
    left join sold on demand.product_id = sold.product_id
    left join {STOCK} as stock on demand.product_id = stock.product_id
    left join {COSTS} as costs on demand.product_id = costs.product_id
    where demand.weeks_ahead = 1
    group by demand.product_id
    order by demand.product_id
"""


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a product: classes, demand until the next delivery, the plan, and what to do today."""
    import pandas as pd

    told = warehouse.value(f"select min(saved_model) from {DEMAND}")
    if told is None:
        return pd.DataFrame(columns=list(TABLE.columns), dtype="object")
    asked = warehouse.settings.reorder
    chosen = current(warehouse, told, DEMAND)
    found = outlook(warehouse, read_panel(warehouse), chosen)
    bound = {"last_week": found.weeks[-1].item(), "weeks": asked.class_weeks}
    facts = warehouse.read(FACTS, bound)
    if facts["product_id"].tolist() != found.products.tolist():
        raise WarehouseError(
            f"{DEMAND} is not of the products that are in {WEEKS} by now. Build that first: "
            f"'retail run --select {DEMAND}'."
        )
    numbers = {name: facts[name].to_numpy(dtype=np.float64) for name in ("revenue", *STOCK_COLUMNS)}
    terms = _terms(asked, numbers)
    abc = abc_classes(numbers["revenue"], asked.abc_shares)
    service = np.select([abc == name for name in CLASSES], asked.service_levels)
    of_variation = variation(found.history.demand, found.history.first, asked.class_weeks)
    exposed = terms.lead_weeks + terms.review_weeks
    is_dead = found.kinds == DEAD
    level = np.where(is_dead, 0.0, found.level)
    high = np.where(is_dead, 0.0, found.quantiles(exposed, service[:, None])[:, 0])
    usual, basis = _usual_order(asked, level, terms)
    plan = policy(level * exposed, high, usual, terms)
    position = numbers["on_hand"] + np.nan_to_num(numbers["on_order"])
    now = order_now(position, plan, terms)
    risk = np.where(np.isfinite(position), 1 - found.stays_within(exposed, np.nan_to_num(position)), np.nan)
    frame = pd.DataFrame(
        {
            "product_id": found.products,
            "product_name": facts["product_name"].to_numpy(),
            "abc_class": abc,
            "xyz_class": xyz_classes(of_variation, asked.xyz_limits),
            "kind": found.kinds,
            "revenue": numbers["revenue"],
            "variation": of_variation,
            "demand_per_week": level,
            "lead_time_days": terms.lead_weeks * 7,
            "review_days": terms.review_weeks * 7,
            "service_level": service,
            "expected_demand": level * exposed,
            "safety_stock": plan.safety_stock,
            "reorder_point": plan.reorder_point,
            "order_quantity": plan.order_quantity,
            "order_up_to": plan.order_up_to,
            "order_basis": basis,
            "on_hand": numbers["on_hand"],
            "on_order": numbers["on_order"],
            "weeks_of_cover": np.divide(position, level, out=np.full(len(level), np.nan), where=level > 0),
            "stockout_risk": risk,
            "order_now": now,
            "order_value": now * terms.unit_cost,
        }
    )
    frame["action"] = np.where(
        plan.order_quantity <= 0, NOTHING, np.where(np.isnan(now), WAIT, np.where(now > 0, ORDER, ENOUGH))
    )
    frame["advice"] = _advice(frame, found)
    frame["assumptions"] = _assumptions(asked, found, numbers, terms, abc, basis, with_prices=chosen.with_prices)
    frame["saved_model"] = chosen.id
    return frame[list(TABLE.columns)]


def _terms(asked: ReorderSettings, numbers: Mapping[str, Array]) -> Terms:
    """What orders are subject to: the file's word, else the settings'."""
    lead = numbers["lead_time_days"]
    return Terms(
        np.where(np.isfinite(lead), lead, asked.lead_time_days) / 7,
        np.full(len(lead), asked.review_days / 7),
        numbers["min_order"],
        numbers["pack_size"],
        numbers["unit_cost"],
    )


def _usual_order(asked: ReorderSettings, level: Array, terms: Terms) -> tuple[Array, Array]:
    """Units of an order, and by what: 'eoq' where costs are known, else 'cover'."""
    cover = level * asked.cover_weeks
    if asked.order_cost is None:
        return cover, np.full(len(level), "cover", dtype=object)
    economic = economic_quantity(level, asked.order_cost, asked.holding_share, terms.unit_cost)
    economic = np.minimum(economic, level * WEEKS_OF_YEAR)  # more than a year's demand is a bet
    is_known = np.isfinite(economic)
    return np.where(is_known, economic, cover), np.where(is_known, "eoq", "cover").astype(object)


def _advice(plan: "pd.DataFrame", found: Outlook) -> list[str]:
    """What to do, in words."""
    idle = weeks_since_last(found.history.demand)
    columns = ("action", "order_now", "weeks_of_cover", "reorder_point", "order_quantity", "on_hand", "on_order")
    rows = zip(*(plan[name].tolist() for name in columns), idle.tolist(), strict=True)
    told = []
    for action, now, cover, point, order, on_hand, on_order, weeks_idle in rows:
        if action == NOTHING:
            left = f"; {_units(on_hand)} on hand" if on_hand > 0 else ""
            why = f"no demand for {weeks_idle} weeks" if weeks_idle else "no demand is expected"
            told.append(f"do not reorder: {why}{left}")
        elif action == WAIT:
            told.append(f"order {_units(order)} when {_units(point)} or fewer are on hand and on order")
        elif action == ORDER:
            coming = f", {_units(on_order)} on order" if on_order > 0 else ""
            told.append(f"order {_units(now)} now: {_units(on_hand)} on hand{coming}, reorder point {_units(point)}")
        else:
            told.append(f"enough for {cover:.0f} weeks" if cover >= 1.5 else "enough for now")
    return told


def _units(units: float) -> str:
    """A number of units, without a fraction where it has none."""
    return f"{units:,.0f}" if units == round(units) else f"{units:,.2f}"


def _assumptions(
    asked: ReorderSettings,
    found: Outlook,
    numbers: Mapping[str, Array],
    terms: Terms,
    abc: Array,
    basis: Array,
    *,
    with_prices: bool,
) -> list[str]:
    """What each row rests on, in words."""
    common = (
        f"stock is looked at every {asked.review_days:g} days; lead times are kept; weeks out of stock count as weeks "
        "without demand"
    )
    serving = found.serving
    service = dict(zip(CLASSES, asked.service_levels, strict=True))
    tempered = (found.history.full - found.history.demand).sum(axis=1)
    sizes = {
        "eoq": f"an order costs {asked.order_cost} and holding a unit {asked.holding_share:.0%} of its cost a year",
        "cover": f"an order is for {asked.cover_weeks:g} weeks, for ",
    }
    told = []
    for place, kind in enumerate(found.kinds.tolist()):
        days = terms.lead_weeks[place] * 7
        is_given = np.isfinite(numbers["lead_time_days"][place])
        parts = [
            f"lead time {days:g} days, {'by reorder.stock_file' if is_given else 'by reorder.lead_time_days'}",
            f"stock lasts until the next delivery in {service[abc[place]]:.1%} of cases, as for class {abc[place]}",
            f"{kind} demand by {serving[kind].candidate.model}: {_course(serving[kind].candidate.model, with_prices)}",
            sizes[basis[place]] + (_missing(asked, terms.unit_cost[place]) if basis[place] == "cover" else ""),
        ]
        if np.isnan(numbers["on_hand"][place]):
            parts.append("stock on hand is not known")
        elif np.isnan(numbers["on_order"][place]):
            parts.append("nothing is on order")
        if tempered[place] > 0:
            parts.append(f"{_units(tempered[place])} units of very large orders will not come again")
        if kind == NEW:
            parts.append("new: the first weeks may not be typical")
        told.append("; ".join([*parts, common]))
    return told


def _missing(asked: ReorderSettings, unit_cost: float) -> str:
    """Which costs an economic order quantity lacks, and where they are said."""
    lacking = []
    if asked.order_cost is None:
        lacking.append("what an order costs is not set (reorder.order_cost)")
    if np.isnan(unit_cost):
        lacking.append("what a unit costs is not known (reorder.stock_file or bundles.costs_file)")
    return " and ".join(lacking) or f"a unit that costs {unit_cost:g} has no economic order quantity"


def _course(model: str, with_prices: bool) -> str:
    """How demand is assumed to go on."""
    season = "with the season of a year ago" if model.startswith("seasonal") else "without season"
    return f"it goes on as of late, {season}, " + ("at the last price" if with_prices else "whatever prices do")


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    rows = warehouse.execute(f"select action, count(*) from {NAME} group by action order by action").fetchall()
    return {f"products: {action}": count for action, count in rows}


TABLE = FrameTable(
    name=NAME,
    row="a product with a forecast: when to order how much of it, and what to do today",
    about="Stock is looked at every reorder.review_days; when what is on hand and on order together is down to the "
    "reorder point, so much is ordered that it comes up to order_up_to (the (R, s, S) policy of Silver, Pyke & Thomas "
    "2017). The reorder point is the quantile of the demand of lead time and review together, from the distribution "
    "of forecasts.product_demand, at the service level of the product's class: the probability that stock lasts until "
    "the next delivery. Weeks are often without a delivery, so more than that share of weeks is without a stock-out. "
    "The usual order is the economic order quantity where reorder.order_cost and the unit cost are known (at most a "
    "year's demand), else the demand of reorder.cover_weeks; it is rounded up to the least order and whole packs. "
    "Stock, lead times and packs come from reorder.stock_file, unit costs from that or from bundles.costs_file. ABC "
    "classes go by the revenue of the last reorder.class_weeks, XYZ classes by the variation of weekly demand in "
    "them. Dead products are not ordered. What is assumed stands in each row.",
    key=("product_id",),
    columns={
        "product_id": ("varchar", "the product"),
        "product_name": ("varchar", "its name"),
        "abc_class": ("varchar", "A, B or C by share of revenue"),
        "xyz_class": ("varchar", "X, Y or Z by how much weekly demand varies"),
        "kind": ("varchar", "regular, erratic, intermittent, lumpy, new or dead"),
        "revenue": ("double", "of the last reorder.class_weeks [reporting currency]"),
        "variation": ("double", "standard deviation of weekly demand against its mean, null with less than two weeks"),
        "demand_per_week": ("double", "units to expect in a week, 0 for dead products [units]"),
        "lead_time_days": ("double", "from order to shelf [days]"),
        "review_days": ("double", "from one look at the stock to the next [days]"),
        "service_level": ("double", "how likely stock lasts until the next delivery [probability]"),
        "expected_demand": ("double", "of lead time and review together [units]"),
        "safety_stock": ("double", "reorder_point less expected_demand, not below 0 [units]"),
        "reorder_point": ("double", "at this much on hand and on order, or less, it is ordered [units]"),
        "order_quantity": ("double", "the usual order [units]"),
        "order_up_to": ("double", "the level that an order brings stock up to [units]"),
        "order_basis": ("varchar", "'eoq' or 'cover': what the usual order goes by"),
        "on_hand": ("double", "on the shelf, null if not known [units]"),
        "on_order": ("double", "ordered and not yet there, null if not known [units]"),
        "weeks_of_cover": ("double", "for how long what is on hand and on order lasts on average [weeks]"),
        "stockout_risk": (
            "double",
            "probability that it does not last for lead time and review, if nothing is ordered today, null if not "
            "known; risks rarer than the backtest could show follow the tail of the distribution and are rough",
        ),
        "order_now": ("double", "what to order today, null where stock is not known [units]"),
        "order_value": ("double", "what that costs, null where the unit cost is not known [reporting currency]"),
        "action": ("varchar", f"{ORDER}, {ENOUGH}, {WAIT} or {NOTHING}"),
        "advice": ("varchar", "the same in words"),
        "assumptions": ("varchar", "what the row rests on, in words"),
        "saved_model": ("varchar", "the choice of models that forecast the demand"),
    },
    upstream=(DEMAND, WEEKS, "sales.weekly", "core.product_names", STOCK, COSTS),
    make=_make,
    code=(stock_rules, demand_training, product_demand, *CODE),
    parameters=(*SETTINGS, *(f"reorder_{name}" for name in ReorderSettings.model_fields)),
    tell=_tell,
)
