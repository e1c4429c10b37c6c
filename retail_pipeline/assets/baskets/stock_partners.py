"""``baskets.stock_partners``: what a day without a product costs, with what is bought together with it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from retail_pipeline.analytics.baskets import chance, itemsets, occurrences
from retail_pipeline.analytics.baskets.chance import Strata, expected_of_pairs
from retail_pipeline.assets.baskets import baskets_read, same_baskets
from retail_pipeline.assets.baskets.baskets_read import SETTINGS, UPSTREAM, BasketItems, months_of, read_baskets
from retail_pipeline.assets.baskets.same_baskets import ITEMSETS, RULES, require_rules_of
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import StockPartnerSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "baskets.stock_partners"
PAIRS = f"""
    select antecedents[1] as product_id, consequents[1] as partner_id, orders, confidence
    from {RULES}
    where len(antecedents) = 1 and len(consequents) = 1 and is_significant
    order by product_id, partner_id
"""
SALES = """
    with ends as (
        select max(case when lines > 0 then date_day end) as last_day
        from sales.product_days
        where date_day < $as_of or $as_of is null
    ),

    sold as (
        select
            days.product_id,
            sum(days.gross_sales - days.discounts - days.returns) filter (where days.date_day > ends.last_day - $days)
            as net_sales,
            max(case when days.lines > 0 then days.date_day end) as last_sold_on
        from sales.product_days as days
        cross join ends
        where days.date_day <= ends.last_day and days.date_day > ends.last_day - greatest($days, $in_range_days)
        group by days.product_id
    ),

    ordered as (
        select lines.product_id, count(distinct lines.order_id) as orders
        from core.order_lines as lines
        cross join ends
        where lines.line_type = 'sale'
            and not lines.is_duplicate
            and lines.order_date <= ends.last_day
            and lines.order_date > ends.last_day - $days
        group by lines.product_id
    )

    select
        sold.product_id,
        least($days, ends.last_day - cast(products.first_sold_at as date) + 1) as days,
        cast(coalesce(ordered.orders, 0) as double) as orders,
        cast(greatest(coalesce(sold.net_sales, 0), 0) as double) as net_sales
    from sold
    cross join ends
    left join ordered on sold.product_id = ordered.product_id
    join core.products as products on sold.product_id = products.product_id
    where sold.last_sold_on > ends.last_day - $in_range_days
    order by sold.product_id
"""


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """Products with partners, the costliest to miss first."""
    import pandas as pd

    nothing = pd.DataFrame(columns=list(TABLE.columns))
    if warehouse.settings.baskets.items != "product":
        return nothing
    baskets = read_baskets(warehouse, with_orders=True)
    require_rules_of(baskets, warehouse)
    pairs = warehouse.read(PAIRS)
    sales = warehouse.read(
        SALES,
        {
            "as_of": warehouse.settings.core.as_of,
            "days": warehouse.settings.stock_partners.days,
            "in_range_days": warehouse.settings.baskets.in_range_days,
        },
    ).set_index("product_id")
    pairs = pairs[pairs["product_id"].isin(sales.index) & pairs["partner_id"].isin(sales.index)]
    if pairs.empty:
        return nothing
    pairs["excess"] = _excess(baskets, pairs)
    pairs = pairs[pairs["excess"] > 0]
    of_day = sales["orders"] / sales["days"]
    order_value = sales["net_sales"] / sales["orders"].clip(lower=1)
    pairs["lost"] = (pairs["product_id"].map(of_day) * pairs["excess"] * pairs["partner_id"].map(order_value)).to_numpy(
        dtype=np.float64
    )
    pairs = pairs.sort_values(
        ["product_id", "lost", "partner_id"], ascending=[True, False, True], kind="stable", ignore_index=True
    )
    name = dict(zip(baskets.items, baskets.names, strict=True))
    by_product = pairs.groupby("product_id", sort=True)
    told = pd.DataFrame(
        {
            "partners": by_product["partner_id"].agg(list),
            "partner_names": by_product["partner_id"].agg(lambda ids: [name[item] for item in ids]),
            "partner_revenue_per_day": by_product["lost"].agg(lambda lost: float(np.sum(lost.to_numpy()))),
        }
    )
    told["product_name"] = [name[item] for item in told.index]
    told["orders_per_day"] = of_day.reindex(told.index)
    told["own_revenue_per_day"] = (sales["net_sales"] / sales["days"]).reindex(told.index)
    told["stock_out_cost_per_day"] = told["own_revenue_per_day"] + told["partner_revenue_per_day"]
    told = told.reset_index().sort_values(
        ["stock_out_cost_per_day", "product_id"], ascending=[False, True], kind="stable", ignore_index=True
    )
    told["rank"] = np.arange(1, len(told) + 1)
    currency = warehouse.value("select currency from core.reporting_currency") or ""
    told["advice"] = [_advice(row, currency) for row in told.to_dict("records")]
    return told[list(TABLE.columns)]


def _excess(baskets: BasketItems, pairs: "pd.DataFrame") -> np.ndarray:
    """Of the orders with a product the share with the partner, beyond chance given months and sizes of orders."""
    first, second = (baskets.numbers(pairs[name], RULES) for name in ("product_id", "partner_id"))
    strata = Strata.of(baskets.held, months_of(baskets.days), baskets.products)
    expected = expected_of_pairs(strata, first, second)
    return np.asarray(pairs["confidence"].to_numpy() - expected / baskets.held.counts[first])


def _advice(row: Mapping[str, Any], currency: str) -> str:
    others = len(row["partners"]) - 1
    more = f" and {others} other{'s' if others > 1 else ''}" if others else ""
    own, cost = row["own_revenue_per_day"], row["stock_out_cost_per_day"]
    weight = f" When stocking up, count it as {cost / own:.1f} times its own sales." if own > 0 else ""
    return (
        f"A day without {row['product_name']} costs about {_money(cost)}{currency and ' '}{currency}: {_money(own)} of "
        f"its own sales and {_money(row['partner_revenue_per_day'])} of what is bought because of it "
        f"({row['partner_names'][0]}{more}).{weight}"
    )


def _money(amount: float) -> str:
    """An amount with as many digits as are worth reading.

    Examples
    --------
    >>> _money(1234.5), _money(0.16)
    ('1,234', '0.16')
    """
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2f}"


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    if warehouse.settings.baskets.items != "product":
        return {"no partners": "baskets.items is not 'product'"}
    if not warehouse.count(NAME):
        return {
            "no partners": "no significant rule leads from one product to one other, beyond what large orders do with "
            "everything, that were both sold in the last baskets.in_range_days days"
        }
    return {}


TABLE = FrameTable(
    name=NAME,
    row="a product with strong partners, and what a day costs on which it is out of stock",
    about="Of products sold in the last baskets.in_range_days days; partners are what significant rules of one product "
    "lead to. Assumed: on such a day its own sales are lost, and those sales of partners that go beyond chance in "
    "orders of the same month and size. No substitute is taken instead, and no order is lost as a whole. Rates are "
    "those of the last stock_partners.days days, or since it was first sold; net of returns. What was last sold "
    "before them costs nothing. Days on which it was out of stock count as days without sales, so that what was often "
    "missing costs more than is said here.",
    key=("product_id",),
    columns={
        "product_id": ("varchar", "the product"),
        "product_name": ("varchar", "its name"),
        "rank": ("bigint", "1 for the highest stock_out_cost_per_day"),
        "partners": ("varchar[]", "what is bought with it, that which brings most first"),
        "partner_names": ("varchar[]", "their names"),
        "orders_per_day": ("double", "orders with it a day [orders]"),
        "own_revenue_per_day": ("double", "its net sales a day [reporting currency]"),
        "partner_revenue_per_day": (
            "double",
            "partners' net sales a day that would be lost too [reporting currency]",
        ),
        "stock_out_cost_per_day": ("double", "both together [reporting currency]"),
        "advice": ("varchar", "the same in words, with how much more than its own sales the product is worth"),
    },
    upstream=(*UPSTREAM, "core.reporting_currency", ITEMSETS, RULES, "sales.product_days"),
    make=_make,
    code=(baskets_read, same_baskets, itemsets, occurrences, chance),
    parameters=(*SETTINGS, *(f"stock_partner_{name}" for name in StockPartnerSettings.model_fields)),
    tell=_tell,
)
