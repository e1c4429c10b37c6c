"""Data checks of what is made of baskets: trends, substitutes, bundles, stock partners, the network of rules."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key, warning

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
    unique_key("baskets.product_costs", "product_id"),
    warning(
        no_rows(
            "baskets.product_costs",
            "costs_are_of_products",
            "every cost is that of a product that was sold",
            "select product_id from baskets.product_costs anti join core.products using (product_id)",
            remedy="These codes are no products: mend them in the file that bundles.costs_file names.",
            blocking=False,
        )
    ),
    no_rows(
        "baskets.product_costs",
        "costs_are_not_negative",
        "every cost is known and not negative",
        "select product_id, unit_cost from baskets.product_costs where (unit_cost >= 0) is not true",
        remedy=REBUILD,
    ),
    unique_key("baskets.bundles", "bundle_id"),
    no_rows(
        "baskets.bundles",
        "bundles_share_no_product",
        "no product is in two bundles, nor twice in one, and each is a frequent item",
        """
        with members as (select bundle_id, unnest(products) as product_id from baskets.bundles)

        select product_id, count(*) as bundles
        from members
        group by product_id
        having count(*) > 1
        union all
        select product_id, 0
        from members
        anti join (select itemset[1] as product_id from baskets.frequent_itemsets where length = 1) using (product_id)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "baskets.bundles",
        "figures_follow_from_the_assumption",
        "bundles are in order of what they bring, and worth it beyond the break-even uptake only",
        """
        select bundles.bundle_id, bundles.expected_extra_revenue, bundles.break_even_uptake, bundles.is_worth_it
        from baskets.bundles
        left join baskets.bundles as better on better.bundle_id = bundles.bundle_id - 1
        where (
            len(bundles.products) between 2 and $bundle_most_products
            and len(bundles.names) = len(bundles.products)
            and bundles.orders > 0
            and bundles.expected_extra_orders between 0 and $bundle_uptake * bundles.orders_all_but_one + 1e-9
            and (better.expected_extra_revenue >= bundles.expected_extra_revenue or bundles.bundle_id = 1)
            and (bundles.expected_extra_revenue > 0) = (coalesce(bundles.break_even_uptake, 1e9) < $bundle_uptake)
            and bundles.is_worth_it = (coalesce(bundles.expected_extra_margin, bundles.expected_extra_revenue) > 0)
        ) is not true
        """,
        remedy=REBUILD,
        parameters=["bundle_most_products", "bundle_uptake"],
    ),
    unique_key("baskets.stock_partners", "product_id"),
    no_rows(
        "baskets.stock_partners",
        "costs_add_up",
        "a day's cost is that of the product's own sales and its partners', and ranks go by it",
        """
        select stock_partners.product_id, stock_partners.rank, stock_partners.stock_out_cost_per_day
        from baskets.stock_partners
        left join baskets.stock_partners as dearer on dearer.rank = stock_partners.rank - 1
        where (
            abs(
                stock_partners.own_revenue_per_day + stock_partners.partner_revenue_per_day
                - stock_partners.stock_out_cost_per_day
            ) <= 1e-9 * stock_partners.stock_out_cost_per_day
            and stock_partners.own_revenue_per_day >= 0
            and stock_partners.partner_revenue_per_day >= 0
            and (dearer.stock_out_cost_per_day >= stock_partners.stock_out_cost_per_day or stock_partners.rank = 1)
            and len(stock_partners.partners) >= 1
            and not list_contains(stock_partners.partners, stock_partners.product_id)
        ) is not true
        """,
        remedy=REBUILD,
    ),
    unique_key("baskets.rule_network", "source", "target"),
    no_rows(
        "baskets.rule_network",
        "edges_are_rules",
        "every edge is a rule of that lift and confidence, and an item has one place",
        """
        select rule_network.source, rule_network.target, rule_network.lift
        from baskets.rule_network
        left join baskets.association_rules as rules
            on rules.antecedents = [source] and rules.consequents = [target]
        where (rules.lift = rule_network.lift and rules.confidence = rule_network.confidence) is not true
        union all
        select item, null, count(*)
        from (
            select distinct source as item, source_x as x, source_y as y from baskets.rule_network
            union
            select distinct target, target_x, target_y from baskets.rule_network
        )
        group by item
        having count(*) > 1 or bool_or((isfinite(x) and isfinite(y)) is not true)
        """,
        remedy=REBUILD,
    ),
]
