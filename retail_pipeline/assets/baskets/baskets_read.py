"""Baskets as mining takes them: which orders are baskets, what each holds, in the order in which they came.

Belongs here: which lines count, by the settings. Not here: the counting itself (``analytics.baskets``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.itemsets import least_count
from retail_pipeline.analytics.baskets.occurrences import Occurrences
from retail_pipeline.settings import BasketSettings
from retail_pipeline.warehouse.warehouse import Warehouse

UPSTREAM = ("core.order_lines", "core.orders", "core.products")
SETTINGS = ("revenue_policy", "as_of", *(f"basket_{name}" for name in BasketSettings.model_fields))

BASKETS = "temp.main.baskets"
ITEMS = "temp.main.basket_items"

FIND_BASKETS = f"""
    create or replace temp table {BASKETS} as
    with lines as (
        select order_id, product_id
        from core.order_lines
        where quantity > 0 and unit_price > 0 and not is_reexported and $revenue_policy = 'gross'
    ),

    gross_orders as (
        select order_id
        from lines
        group by order_id
        having $least_items <= 1 or count(distinct product_id) >= $least_items
    )

    select
        orders.order_id,
        orders.order_date,
        cast(row_number() over (order by orders.order_ts, orders.order_id) - 1 as integer) as basket
    from core.orders as orders
    left join gross_orders on orders.order_id = gross_orders.order_id
    where (orders.order_ts < $as_of or $as_of is null)
        and ($guests or not orders.is_guest)
        and case
            when $revenue_policy = 'gross' then gross_orders.order_id is not null
            else orders.products >= greatest($least_items, 1)
        end
"""
ITEM_OF_LINE = {
    "product": "select order_id, product_id as item from core.order_lines as lines",
    "category": "select order_id, category as item from core.order_lines as lines",
    "description": """
        select lines.order_id, exported.product_name as item
        from core.order_lines as lines
        join raw.transactions as exported
            on lines.drop_id = exported.drop_id
            and lines.source_row = exported.source_row
            and lines.source_part = exported.source_part
    """,
}
COUNTED = """
    where case
        when $revenue_policy = 'gross' then lines.quantity > 0 and lines.unit_price > 0 and not lines.is_reexported
        else lines.line_type = 'sale' and not lines.is_duplicate
    end
"""


@dataclass(frozen=True)
class BasketItems:
    """What baskets hold.

    Attributes
    ----------
    held
        The baskets that hold each item; baskets are numbered by the time of their order.
    items, names
        What is called item 0, 1, ..., in the order of the ids, and in words. Left out are items on fewer lines than
        an itemset needs baskets.
    days
        Each basket's day, ascending; shape (baskets,).
    least
        Baskets that must hold an itemset for it to be frequent.
    capped
        Baskets of which only ``baskets.most_items`` items were taken.
    """

    held: Occurrences
    items: list[str]
    names: list[str]
    days: NDArray[np.datetime64]
    least: int
    capped: int


def read_baskets(warehouse: Warehouse) -> BasketItems:
    """All baskets, as the settings say."""
    settings = warehouse.settings.baskets
    policy = {"revenue_policy": warehouse.settings.core.revenue_policy}
    warehouse.execute(
        FIND_BASKETS,
        {
            **policy,
            "as_of": warehouse.settings.core.as_of,
            "guests": settings.guests,
            "least_items": settings.least_items,
        },
    )
    days = warehouse.execute(f"select order_date from {BASKETS} order by basket").fetchnumpy()["order_date"]
    least = settings.min_orders or least_count(settings.min_support, len(days))
    lines = f"({ITEM_OF_LINE[settings.items]} {COUNTED})"
    warehouse.execute(
        f"""
        create or replace temp table {ITEMS} as
        select lines.item, cast(row_number() over (order by lines.item) - 1 as integer) as number
        from {lines} as lines
        where lines.item is not null
        group by lines.item
        having count(*) >= $least
        """,
        {**policy, "least": least},
    )
    names = warehouse.execute(
        f"""
        select items.item, coalesce(products.product_name, items.item)
        from {ITEMS} as items
        left join core.products as products on items.item = products.product_id and $by_product
        order by items.number
        """,
        {"by_product": settings.items == "product"},
    ).fetchall()
    pairs = warehouse.execute(
        f"""
        select baskets.basket, items.number
        from {lines} as lines
        join {ITEMS} as items on lines.item = items.item
        join {BASKETS} as baskets on lines.order_id = baskets.order_id
        """,
        policy,
    ).fetchnumpy()
    for table in (BASKETS, ITEMS):
        warehouse.execute(f"drop table {table}")
    held = Occurrences.from_pairs(_plain(pairs["basket"]), _plain(pairs["number"]), len(days), len(names))
    capped = 0
    if settings.most_items:
        held, capped = held.capped(settings.most_items)
    return BasketItems(
        held, [item for item, _ in names], [name for _, name in names], np.asarray(days, "datetime64[D]"), least, capped
    )


def _plain(column: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.asarray(column)
