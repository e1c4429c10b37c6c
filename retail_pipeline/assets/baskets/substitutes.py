"""``baskets.substitutes``: products that the same customers buy, one instead of the other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from retail_pipeline.analytics.baskets import chance, occurrences, pair_counts, significance
from retail_pipeline.analytics.baskets import substitutes as code
from retail_pipeline.analytics.baskets.substitutes import SubstituteLimits, find_substitutes
from retail_pipeline.assets.baskets import baskets_read, same_baskets
from retail_pipeline.assets.baskets.baskets_read import SETTINGS, UPSTREAM, months_of, read_baskets
from retail_pipeline.assets.baskets.same_baskets import ITEMSETS, require_itemsets_of
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import SubstituteSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "baskets.substitutes"


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """The substitutes among frequent items."""
    import pandas as pd

    baskets, settings = read_baskets(warehouse, with_orders=True), warehouse.settings.substitutes
    require_itemsets_of(baskets, warehouse)
    frequent = np.flatnonzero(baskets.held.counts >= baskets.least)
    held = baskets.held.take(frequent)
    limits = SubstituteLimits(
        settings.most_lift,
        settings.least_lift_apart,
        settings.least_expected,
        warehouse.settings.baskets.false_discovery_rate,
    )
    found = find_substitutes(held, months_of(baskets.days), baskets.products, baskets.customers, limits)
    items, names, orders = (
        [baskets.items[item] for item in frequent],
        [baskets.names[item] for item in frequent],
        held.counts,
    )
    return pd.DataFrame(
        {
            "product_a": [items[item] for item in found.first],
            "product_b": [items[item] for item in found.second],
            "name_a": [names[item] for item in found.first],
            "name_b": [names[item] for item in found.second],
            "orders_a": orders[found.first],
            "orders_b": orders[found.second],
            "orders": found.orders,
            "expected_orders": found.expected,
            "lift": found.lift,
            "lift_apart": found.lift_apart,
            "p_value": found.p_value,
            "q_value": found.q_value,
        }
    )


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    if warehouse.count(NAME):
        return {}
    return {
        "no substitutes": "no pair of frequent items is together far less than chance makes it and yet bought by the "
        "same customers"
    }


TABLE = FrameTable(
    name=NAME,
    row="two products that the same customers buy, but seldom together",
    about="Among items that are frequent (baskets.min_support). Large baskets hold much of everything, and what is out "
    "of season is in none: so chance is that of baskets of the same month and about the same number of products, "
    "each taking items independently and none twice. p_value is the Poisson tail, an upper bound; q_value is for all "
    "pairs that chance would bring together in substitutes.least_expected baskets. What different customers like is "
    "seldom together as well: so lift_apart must be substitutes.least_lift_apart or more, which tells how often "
    "another basket of a customer with the one holds the other, against baskets of other customers of the same months "
    "and sizes. A pair that is bought in too few orders is not found.",
    key=("product_a", "product_b"),
    columns={
        "product_a": ("varchar", "the product, or category or description by baskets.items; the smaller id"),
        "product_b": ("varchar", "the other one"),
        "name_a": ("varchar", "the name of product_a"),
        "name_b": ("varchar", "the name of product_b"),
        "orders_a": ("bigint", "baskets that hold product_a [orders]"),
        "orders_b": ("bigint", "baskets that hold product_b [orders]"),
        "orders": ("bigint", "baskets that hold both [orders]"),
        "expected_orders": ("double", "how many would by chance [orders]"),
        "lift": ("double", "orders by expected_orders [times]"),
        "lift_apart": ("double", "the same for different baskets of the same customer [times]"),
        "p_value": ("double", "so few orders or fewer by chance [probability]"),
        "q_value": ("double", "adjusted by Benjamini and Hochberg for all pairs tested [share]"),
    },
    upstream=(*UPSTREAM, ITEMSETS),
    make=_make,
    code=(baskets_read, same_baskets, occurrences, pair_counts, significance, chance, code),
    parameters=(*SETTINGS, *(f"substitute_{name}" for name in SubstituteSettings.model_fields)),
    tell=_tell,
)
