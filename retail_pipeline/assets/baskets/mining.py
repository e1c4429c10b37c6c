"""``baskets.frequent_itemsets``, ``association_rules`` and ``product_associations``: what is bought together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.analytics.baskets import itemsets, occurrences, pair_counts, rules, significance
from retail_pipeline.analytics.baskets import later as later_code
from retail_pipeline.analytics.baskets.itemsets import Itemsets, Search, mine
from retail_pipeline.analytics.baskets.later import LEAST_WEEKS, RuleLimits, try_later
from retail_pipeline.analytics.baskets.rules import Rules, all_rules, measures
from retail_pipeline.analytics.baskets.significance import adjusted_among, at_least, false_discovery_rates
from retail_pipeline.assets.baskets import baskets_read
from retail_pipeline.assets.baskets.baskets_read import SETTINGS, UPSTREAM, BasketItems, read_baskets, unfit
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

ITEMSETS, EARLIER, RULES, ASSOCIATIONS = (
    f"baskets.{name}" for name in ("frequent_itemsets", "earlier_rules", "association_rules", "product_associations")
)
MOST_PAIRS_AT_ONCE = 1 << 21
"""Pairs whose p values are worked out at a time."""
CODE = (baskets_read, itemsets, occurrences, pair_counts, significance)


def _make_itemsets(warehouse: Warehouse) -> "pd.DataFrame":
    """All frequent itemsets."""
    import pandas as pd

    baskets, settings = read_baskets(warehouse), warehouse.settings.baskets
    found = mine(baskets.held, Search(baskets.least, settings.max_length, settings.most_itemsets))
    rows = zip(found.items, found.counts, strict=True)
    parts = [
        pd.DataFrame(
            {
                "itemset": _texts(baskets.items, items),
                "names": _texts(baskets.names, items),
                "length": items.shape[1],
                "orders": counts[:, 0],
                "support": counts[:, 0] / len(baskets.days),
            }
        )
        for items, counts in rows
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(ITEMSETS_TABLE.columns))


def _texts(words: list[str], numbers: NDArray[np.integer]) -> list[list[str]]:
    return [[words[number] for number in row] for row in numbers.tolist()]


def _read_itemsets(warehouse: Warehouse, baskets: BasketItems) -> Itemsets:
    """The itemsets of the table, as numbers of the items at hand.

    Raises
    ------
    WarehouseError
        when they were counted in other baskets: by other settings, or before the last drop.
    """
    numbers = {item: number for number, item in enumerate(baskets.items)}
    rows = warehouse.execute(f"select itemset, orders from {ITEMSETS} order by length, itemset").fetchall()
    counted = {texts[0]: orders for texts, orders in rows if len(texts) == 1}
    held = zip(baskets.items, baskets.held.counts.tolist(), strict=True)
    if counted != {item: count for item, count in held if count >= baskets.least}:
        raise unfit(ITEMSETS)
    parts: dict[int, list[tuple[list[int], int]]] = {}
    for texts, orders in rows:
        parts.setdefault(len(texts), []).append(([numbers[text] for text in texts], orders))
    return Itemsets(
        [np.array([items for items, _ in part], dtype=np.int64) for part in parts.values()],
        [np.array([[orders] for _, orders in part], dtype=np.int64) for part in parts.values()],
    )


def pair_significance(
    baskets: BasketItems, frequent: NDArray[np.integer], pairs: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P values of pairs of items, and the same adjusted (Benjamini-Hochberg) for all pairs of frequent items.

    Parameters
    ----------
    frequent
        Numbers of the frequent items, ascending.
    pairs
        Pairs of them, the smaller number first; shape (n, 2).
    """
    held = baskets.held.take(frequent)
    counts, size = held.counts, len(frequent)
    place = np.full(len(baskets.items), -1, dtype=np.int64)
    place[frequent] = np.arange(size)
    first, second = place[pairs[:, 0]], place[pairs[:, 1]]
    every = np.empty(size * (size - 1) // 2)
    both = np.empty(len(pairs), dtype=np.int64)
    filled, block = 0, max(MOST_PAIRS_AT_ONCE // max(size, 1), 1)
    for start in range(0, size, block):
        rows = range(start, min(start + block, size))
        together = pair_counts.pair_counts(held, rows)
        is_here = (first >= rows.start) & (first < rows.stop)
        both[is_here] = together[first[is_here] - start, second[is_here]]
        one, other = np.nonzero(np.arange(size) > np.arange(rows.start, rows.stop)[:, None])
        found = at_least(together[one, other], counts[one + start], counts[other], held.size)
        every[filled : filled + len(found)] = found
        filled += len(found)
    p_values = at_least(both, counts[first], counts[second], held.size)
    return p_values, adjusted_among(p_values, every)


def _q_values(rules_: Rules, found: Itemsets, baskets: BasketItems, limits: RuleLimits) -> NDArray[np.float64]:
    """Adjusted p values of rules: a family a length, of pairs all pairs of frequent items."""
    q_values = np.ones(len(rules_))
    if len(found.items) > 1:
        _, pairs = pair_significance(baskets, found.items[0][:, 0], found.items[1])
        of_pairs = rules_.length == 2
        q_values[of_pairs] = pairs[rules_.items[of_pairs] - len(found.items[0])]
    for length, candidates in enumerate(found.candidates, start=1):
        if length > 2:
            of_length = rules_.length == length
            splits = length if limits.single_consequent else 2**length - 2
            q_values[of_length] = false_discovery_rates(rules_.p_value[of_length], candidates * splits)
    return q_values


def _limits(warehouse: Warehouse) -> RuleLimits:
    settings = warehouse.settings.baskets
    return RuleLimits(settings.min_confidence, settings.min_lift, settings.single_consequent, settings.most_rules)


def _make_earlier_rules(warehouse: Warehouse) -> "pd.DataFrame":
    """The rules of the earlier weeks, and how they did in the later ones; none where there are too few weeks."""
    import pandas as pd

    settings, limits, baskets = warehouse.settings.baskets, _limits(warehouse), read_baskets(warehouse, earlier=True)
    first_later = baskets.first_later
    if not first_later:
        return pd.DataFrame(columns=list(EARLIER_TABLE.columns))
    search = Search(baskets.least, settings.max_length, settings.most_itemsets)
    tried = try_later(baskets.held, first_later, search, limits)
    found = tried.rules
    return pd.DataFrame(
        {
            **_sides(tried.itemsets, found, baskets.items, ""),
            **_sides(tried.itemsets, found, baskets.names, "_names"),
            "orders": found.orders,
            "support": found.support,
            "confidence": found.confidence,
            "lift": found.lift,
            "later_from": baskets.days[first_later].astype("datetime64[s]"),
            "later_orders": tried.orders,
            "later_confidence": tried.confidence,
            "later_lift": tried.lift,
        }
    )[list(EARLIER_TABLE.columns)]


def _make_rules(warehouse: Warehouse) -> "pd.DataFrame":
    """The rules that are strong enough, of all weeks."""
    import pandas as pd

    settings, limits, baskets = warehouse.settings.baskets, _limits(warehouse), read_baskets(warehouse)
    found = _read_itemsets(warehouse, baskets)
    every = all_rules(
        found, len(baskets.days), single_consequent=limits.single_consequent, most_rules=limits.most_rules
    )
    q_values = _q_values(every, found, baskets, limits)
    kept = np.flatnonzero(limits.keep(every))
    kept = kept[np.lexsort((every.items[kept], -every.orders[kept], -every.confidence[kept], -every.lift[kept]))]
    chosen = every.take(kept)
    rules = pd.DataFrame(
        {
            **_sides(found, chosen, baskets.items, ""),
            **_sides(found, chosen, baskets.names, "_names"),
            "orders": chosen.orders,
            **{name: getattr(chosen, name) for name in MEASURES},
            "p_value": chosen.p_value,
            "q_value": q_values[kept],
            "is_significant": q_values[kept] <= settings.false_discovery_rate,
            "is_redundant": chosen.is_redundant,
        }
    )
    earlier = warehouse.execute(f"select antecedents, consequents, later_orders, later_lift from {EARLIER}").fetchall()
    later = {(tuple(antecedents), tuple(consequents)): told for antecedents, consequents, *told in earlier}
    sides = zip(rules["antecedents"], rules["consequents"], strict=True)
    found_later = [
        later.get((tuple(antecedents), tuple(consequents)), (None, None)) for antecedents, consequents in sides
    ]
    rules["later_orders"] = pd.array([orders for orders, _ in found_later], dtype="Int64")
    rules["later_lift"] = pd.array([lift for _, lift in found_later], dtype="Float64")
    return rules[list(RULES_TABLE.columns)]


def _sides(found: Itemsets, chosen: Rules, words: list[str], suffix: str) -> dict[str, list[list[str]]]:
    """Antecedents and consequents of rules in words."""
    texts = [row for items in found.items for row in _texts(words, items)]
    return {
        f"antecedent{suffix or 's'}": [texts[number] for number in chosen.antecedents],
        f"consequent{suffix or 's'}": [texts[number] for number in chosen.consequents],
    }


def _make_associations(warehouse: Warehouse) -> "pd.DataFrame":
    """The strongest frequent pairs, each both ways."""
    import pandas as pd

    settings, baskets = warehouse.settings.baskets, read_baskets(warehouse)
    found = _read_itemsets(warehouse, baskets)
    if len(found.items) < 2:
        return pd.DataFrame(columns=list(ASSOCIATIONS_TABLE.columns))
    pairs, orders = found.items[1], found.counts[1][:, 0]
    p_values, q_values = pair_significance(baskets, found.items[0][:, 0], pairs)
    of_item = baskets.held.counts
    ways = []
    for first, second in ((0, 1), (1, 0)):
        told = measures(orders, of_item[pairs[:, first]], of_item[pairs[:, second]], len(baskets.days))
        ways.append(
            pd.DataFrame(
                {
                    "product_a": [baskets.items[item] for item in pairs[:, first]],
                    "product_b": [baskets.items[item] for item in pairs[:, second]],
                    "name_a": [baskets.names[item] for item in pairs[:, first]],
                    "name_b": [baskets.names[item] for item in pairs[:, second]],
                    "orders": orders,
                    "support": told["support"],
                    "confidence": told["confidence"],
                    "lift": told["lift"],
                    "p_value": p_values,
                    "q_value": q_values,
                }
            )
        )
    strongest = np.lexsort((np.arange(len(pairs)), -orders, -ways[0]["lift"].to_numpy()))
    kept = strongest[: settings.associations // 2]
    both = pd.concat([way.iloc[kept].assign(place=np.arange(len(kept))) for way in ways])
    both = both.sort_values(["place", "confidence", "product_a"], ascending=[True, False, True], ignore_index=True)
    return both[list(ASSOCIATIONS_TABLE.columns)]


def _tell_itemsets(warehouse: Warehouse) -> Mapping[str, Any]:
    """How many itemsets there are of each length, and how many baskets hold one."""
    lengths = warehouse.execute(f"select length, count(*) from {ITEMSETS} group by length order by length").fetchall()
    told = {f"itemsets of {length}": count for length, count in lengths}
    if not lengths:
        items = warehouse.settings.baskets.items
        told["no itemsets"] = (
            f"no {items} is in baskets enough (baskets.min_support, baskets.min_orders), or the export tells of none"
        )
    most = warehouse.settings.baskets.most_items
    if most:
        told["baskets cut"] = (
            f"of {read_baskets(warehouse).capped:,} baskets only the {most} items were taken that most baskets hold "
            "(baskets.most_items)"
        )
    return told


def _tell_earlier(warehouse: Warehouse) -> Mapping[str, Any]:
    """How many of the rules of the earlier weeks hold in the later ones."""
    rules, later_from, strong, positive, before, after = warehouse.row(
        f"""
        select
            count(*), any_value(later_from), count(*) filter (where later_lift >= $min_lift),
            count(*) filter (where later_lift > 1), median(lift), median(coalesce(later_lift, 0))
        from {EARLIER}
        """,
        {"min_lift": warehouse.settings.baskets.min_lift},
    )  # type: ignore[misc]
    if not rules:
        return {"nothing tried": f"too few weeks ({LEAST_WEEKS} at least), or no rule in the earlier ones"}
    return {
        "later weeks from": f"{later_from:%Y-%m-%d}",
        "rules of the earlier weeks": rules,
        "of these with the least lift (baskets.min_lift) later": strong,
        "of these with a lift above 1 later": positive,
        "median lift in the earlier weeks": before,
        "median lift in the later weeks": after,
    }


_SIDE = "[product_id, or category or description by baskets.items]"
_ITEM = ("varchar", "the product, or category or description by baskets.items")
MEASURES = ("support", "confidence", "lift", "leverage", "conviction", "zhang")
_MEASURES = {
    "support": ("double", "share of all baskets that hold all of it [share]"),
    "confidence": ("double", "of the baskets with the antecedents those with the consequents too [share]"),
    "lift": ("double", "confidence divided by the share of all baskets with the consequents; 1 by chance [times]"),
}
_ABOUT = (
    "A basket is an order's sale lines, duplicates aside, returned or not (core.revenue_policy = 'gross': a known "
    "customer's lines with quantity and price above zero); a product counts once."
)
ITEMSETS_TABLE = FrameTable(
    name=ITEMSETS,
    row="items that enough baskets hold together, single items too",
    about=f"{_ABOUT} Exact and complete: every set of items that baskets.min_support (or baskets.min_orders) of "
    "baskets hold, up to baskets.max_length items. Guests' orders are baskets too unless baskets.guests is false.",
    key=("itemset",),
    columns={
        "itemset": ("varchar[]", f"the items, ascending {_SIDE}"),
        "names": ("varchar[]", "their names"),
        "length": ("bigint", "how many [items]"),
        "orders": ("bigint", "baskets that hold all of them [orders]"),
        "support": ("double", "share of all baskets that hold all of them [share]"),
    },
    upstream=UPSTREAM,
    make=_make_itemsets,
    code=CODE,
    parameters=SETTINGS,
    tell=_tell_itemsets,
)
EARLIER_TABLE = FrameTable(
    name=EARLIER,
    row="a rule found in the earlier weeks alone, and what became of it in the weeks after",
    about="The last weeks (baskets.later_share of all) have no part in finding it, so what it does there is what such "
    "a rule is good for. By the settings of baskets.association_rules. Empty with fewer than eight weeks.",
    key=("antecedents", "consequents"),
    columns={
        "antecedents": ("varchar[]", f"who buys all of these {_SIDE}"),
        "consequents": ("varchar[]", f"buys all of these {_SIDE}"),
        "antecedent_names": ("varchar[]", "the antecedents' names"),
        "consequent_names": ("varchar[]", "the consequents' names"),
        "orders": ("bigint", "earlier baskets that hold all of it [orders]"),
        "support": ("double", "share of the earlier baskets that hold all of it [share]"),
        "confidence": ("double", "of the earlier baskets with the antecedents those with the consequents too [share]"),
        "lift": ("double", "confidence divided by the share of the earlier baskets with the consequents [times]"),
        "later_from": ("date", "the first day of the later weeks [store time]"),
        "later_orders": ("bigint", "later baskets that hold all of it [orders]"),
        "later_confidence": ("double", "confidence in the later baskets, null if none holds the antecedents [share]"),
        "later_lift": ("double", "lift in the later baskets, null if none holds one of the sides [times]"),
    },
    upstream=UPSTREAM,
    make=_make_earlier_rules,
    code=(*CODE, rules, later_code),
    parameters=SETTINGS,
    tell=_tell_earlier,
)
RULES_TABLE = FrameTable(
    name=RULES,
    row="a rule: who buys the antecedents buys the consequents",
    about=f"{_ABOUT} All rules that frequent itemsets make with baskets.min_confidence and baskets.min_lift. Measures "
    "are those of all baskets; later_lift is not: it comes of a second mining of the earlier weeks only.",
    key=("antecedents", "consequents"),
    columns={
        "antecedents": ("varchar[]", f"who buys all of these {_SIDE}"),
        "consequents": ("varchar[]", f"buys all of these {_SIDE}"),
        "antecedent_names": ("varchar[]", "the antecedents' names"),
        "consequent_names": ("varchar[]", "the consequents' names"),
        "orders": ("bigint", "baskets that hold all of it [orders]"),
        **_MEASURES,
        "leverage": ("double", "support less what independence would make it [share]"),
        "conviction": (
            "double",
            "how many times as often there would be antecedents without consequents by chance; infinite if there never "
            "are [times]",
        ),
        "zhang": (
            "double",
            "Zhang's metric: association from -1 (never together) over 0 (by chance) to 1 (never apart)",
        ),
        "p_value": ("double", "Fisher's exact test, one-sided: so many orders or more by chance [probability]"),
        "q_value": (
            "double",
            "p_value adjusted for how many were tried (Benjamini-Hochberg), pairs of frequent items or longer rules of "
            "the same length: of all rules up to this value no larger share is chance [share]",
        ),
        "is_significant": ("boolean", "whether q_value is baskets.false_discovery_rate or less"),
        "is_redundant": ("boolean", "whether fewer of the antecedents, or none, do as well in confidence"),
        "later_orders": ("bigint", "orders in the later weeks, null if it was no rule in the earlier ones [orders]"),
        "later_lift": (
            "double",
            "lift in the later weeks, null if it was no rule in the earlier ones (baskets.earlier_rules) [times]",
        ),
    },
    upstream=(*UPSTREAM, ITEMSETS, EARLIER),
    make=_make_rules,
    code=(*CODE, rules, later_code),
    parameters=SETTINGS,
)
ASSOCIATIONS_TABLE = FrameTable(
    name=ASSOCIATIONS,
    row="two products that go together, once each way: who buys product_a buys product_b",
    about=f"{_ABOUT} Of the frequent pairs the strongest by lift (baskets.associations rows).",
    key=("product_a", "product_b"),
    columns={
        "product_a": _ITEM,
        "product_b": _ITEM,
        "name_a": ("varchar", "the name of product_a"),
        "name_b": ("varchar", "the name of product_b"),
        "orders": ("bigint", "baskets that hold both [orders]"),
        "support": ("double", "share of all baskets that hold both [share]"),
        "confidence": ("double", "of the baskets with product_a those with product_b too [share]"),
        "lift": ("double", "confidence divided by the share of all baskets with product_b; 1 by chance [times]"),
        "p_value": ("double", "Fisher's exact test, one-sided: so many orders or more by chance [probability]"),
        "q_value": ("double", "p_value adjusted for all pairs of frequent items (Benjamini-Hochberg) [share]"),
    },
    upstream=(*UPSTREAM, ITEMSETS),
    make=_make_associations,
    code=(*CODE, rules),
    parameters=SETTINGS,
)
TABLES = (ITEMSETS_TABLE, EARLIER_TABLE, RULES_TABLE, ASSOCIATIONS_TABLE)
