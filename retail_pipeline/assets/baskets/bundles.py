"""``baskets.bundles``: disjoint sets of products worth selling together."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets import bundles as code
from retail_pipeline.analytics.baskets import chance, itemsets, occurrences, pair_counts, rules
from retail_pipeline.analytics.baskets.bundles import Offer, choose_disjoint, expect, least_lifts
from retail_pipeline.analytics.baskets.chance import Strata
from retail_pipeline.analytics.baskets.itemsets import Itemsets, Search, mine
from retail_pipeline.analytics.baskets.rules import Lookup
from retail_pipeline.assets.baskets import baskets_read, same_baskets
from retail_pipeline.assets.baskets.baskets_read import SETTINGS, UPSTREAM, BasketItems, months_of, read_baskets, unfit
from retail_pipeline.assets.baskets.same_baskets import ITEMSETS, RULES, require_rules_of
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import BundleSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "baskets.bundles"
CANDIDATES = f"""
    select distinct list_sort(list_concat(antecedents, consequents)) as products
    from {RULES}
    where is_significant and not is_redundant and len(antecedents) + len(consequents) <= $most_products
    order by products
"""
LAST_DAY = """
    select max(order_date)
    from core.order_lines
    where line_type = 'sale' and not is_duplicate and (order_ts < $as_of or $as_of is null)
"""
PRODUCTS = """
    with sales as (
        select
            product_id,
            order_date,
            quantity,
            reporting_amount,
            order_date > $last_day - $days as is_recent,
            case
                -- by the rate of the line, which is not told but in its amounts
                when amount > 0 then unit_price * (cast(reporting_amount as double) / cast(amount as double))
            end as price
        from core.order_lines
        where line_type = 'sale' and not is_duplicate and (order_ts < $as_of or $as_of is null)
    ),

    sold as (
        select
            product_id,
            median(cast(reporting_amount as double)) filter (where is_recent) as order_value,
            cast(sum(reporting_amount) filter (where is_recent) as double)
            / nullif(cast(sum(quantity) filter (where is_recent) as double), 0) as unit_value,
            median(price) filter (where order_date > $last_day - $in_range_days) as price,
            max(order_date) as last_sold_on
        from sales
        group by product_id
    )

    select
        sold.product_id,
        sold.price,
        sold.order_value,
        1 - cast(costs.unit_cost as double) / nullif(sold.unit_value, 0) as margin_share,
        cast(costs.unit_cost as double) as unit_cost
    from sold
    left join baskets.product_costs as costs on sold.product_id = costs.product_id
    where sold.last_sold_on > $last_day - $in_range_days and sold.order_value > 0
    order by sold.product_id
"""


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """The best bundles, none of which have a product in common."""
    import pandas as pd

    settings, as_of = warehouse.settings.bundles, {"as_of": warehouse.settings.core.as_of}
    nothing = pd.DataFrame(columns=list(TABLE.columns))
    if warehouse.settings.baskets.items != "product":
        return nothing
    baskets = read_baskets(warehouse, with_orders=True)
    require_rules_of(baskets, warehouse)
    sets = warehouse.execute(CANDIDATES, {"most_products": settings.most_products}).fetchall()
    last_day = warehouse.value(LAST_DAY, as_of)
    if not sets or last_day is None:
        return nothing
    first = int(np.searchsorted(baskets.days, np.datetime64(last_day - timedelta(days=settings.days - 1))))
    if first == len(baskets.days):
        return nothing
    products = warehouse.read(
        PRODUCTS,
        {
            **as_of,
            "last_day": last_day,
            "days": settings.days,
            "in_range_days": warehouse.settings.baskets.in_range_days,
        },
    ).set_index("product_id")
    starts = (0, first) if first else (0,)
    longest = max(len(items) for (items,) in sets)
    of_all = warehouse.settings.baskets
    found = mine(
        baskets.held, Search(baskets.least, min(longest, of_all.max_length or longest), of_all.most_itemsets, starts)
    )
    strata = Strata.of(
        baskets.held.between(first, len(baskets.days)), months_of(baskets.days[first:]), baskets.products[first:]
    )
    proposed = _propose(baskets, found, strata, [items for (items,) in sets], products, settings)
    if proposed.empty:
        return nothing
    proposed = proposed.sort_values(
        ["expected_extra_revenue", "key"], ascending=[False, True], kind="stable", ignore_index=True
    )
    proposed = proposed.loc[choose_disjoint(proposed["items"].tolist(), settings.most_bundles)].reset_index(drop=True)
    proposed["avg_basket_revenue"] = [_mean_amount(baskets, items, first) for items in proposed["items"]]
    proposed["bundle_id"] = np.arange(1, len(proposed) + 1)
    decided_by = proposed["expected_extra_margin"].fillna(proposed["expected_extra_revenue"])
    proposed["is_worth_it"] = decided_by > 0
    return proposed[list(TABLE.columns)]


def _propose(
    baskets: BasketItems,
    found: Itemsets,
    strata: Strata,
    sets: list[list[str]],
    products: "pd.DataFrame",
    settings: BundleSettings,
) -> "pd.DataFrame":
    """Every set of products in range, with what it would bring."""
    import pandas as pd

    lookup = Lookup(found)
    orders_of = lookup.counts[:, -1]
    known = products.reindex(baskets.items)
    price, value, margin, cost = (
        known[name].to_numpy(dtype=np.float64) for name in ("price", "order_value", "margin_share", "unit_cost")
    )
    window = len(strata.of_basket)
    parts = []
    for length in sorted({len(items) for items in sets}):
        of_length = [item for items in sets if len(items) == length for item in items]
        items = np.sort(baskets.numbers(of_length, RULES).reshape(-1, length), axis=1)
        items = items[np.isfinite(value[items]).all(axis=1)]
        places = lookup.find(items)
        if (places < 0).any():
            raise unfit(RULES)
        orders = orders_of[places]
        without = np.stack([orders_of[lookup.find(np.delete(items, place, axis=1))] for place in range(length)], axis=1)
        single = np.stack([orders_of[lookup.find(items[:, [place]])] for place in range(length)], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            lift = orders / window / np.prod(single / window, axis=1)
        offer = Offer(settings.uptake, settings.discount)
        expected = expect(orders, without, value[items], value[items] * margin[items], offer)
        told = pd.DataFrame(
            {
                "items": list(items),
                "key": [" ".join(f"{item:09d}" for item in row) for row in items.tolist()],
                "products": [[baskets.items[item] for item in row] for row in items.tolist()],
                "names": [[baskets.names[item] for item in row] for row in items.tolist()],
                "orders": orders,
                "orders_all_but_one": expected.all_but_one,
                "lift": lift,
                "least_lift_given_size": least_lifts(items, orders_of, lookup, strata),
                "price": np.round(price[items].sum(axis=1), 2),
                "bundle_price": np.round(price[items].sum(axis=1) * (1 - settings.discount), 2),
                "order_value": value[items].sum(axis=1),
                "expected_extra_orders": expected.extra_orders,
                "expected_extra_revenue": expected.extra_revenue,
                "break_even_uptake": np.where(np.isfinite(expected.break_even), expected.break_even, np.nan),
                "unit_cost": cost[items].sum(axis=1),
                "margin": np.round(price[items].sum(axis=1) * (1 - settings.discount), 2) - cost[items].sum(axis=1),
                "expected_extra_margin": expected.extra_margin,
            }
        )
        parts.append(told[(told["orders"] > 0) & (told["least_lift_given_size"] >= settings.least_lift)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _mean_amount(baskets: BasketItems, items: NDArray[np.integer], first: int) -> float:
    """What the orders that hold all of some items sell on average."""
    held = baskets.held.of(int(items[0]))
    for item in items[1:]:
        held = np.intersect1d(held, baskets.held.of(int(item)), assume_unique=True)
    return float(baskets.amounts[held[held >= first]].mean())


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    if warehouse.settings.baskets.items != "product":
        return {"no bundles": "baskets.items is not 'product'"}
    settings = warehouse.settings.bundles
    return {
        "assumed": f"where all but one product of a bundle are bought, the missing one's share grows by "
        f"{settings.uptake:.0%} of it (bundles.uptake), for {settings.discount:.0%} less (bundles.discount)",
        "worth it": warehouse.value(f"select count(*) from {NAME} where is_worth_it"),
    }


TABLE = FrameTable(
    name=NAME,
    row="a set of products that might be sold as one",
    about="From the sets of significant rules that are not redundant, of products sold in the last "
    "baskets.in_range_days days, that go together beyond what large orders do with everything (bundles.least_lift); "
    "each the best that has no product in common with a better one. What it would bring is an assumption, not a "
    "finding: of the orders that hold all of its products but one, those that take the missing one too grow by the "
    "share bundles.uptake, for its usual value in an order less bundles.discount on all products; orders that hold all "
    "of it anyway get the discount for nothing. So it can be negative: then is_worth_it is false, and "
    "break_even_uptake says which growth it would take. Orders are those of the last bundles.days days. A larger set "
    "often brings less than two products of it: few orders lack just one of its products.",
    key=("bundle_id",),
    columns={
        "bundle_id": ("bigint", "its place by expected_extra_revenue, 1 for the best"),
        "products": ("varchar[]", "its products, ascending"),
        "names": ("varchar[]", "their names"),
        "orders": ("bigint", "orders of the last bundles.days days that hold all of them [orders]"),
        "orders_all_but_one": ("bigint", "those that hold all but one, to which it could be sold [orders]"),
        "lift": ("double", "orders divided by what they would be if products were independent [times]"),
        "least_lift_given_size": (
            "double",
            "large orders hold two products together by chance as well: orders with two of its products, divided by "
            "what chance makes in orders of the same month and size; of the two that go together least [times]",
        ),
        "price": (
            "double",
            "sum of a unit's usual prices, medians of baskets.in_range_days [reporting currency]",
        ),
        "bundle_price": ("double", "the same less bundles.discount [reporting currency]"),
        "order_value": (
            "double",
            "what lines of each, often of several units, are worth: sum of medians [reporting currency]",
        ),
        "avg_basket_revenue": ("double", "what the orders sell that hold all of it, on average [reporting currency]"),
        "expected_extra_orders": ("double", "orders that would take the missing product [orders]"),
        "expected_extra_revenue": (
            "double",
            "what these would spend more, less the discount of those who buy all anyway [reporting currency]",
        ),
        "break_even_uptake": (
            "double",
            "the uptake that makes extra revenue positive, null if none does [share]",
        ),
        "unit_cost": ("double", "what a unit of each costs, null if one is unknown [reporting currency]"),
        "margin": ("double", "bundle_price less unit_cost [reporting currency]"),
        "expected_extra_margin": (
            "double",
            "expected_extra_revenue less the costs of what is sold more, null if one is unknown [reporting currency]",
        ),
        "is_worth_it": ("boolean", "whether expected_extra_margin, or revenue where that is unknown, is positive"),
    },
    upstream=(*UPSTREAM, ITEMSETS, RULES, "baskets.product_costs"),
    make=_make,
    code=(baskets_read, same_baskets, itemsets, occurrences, pair_counts, rules, chance, code),
    parameters=(*SETTINGS, *(f"bundle_{name}" for name in BundleSettings.model_fields)),
    tell=_tell,
)
