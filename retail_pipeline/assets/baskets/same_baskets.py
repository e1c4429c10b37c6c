"""Whether itemsets and rules were made of the baskets at hand: what is made of both must not mix them."""

from retail_pipeline.assets.baskets.baskets_read import BasketItems, unfit
from retail_pipeline.warehouse.warehouse import Warehouse

ITEMSETS, RULES = "baskets.frequent_itemsets", "baskets.association_rules"
OTHER_RULES = f"""
    select count(*)
    from {RULES} as rules
    left join {ITEMSETS} as itemsets
        on list_sort(list_concat(rules.antecedents, rules.consequents)) = itemsets.itemset
    where (rules.orders = itemsets.orders and rules.support = itemsets.support) is not true
"""


def require_itemsets_of(baskets: BasketItems, warehouse: Warehouse) -> None:
    """Raise if the frequent itemsets were counted in other baskets.

    Raises
    ------
    WarehouseError
        when single items are not in as many baskets: the itemsets were made by other settings, or before the last drop.
    """
    held = zip(baskets.items, baskets.held.counts.tolist(), strict=True)
    frequent = {item: count for item, count in held if count >= baskets.least}
    if frequent != dict(warehouse.execute(f"select itemset[1], orders from {ITEMSETS} where length = 1").fetchall()):
        raise unfit(ITEMSETS)


def require_rules_of(baskets: BasketItems, warehouse: Warehouse) -> None:
    """Raise if the rules were counted in other baskets.

    Raises
    ------
    WarehouseError
        when the itemsets were, or the rules are not those of the itemsets.
    """
    require_itemsets_of(baskets, warehouse)
    if warehouse.value(OTHER_RULES):
        raise unfit(RULES)
