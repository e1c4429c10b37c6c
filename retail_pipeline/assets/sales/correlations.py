"""``sales.correlations``: which measures of customers, and of weeks, go together."""

from typing import TYPE_CHECKING

from retail_pipeline.analytics import correlations
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

CUSTOMERS = """
    select
        cast(sum(days.orders) as double) as orders,
        cast(sum(days.gross_sales - days.discounts - days.returns) as double) as net_sales,
        cast(sum(days.gross_sales - days.discounts) as double) / sum(days.orders) as avg_order_value,
        cast(sum(days.units) as double) / sum(days.orders) as units_per_order,
        cast(any_value(varieties.products) as double) as product_variety,
        cast(sum(days.discounts) as double) / nullif(cast(sum(days.gross_sales) as double), 0) as discount_rate,
        cast(sum(days.returns) as double) / nullif(cast(sum(days.gross_sales - days.discounts) as double), 0)
            as return_rate,
        cast(any_value(ends.last_day) - min(case when orders > 0 then date_day end) as double) as tenure_days,
        cast(any_value(ends.last_day) - max(case when orders > 0 then date_day end) as double) as recency_days
    from sales.order_days as days
    join (
        select customer_id, count(distinct product_id) as products
        from core.customer_purchases
        group by customer_id
    ) as varieties on days.customer_id = varieties.customer_id
    cross join (select max(date_day) as last_day from core.calendar) as ends
    group by days.customer_id
    having sum(days.orders) > 0
    order by days.customer_id
"""
WEEKS = """
    select
        cast(orders as double) as orders,
        cast(customers as double) as customers,
        cast(new_customers as double) as new_customers,
        cast(guest_orders as double) as guest_orders,
        cast(net_sales as double) as net_sales,
        avg_order_value,
        lines_per_order,
        cast(discounts as double) / nullif(cast(gross_sales as double), 0) as discount_rate,
        cast(returns as double) / nullif(cast(gross_sales - discounts as double), 0) as return_rate
    from sales.weekly
    where not is_partial
    order by week
"""


def make(warehouse: Warehouse) -> "pd.DataFrame":
    """The correlations of customers' measures, and of weeks' changes."""
    import pandas as pd

    grains = {"customer": warehouse.read(CUSTOMERS), "week": warehouse.read(WEEKS).diff().iloc[1:]}
    parts = [correlations.correlate(measures).assign(grain=grain) for grain, measures in grains.items()]
    return pd.concat(parts, ignore_index=True)[list(TABLE.columns)]


TABLE = FrameTable(
    name="sales.correlations",
    row="two measures of customers, or of weeks",
    about="Of customers over all time; of whole weeks in their changes from one to the next, since what merely grows "
    "together would correlate too. A correlation says nothing of cause. The q-value is the share of false ones among "
    "all pairs of a grain that have one as low (Benjamini-Hochberg).",
    key=("grain", "measure_a", "measure_b"),
    columns={
        "grain": ("varchar", "customer or week"),
        "measure_a": ("varchar", "a measure"),
        "measure_b": ("varchar", "another one"),
        "n": ("bigint", "customers or weeks for which both are known"),
        "pearson": ("double", "Pearson's correlation, null where one does not vary or n is below 4"),
        "pearson_p_value": ("double", "its two-sided p-value"),
        "pearson_q_value": ("double", "its q-value among all pairs of the grain"),
        "spearman": ("double", "Spearman's rank correlation"),
        "spearman_p_value": ("double", "its two-sided p-value"),
        "spearman_q_value": ("double", "its q-value among all pairs of the grain"),
    },
    upstream=("core.calendar", "core.customer_purchases", "sales.order_days", "sales.weekly"),
    make=make,
    code=(correlations,),
)
