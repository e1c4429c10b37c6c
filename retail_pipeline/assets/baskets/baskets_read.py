"""Baskets as mining takes them: which orders are baskets, what each holds, in the order in which they came.

Belongs here: which lines count, by the settings. Not here: the counting itself (``analytics.baskets``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets.itemsets import least_count
from retail_pipeline.analytics.baskets.later import first_later_basket
from retail_pipeline.analytics.baskets.occurrences import Occurrences
from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import BasketSettings
from retail_pipeline.warehouse.warehouse import Warehouse

UPSTREAM = ("core.order_lines", "core.orders", "core.products")
SETTINGS = ("revenue_policy", "as_of", *(f"basket_{name}" for name in BasketSettings.model_fields))

BASKETS = "temp.main.baskets"
ITEMS = "temp.main.basket_items"
ORDER_COLUMNS = ("customer", "amount", "products")

FIND_BASKETS = f"""
    create or replace temp table {BASKETS} as
    with gross_orders as (
        select
            order_id,
            count(distinct product_id) as products,
            coalesce(sum(reporting_amount), 0) as sales_amount
        from core.order_lines
        where $revenue_policy = 'gross'
            and customer_id is not null
            and quantity > 0
            and unit_price > 0
            and not is_reexported
        group by order_id
    )

    select
        orders.order_id,
        orders.order_date,
        orders.customer_id,
        coalesce(gross_orders.sales_amount, orders.sales_amount) as sales_amount,
        coalesce(gross_orders.products, orders.products) as products,
        cast(row_number() over (order by orders.order_ts, orders.order_id) - 1 as integer) as basket
    from core.orders as orders
    left join gross_orders on orders.order_id = gross_orders.order_id
    where (orders.order_ts < $as_of or $as_of is null)
        and ($guests or not orders.is_guest)
        and case
            when $revenue_policy = 'gross' then gross_orders.products >= $least_items
            else orders.products >= $least_items
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
    where (lines.order_ts < $as_of or $as_of is null)
        and case
            when $revenue_policy = 'gross' then
                lines.customer_id is not null
                and lines.quantity > 0
                and lines.unit_price > 0
                and not lines.is_reexported
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
        Baskets that must hold an itemset for it to be frequent; of the earlier weeks if those were asked for.
    first_later
        The first basket of the later weeks; None where there are too few weeks to divide.
    capped
        Baskets of which only ``baskets.most_items`` items were taken.
    customers
        Each basket's customer, numbered from 0 on, -1 for a guest; empty if not asked for; shape (baskets,).
    amounts
        What each basket's order sold; empty if not asked for; shape (baskets,).
    products
        How many products each basket's order sold, rare ones too; empty if not asked for; shape (baskets,).
    """

    held: Occurrences
    items: list[str]
    names: list[str]
    days: NDArray[np.datetime64]
    least: int
    first_later: int | None
    capped: int
    customers: NDArray[np.int64]
    amounts: NDArray[np.float64]
    products: NDArray[np.int64]

    def numbers(self, items: Iterable[str], table: str) -> NDArray[np.int64]:
        """The numbers of items that a table holds.

        Raises
        ------
        WarehouseError
            when one is not here, so that the table was made of other baskets.
        """
        number = {item: place for place, item in enumerate(self.items)}
        try:
            return np.array([number[item] for item in items], dtype=np.int64)
        except KeyError as error:
            raise unfit(table) from error


def read_baskets(warehouse: Warehouse, *, with_orders: bool = False, earlier: bool = False) -> BasketItems:
    """All baskets, as the settings say.

    Parameters
    ----------
    with_orders
        Whether customers, amounts and products of the orders are asked for.
    earlier
        Whether it is the earlier weeks that are to be mined: then nothing that happens later decides which items there
        are.
    """
    settings = warehouse.settings.baskets
    lines_by = {"revenue_policy": warehouse.settings.core.revenue_policy, "as_of": warehouse.settings.core.as_of}
    warehouse.execute(FIND_BASKETS, {**lines_by, "guests": settings.guests, "least_items": settings.least_items})
    found = warehouse.execute(f"select order_date from {BASKETS} order by basket").fetchnumpy()["order_date"]
    days = np.asarray(found, "datetime64[D]")
    orders = _read_orders(warehouse) if with_orders else dict.fromkeys(ORDER_COLUMNS, np.zeros(0, np.int64))
    first_later = first_later_basket(days, settings.later_share)
    judged = first_later if earlier and first_later else len(days)
    least = settings.min_orders or least_count(settings.min_support, judged)
    lines = f"({ITEM_OF_LINE[settings.items]} {COUNTED})"
    # an item on fewer lines is in fewer baskets; the lines of all weeks are no fewer than those of the earlier ones
    warehouse.execute(
        f"""
        create or replace temp table {ITEMS} as
        select lines.item, cast(row_number() over (order by lines.item) - 1 as integer) as number
        from {lines} as lines
        where lines.item is not null
        group by lines.item
        having count(*) >= $least
        """,
        {**lines_by, "least": least},
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
        lines_by,
    ).fetchnumpy()
    for table in (BASKETS, ITEMS):
        warehouse.execute(f"drop table {table}")
    held = Occurrences.from_pairs(_plain(pairs["basket"]), _plain(pairs["number"]), len(days), len(names))
    capped = 0
    if settings.most_items:
        held, capped = held.capped(settings.most_items, judged)
    return BasketItems(
        held=held,
        items=[item for item, _ in names],
        names=[name for _, name in names],
        days=days,
        least=least,
        first_later=first_later,
        capped=capped,
        customers=orders["customer"],
        amounts=orders["amount"].astype(np.float64),
        products=orders["products"],
    )


def _read_orders(warehouse: Warehouse) -> dict[str, NDArray[Any]]:
    """Customer, amount and number of products of each basket."""
    return warehouse.execute(
        f"""
        select
            case when customer_id is null then -1 else dense_rank() over (order by customer_id) - 1 end as customer,
            cast(sales_amount as double) as amount,
            products
        from {BASKETS}
        order by basket
        """
    ).fetchnumpy()


def unfit(table: str) -> WarehouseError:
    """What to raise where a table was made of other baskets: by other settings, or before the last drop."""
    return WarehouseError(
        f"{table} does not fit the orders and settings as they are. Build it first: "
        f"'retail run --select {table}', or all with 'retail run'."
    )


def months_of(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """A number for the month of each day."""
    return days.astype("datetime64[M]").astype(np.int64)


def _plain(column: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.asarray(column)
