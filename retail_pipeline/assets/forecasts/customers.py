"""``forecasts.customers``: customers and orders to expect by month, of those known by now and of all."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.btyd import active, beta_geometric, pareto_nbd, quadrature
from retail_pipeline.analytics.btyd.active import active_probability
from retail_pipeline.analytics.forecasting.shop import ShopSeries
from retail_pipeline.analytics.forecasting.trading_calendar import MONTH
from retail_pipeline.assets.customers.lifetime_value import likeliest
from retail_pipeline.assets.forecasts.backtest import CHAMPIONS, READS, choice_told
from retail_pipeline.assets.forecasts.backtest import SETTINGS as FORECAST_SETTINGS
from retail_pipeline.assets.forecasts.forecast_training import Chosen, counted_series
from retail_pipeline.assets.forecasts.revenue import serve
from retail_pipeline.assets.forecasts.shop_read import COUNTED, read_shop
from retail_pipeline.assets.forecasts.shop_read import UPSTREAM as SHOP_UPSTREAM
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.models import purchase_days
from retail_pipeline.assets.models.btyd import PARAMETERS, fitting_models
from retail_pipeline.assets.models.btyd import SETTINGS as BTYD_SETTINGS
from retail_pipeline.assets.models.purchase_days import DAYS_OF, customers_as_of, last_day
from retail_pipeline.assets.models.purchase_days import UPSTREAM as PURCHASE_UPSTREAM
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CUSTOMERS = "forecasts.customers"
NEAR = 0.1
"""Two expectations nearer than this share of all orders say the same."""
SO_FAR = """
    select
        coalesce(sum(orders), 0) as orders,
        count(distinct case when orders > 0 then customer_id end) as customers
    from sales.order_days
    where date_day >= $first and date_day <= $last and customer_id is not null
"""
ACTIVE_SO_FAR = """
    select distinct customer_id
    from sales.order_days
    where date_day >= $first and date_day <= $last and customer_id is not null and orders > 0
"""
USUAL = """
    select
        1 - cast(sum(returning_customers) as double) / nullif(sum(customers), 0) as customers,
        1 - cast(sum(returning_orders) as double) / nullif(sum(orders), 0) as orders
    from (
        select
            months.period,
            months.customers,
            months.returning_customers,
            months.orders,
            coalesce(max(case when members.member = 'returning' then members.orders end), 0) as returning_orders
        from sales.period_figures as months
        join sales.member_periods as members
            on months.frequency = members.frequency
            and months.period = members.period
            and members.dimension = 'customer_type'
        where months.frequency = 'month' and not months.is_partial
        group by months.period, months.customers, months.returning_customers, months.orders
        order by months.period desc
        limit 6
    )
"""
ORDERS_A_DAY = """
    select cast(sum(orders) as double) / nullif(count(distinct customer_id || ' ' || date_day), 0)
    from sales.order_days
    where customer_id is not null and orders > 0
"""


@dataclass(frozen=True)
class Known:
    """What customers known by now are expected to do in a month, and what they did of it already."""

    orders: float
    customers: float
    so_far_orders: int
    so_far_customers: int


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    import pandas as pd

    chosen, end = choice_told(warehouse), last_day(warehouse)
    read = read_shop(warehouse, chosen.members) if chosen else None
    rows: list[dict[str, Any]] = []
    if chosen is not None and read is not None and end is not None:
        counted = {one.name: one for one in counted_series(read, warehouse.settings)}
        usual = dict(zip(("customers", "orders"), warehouse.row(USUAL) or (None, None), strict=True))
        known = dict(_known(warehouse, end, _months(counted)))
        rows = [
            row for name in COUNTED if name in counted for row in _rows(name, counted[name], chosen, known, usual, end)
        ]
    return pd.DataFrame(rows, columns=list(TABLE.columns), dtype=None if rows else "object")


def _months(counted: Mapping[str, ShopSeries]) -> list[date]:
    """The first days of the months to come."""
    for one in counted.values():
        return [day.date() for day in one.grid.periods[one.grid.known : one.grid.known + one.horizon]]
    return []


def _rows(
    measure: str,
    one: ShopSeries,
    chosen: Chosen,
    known: Mapping[date, Known],
    usual: Mapping[str, float | None],
    end: date,
) -> Iterator[dict[str, Any]]:
    served = serve(one, chosen.of(measure, MONTH))
    if served is None:
        return
    for step, month in enumerate(_months({measure: one})):
        value, width = float(served.mean[step]), float(served.widths[0, step])
        row: dict[str, Any] = {
            "measure": measure,
            "period": month,
            "time_series": value,
            "lower_80": max(value - width, 0.0),
            "upper_80": value + width,
            "model": served.model,
            "usual_share_new": usual[measure],
            "as_of": end + timedelta(days=1),
        }
        if month in known:
            from_known = getattr(known[month], measure)
            row |= {
                "known_customers": from_known,
                "so_far": getattr(known[month], f"so_far_{measure}"),
                "difference": value - from_known,
            }
        has_begun = month <= end
        row["meaning"] = meaning(measure, row.get("known_customers"), value, None if has_begun else usual[measure])
        yield row


def meaning(measure: str, known: float | None, all_: float, usual: float | None) -> str:
    """What the difference of the two expectations means, in words."""
    what = {"orders": "orders", "customers": "customers with an order"}[measure]
    if known is None:
        return f"there is no model of purchases, so only the time series speaks: {all_:,.0f} {what}"
    told = f"of {all_:,.0f} {what} by the time series, {known:,.0f} are expected from customers known by now; "
    if all_ <= 0:
        return told + "the time series expects none"
    missing = 1 - known / all_
    if missing < -NEAR:
        return told + (
            "those alone are more than the time series expects: it sees a fall or a season that models of single "
            "customers do not know of, or these leave sooner than they are thought to"
        )
    share = f"{max(missing, 0.0):.0%} would have to come from customers and guests not known yet"
    if usual is None:
        return told + share
    usually = f"new customers and guests were {usual:.0%} in the last six whole months"
    if missing > usual + NEAR:
        return (
            told + f"{share}, and {usually}: the time series expects growth or a season, which single customers do not"
        )
    if missing < usual - NEAR:
        return told + f"{share}, while {usually}: a month without its usual new ones, or known customers leave sooner"
    return told + f"{share}, and {usually}: both say the same"


def _known(warehouse: Warehouse, end: date, months: list[date]) -> Iterator[tuple[date, Known]]:
    """By month what customers known by the end of a day are expected to do; nothing without a model of purchases."""
    import numpy as np

    fitted = fitting_models(warehouse) if warehouse.value(f"select count(*) from {PARAMETERS}") else None
    if fitted is None:
        return
    model, unit = fitted.order_model(likeliest(fitted)), DAYS_OF[warehouse.settings.clv.time_unit]
    customers = customers_as_of(warehouse, end)
    x = customers["x"].to_numpy(dtype=np.int64)
    t_x, total = (customers[name].to_numpy(dtype=np.float64) / unit for name in ("t_x_days", "total_days"))
    orders_a_day = float(warehouse.value(ORDERS_A_DAY) or 1.0)
    days = [(month - timedelta(days=1), _last_day(month)) for month in months]
    spans = [tuple(max((day - end).days, 0) / unit for day in ends) for ends in days]
    chances = active_probability(model, x, t_x, total, [(start, stop) for start, stop in spans])
    until_start = np.zeros(len(x))
    for month, (_, stop), chance in zip(months, spans, chances, strict=True):
        until_stop = model.conditional_expected_orders(stop, x, t_x, total) if stop > 0 else until_start
        ordered, until_start = until_stop - until_start, until_stop
        so_far_orders, so_far = warehouse.row(SO_FAR, {"first": month, "last": end}) or (0, 0)
        was_active = _are_in(warehouse, customers, month, end) if so_far else np.zeros(len(x), dtype=np.bool_)
        yield (
            month,
            Known(
                orders=float(np.sum(ordered)) * orders_a_day + float(so_far_orders),
                customers=float(np.sum(chance[~was_active])) + float(so_far),
                so_far_orders=int(so_far_orders),
                so_far_customers=int(so_far),
            ),
        )


def _last_day(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _are_in(warehouse: Warehouse, customers: "pd.DataFrame", first: date, last: date) -> "np.ndarray[Any, Any]":
    """Whether each customer has ordered in a month already."""
    rows = warehouse.execute(ACTIVE_SO_FAR, {"first": first, "last": last}).fetchall()
    found: np.ndarray[Any, Any] = customers["customer_id"].isin({name for (name,) in rows}).to_numpy()
    return found


TABLE = FrameTable(
    name=CUSTOMERS,
    row="a month to come, with the orders, or the customers who place one, to expect in it",
    about="Twice: known_customers by the likeliest model of purchases (models.btyd_parameters), which sees each "
    "customer known by as_of but neither newcomers nor seasons; time_series by the champion of forecasts.champions for "
    "the count as a whole, which sees trend and season but no customers. Their difference is what newcomers, guests "
    "and season have to bring; meaning says it in words, beside the usual share of new customers and guests where the "
    "month has not begun. In one that has, what came until as_of (so_far) is in known_customers.",
    key=("measure", "period"),
    columns={
        "measure": ("varchar", "'orders', or 'customers' for those who place one"),
        "period": ("date", "the month's first day"),
        "known_customers": ("double", "expected of customers known by as_of, null without a model [as measure]"),
        "so_far": ("bigint", "of it there already [as measure]"),
        "time_series": ("double", "expected of all by the time series [as measure]"),
        "lower_80": ("double", "lower end of the time series' 80 % interval [as measure]"),
        "upper_80": ("double", "upper end of it [as measure]"),
        "difference": ("double", "time_series less known_customers [as measure]"),
        "usual_share_new": ("double", "share of new customers and guests in the last six whole months"),
        "model": ("varchar", "the model of the time series"),
        "meaning": ("varchar", "what the difference means, in words"),
        "as_of": ("date", "the day from which it is looked ahead [store time]"),
    },
    upstream=(
        CHAMPIONS, PARAMETERS, "sales.member_periods", "sales.order_days", *SHOP_UPSTREAM, *PURCHASE_UPSTREAM,
    ),
    make=_make,
    code=(active, beta_geometric, pareto_nbd, quadrature, purchase_days, *READS),
    parameters=tuple(dict.fromkeys((*FORECAST_SETTINGS, *BTYD_SETTINGS))),
)  # fmt: skip
