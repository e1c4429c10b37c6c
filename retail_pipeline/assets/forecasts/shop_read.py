"""The shop's days as forecasts see them, read from the tables of sales."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retail_pipeline.analytics.forecasting.shop import OTHERS, TOTAL, Shop
from retail_pipeline.analytics.forecasting.trading_calendar import DAY, FREQUENCIES, MONTH, WEEK
from retail_pipeline.assets.sales.expected_range import MAIN_COUNTRY
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

UPSTREAM = ("sales.by_country", "sales.member_days", "sales.period_figures")
DIMENSIONS = ("country", "channel", "category")
COUNTED = ("orders", "customers")
"""Counts of a month that are forecast beside net sales, for comparison with what is known of customers."""
DAYS = """
    select period as day, cast(net_sales as double) as net_sales, orders, lines
    from sales.period_figures
    where frequency = 'day' and not is_partial
    order by period
"""
PERIODS = """
    select frequency, period, cast(orders as double) as orders, cast(customers as double) as customers
    from sales.period_figures
    where frequency in ('week', 'month') and not is_partial and period >= $first
    order by frequency, period
"""
PARTIAL = """
    select frequency, period
    from sales.period_figures
    where is_partial and period > $first
    order by period
"""
MEMBERS = """
    select
        dimension,
        member,
        cast(sum(net_sales) as double) as net_sales,
        count(*) over (partition by dimension) as members
    from sales.member_days
    where dimension in ('country', 'channel', 'category')
    group by dimension, member
    order by dimension, net_sales desc, member
"""
PART_DAYS = """
    select
        dimension,
        member,
        date_day as day,
        cast(net_sales as double) as net_sales,
        cast(coalesce(orders, lines) as double) as orders
    from sales.member_days
    where dimension in ('country', 'channel', 'category')
        and list_contains($series, concat(dimension, ':', member))
    order by dimension, member, date_day
"""


@dataclass(frozen=True)
class ReadShop:
    """The shop with what forecasts ask beside its series.

    Attributes
    ----------
    orders
        Orders a day on average, by series (of categories, lines).
    counts
        By count its value for each whole month.
    left_out
        By frequency the partial period at the end, None if the last one is whole.
    """

    shop: Shop
    orders: Mapping[str, float]
    counts: "Mapping[str, Any]"
    left_out: Mapping[str, Any]


def largest_members(warehouse: Warehouse, kept: int) -> dict[str, list[str]]:
    """By dimension its largest members, so many and, if one more makes all, that one too; none of one member."""
    found: dict[str, list[str]] = {}
    rows = warehouse.execute(MEMBERS).fetchall()
    for dimension in DIMENSIONS:
        members = [str(member) for of, member, *_ in rows if of == dimension]
        if len(members) > 1:
            found[dimension] = members if len(members) <= kept + 1 else members[:kept]
    return found


def read_shop(warehouse: Warehouse, members: Mapping[str, list[str]]) -> ReadShop | None:
    """The shop with the parts asked for, the rest of each dimension together; None of one that never sold anything."""
    import numpy as np
    import pandas as pd

    days = warehouse.read(DAYS)
    sold = days["lines"].to_numpy() > 0
    if not sold.any():
        return None
    days = days[int(np.argmax(sold)) :]
    index = pd.DatetimeIndex(days["day"])
    total = days["net_sales"].to_numpy(dtype=np.float64)
    parts, orders = _parts(warehouse, members, index, total)
    periods = warehouse.read(PERIODS, {"first": index[0].date()})
    monthly = periods[periods["frequency"] == MONTH]
    partial = warehouse.execute(PARTIAL, {"first": index[0].date()}).fetchall()
    shop = Shop(
        days=index,
        total=total,
        has_sales=(days["lines"] > 0).to_numpy(),
        parts=parts,
        periods={name: pd.DatetimeIndex(periods.loc[periods["frequency"] == name, "period"]) for name in (WEEK, MONTH)},
        country=warehouse.value(MAIN_COUNTRY),
    )
    return ReadShop(
        shop=shop,
        orders={TOTAL: float(days["orders"].mean()), **orders},
        counts={name: monthly[name].to_numpy(dtype=np.float64) for name in COUNTED},
        left_out={name: max((day for of, day in partial if of == name), default=None) for name in (DAY, WEEK, MONTH)},
    )


def _parts(
    warehouse: Warehouse, members: Mapping[str, list[str]], index: "pd.DatetimeIndex", total: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    """Net sales a day and orders a day of each part; the rest is what the whole has more than the kept members."""
    import numpy as np
    import pandas as pd

    names = [f"{dimension}:{member}" for dimension, kept in members.items() for member in kept]
    if not names:
        return {}, {}
    rows = warehouse.read(PART_DAYS, {"series": names})
    place = index.get_indexer(pd.DatetimeIndex(rows["day"]))
    rows = rows.assign(series=rows["dimension"] + ":" + rows["member"], place=place)[place >= 0]
    known = dict(iter(rows.groupby("series", sort=False)))
    counted = {of: count for of, *_, count in warehouse.execute(MEMBERS).fetchall()}
    parts: dict[str, Any] = {}
    orders: dict[str, float] = {}
    for dimension, kept in members.items():
        rest = total.copy()
        for member in kept:
            name = f"{dimension}:{member}"
            values = np.zeros(len(index))
            if name in known:
                values[known[name]["place"].to_numpy()] = known[name]["net_sales"].to_numpy()
                orders[name] = float(known[name]["orders"].sum() / len(index))
            parts[name] = values
            rest -= values
        if counted.get(dimension, 0) > len(kept):
            parts[f"{dimension}:{OTHERS}"] = np.round(rest, 4)
            sold = sum(orders.get(f"{dimension}:{member}", 0.0) for member in kept)
            orders[f"{dimension}:{OTHERS}"] = max(_orders_of(warehouse, dimension) / len(index) - sold, 0.0)
    return parts, orders


def _orders_of(warehouse: Warehouse, dimension: str) -> float:
    return float(
        warehouse.value(
            "select sum(coalesce(orders, lines)) from sales.member_days where dimension = $dimension",
            {"dimension": dimension},
        )
        or 0
    )


FREQUENCY_ORDER = {name: place for place, name in enumerate(FREQUENCIES)}
