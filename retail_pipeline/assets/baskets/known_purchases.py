"""What recommenders learn from and are measured on, read from the tables: customers and products become numbers.

Numbers follow the order of ids, and every list is sorted, so nothing depends on the order of rows. What a customer
bought is what core.customer_purchases counts, less the lines of which nothing was left by the cut-off; baskets are all
orders, those of guests too. Charges are no products.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from retail_pipeline.analytics.recommenders.known import Known, Sparse, Tuning, incidence, known_purchases
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

UPSTREAM = ("core.order_lines", "core.customer_purchases", "core.products", "customers.undone_lines")
AS_OF = "select coalesce(cast($as_of as date), cast(max(order_date) + 1 as date)) from core.order_lines"
PRODUCTS = "select product_id, product_name from core.products where not is_charge order by product_id"
_PLACES = """
    select product_id, row_number() over (order by product_id) - 1 as place from core.products where not is_charge
"""
_UNDONE = "select order_id, line_no, undone_on from customers.undone_lines where lines = 1"
_STANDS = "(undone.undone_on is null or undone.undone_on >= cast($known_by as date))"
_IN_WINDOW = "lines.order_date >= cast($first as date) and lines.order_date < cast($until as date)"
_PURCHASES = f"""
    create or replace temp table known_purchases as
    select
        lines.customer_id,
        places.place as product,
        count(distinct lines.order_id) as orders,
        max(lines.order_date) as last_on
    from core.customer_purchases as lines
    join ({_PLACES}) as places on lines.product_id = places.product_id
    left join ({_UNDONE}) as undone on lines.order_id = undone.order_id and lines.line_no = undone.line_no
    where lines.quantity > 0 and {_IN_WINDOW} and {_STANDS}
    group by lines.customer_id, places.place
"""
_CUSTOMERS = """
    create or replace temp table known_customers as
    select customer_id, row_number() over (order by customer_id) - 1 as customer
    from (
        select customer_id
        from (select distinct customer_id from known_purchases)
        order by md5(customer_id), customer_id
        limit $most
    )
"""
_PAIRS = """
    select
        cast(customers.customer as integer) as customer,
        cast(purchases.product as integer) as product,
        cast(purchases.orders as integer) as orders,
        cast(date_diff('day', purchases.last_on, cast($cutoff as date)) as integer) as age_days
    from known_purchases as purchases
    join known_customers as customers on purchases.customer_id = customers.customer_id
    order by customer, product
"""
_SALES = f"""
    select
        cast(places.place as integer) as product,
        cast(date_diff('day', lines.order_date, cast($cutoff as date)) as integer) as age_days,
        cast(count(*) as integer) as sold
    from core.order_lines as lines
    join ({_PLACES}) as places on lines.product_id = places.product_id
    where lines.line_type = 'sale' and not lines.is_duplicate and lines.order_date < cast($cutoff as date)
    group by product, age_days
    order by product, age_days
"""
_BASKETS = f"""
    create or replace temp table known_baskets as
    with latest as (
        select lines.order_id
        from core.order_lines as lines
        where lines.line_type = 'sale' and not lines.is_duplicate and {_IN_WINDOW}
        group by lines.order_id
        order by max(lines.order_date) desc, lines.order_id desc
        limit $most
    )
    select distinct lines.order_id, places.place as product
    from core.order_lines as lines
    join latest on lines.order_id = latest.order_id
    join ({_PLACES}) as places on lines.product_id = places.product_id
    left join ({_UNDONE}) as undone on lines.order_id = undone.order_id and lines.line_no = undone.line_no
    where lines.line_type = 'sale' and not lines.is_duplicate and {_IN_WINDOW} and {_STANDS}
"""
_TABLES = ("known_purchases", "known_customers", "known_baskets")
EVERYBODY = 2**62
_FIRST_DAY = date(1, 1, 1)


@dataclass(frozen=True)
class Rows:
    """Rows (customers or orders) by id, and the products of each: rows x products, sparse."""

    ids: Any
    products: Sparse


def as_of(warehouse: Warehouse) -> date | None:
    """The day at whose start recommendations hold; None of a store without lines."""
    found: date | None = warehouse.value(AS_OF, {"as_of": warehouse.settings.core.as_of})
    return found


def tuning(warehouse: Warehouse) -> Tuning:
    """The settings as the recommenders take them."""
    settings = warehouse.settings
    values = {**settings.recommendations.model_dump(), "range_days": settings.baskets.in_range_days}
    return Tuning(**{name: values[name] for name in Tuning.__dataclass_fields__})


def known_at(warehouse: Warehouse, cutoff: date, *, most: int = EVERYBODY) -> tuple[Any, Known]:
    """What was known at the start of a day, and the customers' ids; of so many customers at most, chosen evenly."""
    with _temporary(warehouse):
        ids = _select_customers(warehouse, _FIRST_DAY, cutoff, cutoff, most)
        pairs = warehouse.read(_PAIRS, {"cutoff": cutoff})
    sales = warehouse.read(_SALES, {"cutoff": cutoff})
    known = known_purchases(
        (*_columns(pairs, "customer", "product", "orders", "age_days"),),
        (*_columns(sales, "product", "age_days", "sold"),),
        (len(ids), product_count(warehouse)),
        tuning(warehouse),
    )
    return ids, known


def bought_by_customers(warehouse: Warehouse, first: date, until: date, known_by: date) -> Rows:
    """What customers bought from one day to before another, and had not given back before a third."""
    with _temporary(warehouse):
        ids = _select_customers(warehouse, first, until, known_by, EVERYBODY)
        pairs = warehouse.read(_PAIRS, {"cutoff": until})
    customer, product = _columns(pairs, "customer", "product")
    return Rows(ids, incidence(customer, product, (len(ids), product_count(warehouse))))


def baskets(
    warehouse: Warehouse, until: date, *, known_by: date, first: date | None = None, most: int = EVERYBODY
) -> Rows:
    """What is bought in one order from one day (or the beginning) to before another; of the latest orders only."""
    with _temporary(warehouse):
        window = {"first": first or _FIRST_DAY, "until": until, "known_by": known_by, "most": most}
        warehouse.execute(_BASKETS, window)
        ids = warehouse.read("select distinct order_id from known_baskets order by order_id")["order_id"].to_numpy()
        pairs = warehouse.read(
            "select cast(dense_rank() over (order by order_id) - 1 as integer) as basket, "
            "cast(product as integer) as product from known_baskets order by basket, product"
        )
    basket, product = _columns(pairs, "basket", "product")
    return Rows(ids, incidence(basket, product, (len(ids), product_count(warehouse))))


def product_count(warehouse: Warehouse) -> int:
    """Products, charges aside."""
    return int(warehouse.value(f"select count(*) from ({PRODUCTS})"))


def _select_customers(warehouse: Warehouse, first: date, until: date, known_by: date, most: int) -> Any:
    warehouse.execute(_PURCHASES, {"first": first, "until": until, "known_by": known_by})
    warehouse.execute(_CUSTOMERS, {"most": most})
    found = warehouse.read("select customer_id from known_customers order by customer")
    return found["customer_id"].to_numpy()


def _columns(frame: "pd.DataFrame", *names: str) -> list[Any]:
    return [frame[name].to_numpy(dtype=np.int32) for name in names]


@contextlib.contextmanager
def _temporary(warehouse: Warehouse) -> Iterator[None]:
    try:
        yield
    finally:
        for name in _TABLES:
            warehouse.execute(f"drop table if exists temp.{name}")
