"""Checks on itemsets, rules and pairs: whatever is told twice is told alike."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."

CHECKS: list[TableCheck] = [
    unique_key("baskets.frequent_itemsets", "itemset"),
    no_rows(
        "baskets.frequent_itemsets",
        "no_rarer_than_its_parts",
        "each item of an itemset is an itemset of its own, and no rarer than the whole",
        """
        select wholes.itemset, wholes.orders, parts.item, singles.orders as item_orders
        from baskets.frequent_itemsets as wholes
        cross join lateral (select unnest(wholes.itemset) as item) as parts
        left join baskets.frequent_itemsets as singles on singles.itemset = [parts.item]
        where (wholes.orders <= singles.orders and wholes.length = length(wholes.itemset)) is not true
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "baskets.frequent_itemsets",
        "support_is_of_the_same_baskets",
        "orders and support of all itemsets tell of the same number of baskets",
        """
        select itemset, orders, support
        from baskets.frequent_itemsets
        cross join (
            select orders / support as baskets
            from baskets.frequent_itemsets
            order by orders desc, itemset
            limit 1
        ) as largest
        where (abs(orders - support * largest.baskets) < 0.001 and support between 0 and 1 and orders > 0) is not true
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "baskets.frequent_itemsets",
        "some_items_are_frequent",
        "where there are orders with sales, some items are frequent",
        """
        select count(*) as orders
        from core.orders
        where products > 0
        having count(*) > 0 and (select count(*) from baskets.frequent_itemsets) = 0
        """,
        remedy="Lower baskets.min_support or baskets.min_orders. With baskets.items = 'category' the export must give "
        "categories.",
        blocking=False,
    ),
    unique_key("baskets.earlier_rules", "antecedents", "consequents"),
    unique_key("baskets.association_rules", "antecedents", "consequents"),
    no_rows(
        "baskets.association_rules",
        "agree_with_the_itemsets",
        "orders, confidence and lift of a rule are those that the counts of its itemsets make, and it is strong enough",
        """
        select rules.antecedents, rules.consequents, rules.orders, rules.confidence, rules.lift
        from baskets.association_rules as rules
        left join baskets.frequent_itemsets as wholes
            on wholes.itemset = list_sort(list_concat(rules.antecedents, rules.consequents))
        left join baskets.frequent_itemsets as firsts on firsts.itemset = rules.antecedents
        left join baskets.frequent_itemsets as seconds on seconds.itemset = rules.consequents
        where (
            rules.orders = wholes.orders
            and abs(rules.confidence - wholes.orders / firsts.orders) < 1e-9
            and abs(rules.lift - rules.confidence / seconds.support) < 1e-6 * rules.lift
            and rules.q_value >= rules.p_value * (1 - 1e-9)
        ) is not true
        """,
        remedy=REBUILD,
    ),
    unique_key("baskets.product_associations", "product_a", "product_b"),
    no_rows(
        "baskets.product_associations",
        "agree_with_the_itemsets",
        "orders, confidence and lift of a pair are those that the counts of its itemsets make",
        """
        select pairs.product_a, pairs.product_b, pairs.orders, pairs.confidence, pairs.lift
        from baskets.product_associations as pairs
        left join baskets.frequent_itemsets as wholes
            on wholes.itemset = list_sort([pairs.product_a, pairs.product_b])
        left join baskets.frequent_itemsets as firsts on firsts.itemset = [pairs.product_a]
        left join baskets.frequent_itemsets as seconds on seconds.itemset = [pairs.product_b]
        where (
            pairs.orders = wholes.orders
            and abs(pairs.confidence - wholes.orders / firsts.orders) < 1e-9
            and abs(pairs.lift - pairs.confidence / seconds.support) < 1e-6 * pairs.lift
        ) is not true
        """,
        remedy=REBUILD,
    ),
]
