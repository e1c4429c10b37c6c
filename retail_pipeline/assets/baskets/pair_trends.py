"""``baskets.pair_trends``: frequent pairs by quarter, and which of them rise or fall."""

from typing import TYPE_CHECKING

import numpy as np

from retail_pipeline.analytics.baskets import itemsets, occurrences, pair_counts, significance, trends
from retail_pipeline.analytics.baskets.itemsets import Search, mine
from retail_pipeline.analytics.baskets.significance import false_discovery_rates
from retail_pipeline.analytics.baskets.trends import find_trends
from retail_pipeline.assets.baskets import baskets_read, same_baskets
from retail_pipeline.assets.baskets.baskets_read import SETTINGS, UPSTREAM, read_baskets
from retail_pipeline.assets.baskets.same_baskets import ITEMSETS, require_itemsets_of
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.settings import PairTrendSettings
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

QUARTERS = """
    select quarter, is_partial or coalesce(last_day >= $as_of, false) as is_partial
    from sales.quarterly
    where quarter < $as_of or $as_of is null
    order by quarter
"""
SAME_SEASON, QUARTERS_BEFORE = "the same season", "all quarters before: it may be the season"


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """All frequent pairs in all quarters."""
    import pandas as pd

    quarters = warehouse.read(QUARTERS, {"as_of": warehouse.settings.core.as_of})
    baskets = read_baskets(warehouse)
    require_itemsets_of(baskets, warehouse)
    if not len(baskets.days) or quarters.empty:
        return pd.DataFrame(columns=list(TABLE.columns))
    firsts = quarters["quarter"].to_numpy(dtype="datetime64[D]")
    starts = np.searchsorted(baskets.days, firsts)
    starts[0] = 0
    settings = warehouse.settings.baskets
    search = Search(baskets.least, 2, settings.most_itemsets, tuple(starts.tolist()))
    found = mine(baskets.held, search)
    if len(found.items) < 2:
        return pd.DataFrame(columns=list(TABLE.columns))
    pairs, orders = found.items[1], found.counts[1]
    of_item = np.zeros((len(baskets.items), len(quarters)), dtype=np.int64)
    of_item[found.items[0][:, 0]] = found.counts[0]
    size = np.diff([*starts, len(baskets.days)])
    frame = pd.DataFrame(
        {
            **{
                name: repeated([words[item] for item in pairs[:, side]], len(quarters))
                for name, words, side in (
                    ("product_a", baskets.items, 0), ("product_b", baskets.items, 1),
                    ("name_a", baskets.names, 0), ("name_b", baskets.names, 1),
                )
            },
            "quarter": np.tile(quarters["quarter"], len(pairs)),
            "is_partial": np.tile(quarters["is_partial"], len(pairs)),
            "baskets": np.tile(size, len(pairs)),
            "orders_a": of_item[pairs[:, 0]].ravel(),
            "orders_b": of_item[pairs[:, 1]].ravel(),
            "orders": orders.ravel(),
        }
    )  # fmt: skip
    frame["support"] = frame["orders"] / frame["baskets"].where(frame["baskets"] > 0)
    expected = frame["orders_a"] * frame["orders_b"]
    frame["lift"] = frame["orders"] * frame["baskets"] / expected.where(expected > 0)
    told = _directions(orders, size, ~quarters["is_partial"].to_numpy(dtype=bool), warehouse)
    return pd.concat([frame, told.loc[np.repeat(told.index, len(quarters))].reset_index(drop=True)], axis=1)[
        list(TABLE.columns)
    ]


def repeated(words: list[str], times: int) -> np.ndarray:
    """Each text so many times in a row, as an object: as plain texts all would take the room of the longest."""
    return np.repeat(np.array(words, dtype=object), times)


def _directions(
    orders: pair_counts.Counts, size: pair_counts.Counts, whole: np.ndarray, warehouse: Warehouse
) -> "pd.DataFrame":
    """What became of each pair over the whole quarters."""
    import pandas as pd

    settings = warehouse.settings
    found = find_trends(orders[:, whole], size[whole])
    told = pd.DataFrame({"direction": pd.Series([None] * len(orders), dtype="object")})
    told["compared_with"] = None
    for name in ("change", "p_value", "q_value"):
        told[name] = np.nan
    if found is None:
        return told
    q_values = false_discovery_rates(found.p_value, len(orders))
    is_clear = (q_values <= settings.baskets.false_discovery_rate) & (
        np.abs(found.change) >= settings.pair_trends.least_change
    )
    rises, falls = is_clear & (found.z > 0) & (found.change > 0), is_clear & (found.z < 0) & (found.change < 0)
    is_known = orders[:, whole].sum(axis=1) > 0
    told["direction"] = np.where(
        rises,
        "rising",
        np.where(falls, "falling", np.where(is_known, "steady", None)),  # type: ignore[call-overload]
    )
    told["compared_with"] = SAME_SEASON if found.by_season else QUARTERS_BEFORE
    told["change"] = np.where(np.isfinite(found.change), found.change, np.nan)
    told["p_value"], told["q_value"] = found.p_value, q_values
    return told


TABLE = FrameTable(
    name="baskets.pair_trends",
    row="a frequent pair of products in a quarter",
    about="Pairs that baskets.min_support (or baskets.min_orders) of all baskets hold. Rising or falling are those "
    "whose share of baskets has a trend over whole quarters (Cochran-Armitage, adjusted for all frequent pairs by "
    "Benjamini and Hochberg, baskets.false_discovery_rate) and changed by pair_trends.least_change. With eight whole "
    "quarters each is compared with those of the same season only; with fewer the season is not known, so that what "
    "rises may be in season. Fewer than three whole quarters give no direction. What is rare over all time is no "
    "frequent pair and not here, however often it is bought of late.",
    key=("product_a", "product_b", "quarter"),
    columns={
        "product_a": ("varchar", "the product, or category or description by baskets.items; the smaller id"),
        "product_b": ("varchar", "the other one"),
        "name_a": ("varchar", "the name of product_a"),
        "name_b": ("varchar", "the name of product_b"),
        "quarter": ("date", "its first day"),
        "is_partial": ("boolean", "whether the data hold only a part of it"),
        "baskets": ("bigint", "baskets of the quarter [orders]"),
        "orders_a": ("bigint", "those with product_a [orders]"),
        "orders_b": ("bigint", "those with product_b [orders]"),
        "orders": ("bigint", "those with both [orders]"),
        "support": ("double", "orders by baskets [share]"),
        "lift": ("double", "how many times as often together as by chance, null if one is in no basket [times]"),
        "direction": (
            "varchar",
            "the pair's: rising, falling or steady; null if no whole quarter has it, or they are too few",
        ),
        "compared_with": ("varchar", f"'{SAME_SEASON}' or, with less than two years, '{QUARTERS_BEFORE}'"),
        "change": (
            "double",
            "the pair's support in the last whole quarter against all before, less 1; by season the last four whole "
            "quarters against the four before; null if there was none [share]",
        ),
        "p_value": ("double", "such a trend, up or down, by chance [probability]"),
        "q_value": ("double", "adjusted by Benjamini and Hochberg for all frequent pairs [share]"),
    },
    upstream=(*UPSTREAM, "sales.quarterly", ITEMSETS),
    make=_make,
    code=(baskets_read, same_baskets, itemsets, occurrences, pair_counts, significance, trends),
    parameters=(*SETTINGS, *(f"pair_trend_{name}" for name in PairTrendSettings.model_fields)),
)
