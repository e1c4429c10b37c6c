"""The days on which customers bought, as models of their purchases see them: known as of the end of the calibration."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

UPSTREAM = ("core.order_lines", "customers.order_states")
DAYS_OF = {"day": 1, "week": 7}
"""Days by unit of time."""
CUSTOMERS = """
    select
        customer_id,
        count(*) - 1 as x,
        date_diff('day', min(order_date), max(order_date)) as t_x_days,
        date_diff('day', min(order_date), $end) as total_days,
        sum(amount) as spend,
        sum(amount) - min_by(amount, order_date) as repeat_spend
    from (
        select customer_id, order_date, sum(amount) as amount
        from customers.order_states
        where known_from <= $end and coalesce(known_until > $end, true) and lines > 0
        group by customer_id, order_date
    )
    group by customer_id
"""
"""A customer with the repeat days x, and the time to the last of them and to the end of the calibration."""


@dataclass(frozen=True)
class Extent:
    """How much there is to learn from: the last day of the calibration, customers until then, days since the first."""

    end: date | None
    customers: int
    days: int


def calibration_end(warehouse: Warehouse) -> date | None:
    """The last day whose purchases count, never one that ``core.as_of`` leaves out; None without data."""
    last, end, as_of = last_day(warehouse), warehouse.settings.clv.calibration_end, warehouse.settings.core.as_of
    if last is None or end is None:
        return last
    return min(end, last) if as_of else end


def last_day(warehouse: Warehouse) -> date | None:
    """The last day of which all is known: the day before ``core.as_of``, or the last of the data; None without data."""
    last: date | None = warehouse.value("select max(order_date) from core.order_lines")
    as_of = warehouse.settings.core.as_of
    return as_of - timedelta(days=1) if as_of and last else last


def last_whole_day(warehouse: Warehouse) -> date | None:
    """The last day whose orders are all known: the one before the last, if the data end in the middle of that.

    By the rule of ``sales.daily``: if its last line is earlier than that of any of the 28 days before that had any.
    """
    last = last_day(warehouse)
    is_partial = warehouse.value("select is_partial from sales.daily where date_day = $day", {"day": last})
    return last - timedelta(days=1) if last and is_partial else last


def extent(warehouse: Warehouse) -> Extent:
    """What there is until the end of the calibration."""
    end = calibration_end(warehouse)
    if end is None:
        return Extent(None, 0, 0)
    customers, days = warehouse.row(f"select count(*), max(total_days) + 1 from ({CUSTOMERS})", {"end": end}) or (0, 0)
    return Extent(end, customers, days or 0)


def grouped_purchases(warehouse: Warehouse, end: date) -> "pd.DataFrame":
    """Different customers by ``x``, ``t_x_days`` and ``total_days``, with how many ``customers`` are so."""
    return warehouse.read(
        f"select x, t_x_days, total_days, count(*) as customers from ({CUSTOMERS}) group by all order by all",
        {"end": end},
    )


def repeat_spends(warehouse: Warehouse, end: date) -> "pd.DataFrame":
    """The repeat days ``x`` of customers who have any, and their mean value ``mean`` [reporting currency]."""
    return warehouse.read(
        f"select x, cast(repeat_spend as double) / x as mean from ({CUSTOMERS}) where x > 0 order by all", {"end": end}
    )


def customers_as_of(warehouse: Warehouse, end: date) -> "pd.DataFrame":
    """Every customer as of the end of a day, ordered by ``customer_id``: the columns of the query above."""
    return warehouse.read(f"from ({CUSTOMERS}) order by customer_id", {"end": end})
