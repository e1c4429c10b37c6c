"""``sales.expected_range``: what each day and week of the shop and its parts was expected to bring, and brought."""

from typing import TYPE_CHECKING

from retail_pipeline.analytics import anomalies, expected_ranges, occasions
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

TOTAL = """
    select
        date_day as day,
        cast(orders as double) as orders,
        cast(net_sales as double) as net_sales,
        cast(lines as double) as lines,
        avg_order_value,
        cast(returns as double) as returns
    from sales.daily
    where not is_partial
    order by date_day
"""
PARTS = """
    with order_parts as (
        select
            'country' as dimension,
            country as member,
            date_day,
            orders,
            gross_sales - discounts - returns as net_sales
        from sales.order_days
        union all
        select 'channel', channel, date_day, orders, gross_sales - discounts - returns
        from sales.order_days
    ),

    parts as (
        select dimension, member, date_day, sum(orders) as orders, null as lines, sum(net_sales) as net_sales
        from order_parts
        group by dimension, member, date_day
        union all
        select
            'category',
            products.category,
            days.date_day,
            null,
            sum(days.lines),
            sum(days.gross_sales - days.discounts - days.returns)
        from sales.product_days as days
        join sales.by_product as products on days.product_id = products.product_id
        group by products.category, days.date_day
    ),

    members as (
        select
            dimension,
            member,
            row_number() over (partition by dimension order by sum(net_sales) desc, member) as place,
            count(*) over (partition by dimension) as members
        from parts
        where member is not null
        group by dimension, member
    )

    select
        parts.dimension,
        parts.member,
        parts.date_day as day,
        cast(parts.orders as double) as orders,
        cast(parts.lines as double) as lines,
        cast(parts.net_sales as double) as net_sales
    from parts
    join members on parts.dimension = members.dimension and parts.member = members.member
    where members.members > 1 and members.place <= $members
    order by parts.dimension, parts.member, parts.date_day
"""
PRODUCTS = """
    select days.product_id as member, products.category, days.date_day as day, cast(days.lines as double) as lines
    from sales.product_days as days
    join (
        select
            counted.product_id,
            products.category,
            row_number() over (order by counted.lines desc, counted.product_id) as place
        from (
            select product_id, sum(lines) as lines
            from sales.product_days
            group by product_id
        ) as counted
        join sales.by_product as products on counted.product_id = products.product_id
    ) as products on days.product_id = products.product_id
    where products.place <= $products
    order by days.product_id, days.date_day
"""
MAIN_COUNTRY = """
    select country
    from sales.by_country
    where country is not null
    order by net_sales desc, country
    limit 1
"""


def make(warehouse: Warehouse) -> "pd.DataFrame":
    """The expected ranges of all series worth judging."""
    settings = warehouse.settings.anomalies
    parts = warehouse.read(PARTS, {"members": settings.members})
    countries = {str(name): str(name) for name in parts.loc[parts["dimension"] == "country", "member"].unique()}
    main_country = warehouse.value(MAIN_COUNTRY) if warehouse.count("sales.by_country") else None
    if main_country is not None:
        countries[expected_ranges.TOTAL] = str(main_country)
    return expected_ranges.expected_ranges(
        warehouse.read(TOTAL),
        parts,
        warehouse.read(PRODUCTS, {"products": settings.products}),
        countries,
        expected_ranges.Limits(settings.false_alarms, settings.least_days, settings.least_orders),
    )


TABLE = FrameTable(
    name="sales.expected_range",
    row="a day or week of a series: of the shop, a country, a channel, a category or a product",
    about="The shop's trend and week are found by STL, robustly; its season is what came at the same time of other "
    "years too; a holiday of its country (the one that sells most), a day around Christmas or of Black "
    "Friday's week does what it did on its other dates, or nothing. A part follows the shop in its slowly "
    "changing share. What is left is judged on a square-root scale, on which counts and money spread alike at "
    "every level, against its median absolute deviation. Countries, channels and categories with few sales a "
    "day are judged by week only, products always. Left out are the partial last day, partial weeks, weekdays "
    "on which the shop does not trade, days without sales beside a holiday and, of all but the shop's orders "
    "and net sales, days on which it has no sales at all. Half of all values are to be above what is "
    "expected, half below.",
    key=("dimension", "member", "measure", "frequency", "period"),
    columns={
        "dimension": ("varchar", "total, country, channel, category or product"),
        "member": ("varchar", "which one of them; total for the shop"),
        "measure": ("varchar", "orders, net_sales, avg_order_value, returns or (sale) lines"),
        "frequency": ("varchar", "day or week"),
        "period": ("date", "the day, or the week's Monday"),
        "value": ("double", "what it brought [orders, lines or reporting currency]"),
        "expected": ("double", "what was expected [as value]"),
        "lower": ("double", "lower end of the range [as value]"),
        "upper": ("double", "upper end of the range [as value]"),
        "likely_lower": ("double", "lower end of the narrower range in which nine of ten periods lie [as value]"),
        "likely_upper": ("double", "its upper end [as value]"),
        "score": ("double", "robust standard deviations from what was expected, on the square-root scale"),
        "p_value": ("double", "share of periods that chance takes as far"),
        "q_value": ("double", "share of false ones among all in the table that are as far (Benjamini-Hochberg)"),
        "occasion": ("varchar", "the holiday or the like that it is, or the first one of the week"),
        "is_missing_day": ("boolean", "whether the shop has no sales at all on a day on which there should be some"),
        "is_outside": ("boolean", "whether value is outside the range: an anomaly"),
    },
    upstream=(
        "sales.by_country", "sales.by_product", "sales.daily", "sales.order_days", "sales.product_days",
    ),
    make=make,
    code=(anomalies, expected_ranges, occasions),
    parameters=(
        "anomaly_false_alarms", "anomaly_least_days", "anomaly_least_orders", "anomaly_members", "anomaly_products",
    ),
)  # fmt: skip
