"""Data checks of what is made of baskets: trends, substitutes, bundles, stock partners, the network of rules."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key

REBUILD = "This is a defect of the pipeline: please report it; 'retail run --full' builds the table anew."

CHECKS: list[TableCheck] = [
    unique_key("baskets.pair_trends", "product_a", "product_b", "quarter"),
    no_rows(
        "baskets.pair_trends",
        "quarters_make_the_itemsets",
        "the orders of a pair in all quarters are those of the frequent itemset, and no frequent pair is missing",
        """
        with of_quarters as (
            select product_a, product_b, sum(orders) as orders_of_quarters
            from baskets.pair_trends
            group by product_a, product_b
        ),

        of_itemsets as (
            select itemset[1] as product_a, itemset[2] as product_b, orders as orders_of_itemset
            from baskets.frequent_itemsets
            where length = 2
        )

        select product_a, product_b, orders_of_quarters, orders_of_itemset
        from of_quarters
        full join of_itemsets using (product_a, product_b)
        where orders_of_quarters is distinct from orders_of_itemset and coalesce($basket_max_length, 2) >= 2
        """,
        remedy=REBUILD,
        parameters=["basket_max_length"],
        beside=("baskets.frequent_itemsets",),
    ),
    no_rows(
        "baskets.pair_trends",
        "pairs_have_one_direction",
        "a pair has one direction, which is that of its change, and no more orders than its products",
        """
        select product_a, product_b, count(*) as quarters
        from baskets.pair_trends
        group by product_a, product_b
        having count(distinct direction) > 1
            or count(direction) not in (0, count(*))
            or bool_or(direction = 'rising' and change <= 0)
            or bool_or(direction = 'falling' and change >= 0)
            or bool_or(orders > least(orders_a, orders_b) or greatest(orders_a, orders_b) > baskets)
        """,
        remedy=REBUILD,
    ),
    unique_key("baskets.substitutes", "product_a", "product_b"),
    no_rows(
        "baskets.substitutes",
        "products_are_frequent",
        "each product is a frequent itemset of so many orders",
        """
        select substitutes.product_a, substitutes.product_b, substitutes.orders_a, substitutes.orders_b
        from baskets.substitutes as substitutes
        left join baskets.frequent_itemsets as of_a
            on of_a.length = 1 and of_a.itemset[1] = substitutes.product_a
        left join baskets.frequent_itemsets as of_b
            on of_b.length = 1 and of_b.itemset[1] = substitutes.product_b
        where (of_a.orders = substitutes.orders_a and of_b.orders = substitutes.orders_b) is not true
        """,
        remedy=REBUILD,
        beside=("baskets.frequent_itemsets",),
    ),
    no_rows(
        "baskets.substitutes",
        "pairs_are_within_the_limits",
        "lifts and q values are within the limits of the settings, and follow from the orders",
        """
        select product_a, product_b, lift, lift_apart, q_value
        from baskets.substitutes
        where (
            product_a < product_b
            and orders <= least(orders_a, orders_b)
            and abs(lift * expected_orders - orders) < 1e-6 * expected_orders
            and lift <= $substitute_most_lift
            and lift_apart >= $substitute_least_lift_apart
            and expected_orders >= $substitute_least_expected
            and q_value <= $basket_false_discovery_rate
        ) is not true
        """,
        remedy=REBUILD,
        parameters=[
            "substitute_most_lift",
            "substitute_least_lift_apart",
            "substitute_least_expected",
            "basket_false_discovery_rate",
        ],
    ),
]
