"""Checks on recommendations: lists are whole, nothing is offered that should not be, and the champion has earned it."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."
REMEASURE = "'retail train' measures and chooses anew; if that does not help, please report it."
TODAY = """
    select coalesce(cast($as_of as date), cast(max(order_date) + 1 as date)) as as_of from core.order_lines
"""
KEPT = """
    select purchases.customer_id, purchases.product_id
    from core.customer_purchases as purchases
    join core.products as products on purchases.product_id = products.product_id and not products.is_charge
    cross join today
    left join customers.undone_lines as undone
        on purchases.order_id = undone.order_id
        and purchases.line_no = undone.line_no
        and undone.lines = 1
        and undone.undone_on < today.as_of
    where purchases.quantity > 0 and purchases.order_date < today.as_of and undone.order_id is null
"""
SOLD_LATELY = """
    select lines.product_id
    from core.order_lines as lines
    join core.products as products on lines.product_id = products.product_id and not products.is_charge
    cross join today
    where lines.line_type = 'sale'
        and not lines.is_duplicate
        and lines.order_date < today.as_of
        and lines.order_date >= today.as_of - cast($basket_in_range_days as integer)
"""

CHECKS: list[TableCheck] = [
    no_rows(
        "baskets.recommendations",
        "lists_are_whole",
        "a list is of one product or one customer, its ranks run from 1 without a gap, no product comes twice in it, "
        "and its scores do not rise",
        """
        select kind, customer_id, for_product_id, count(*) as rows
        from (
            select
                kind,
                customer_id,
                for_product_id,
                rank,
                product_id,
                score,
                lag(score) over (partition by kind, customer_id, for_product_id order by rank) as score_before
            from baskets.recommendations
        ) as listed
        group by kind, customer_id, for_product_id
        having min(rank) <> 1
            or max(rank) <> count(*)
            or count(distinct rank) <> count(*)
            or count(distinct product_id) <> count(*)
            or bool_or(score > score_before)
            or (customer_id is null) <> (kind in ('bought_together', 'customers_also_bought'))
            or (customer_id is null) = (for_product_id is null)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "baskets.recommendations",
        "products_are_in_range",
        "what is recommended is no charge, has been sold within baskets.in_range_days, and is not the product itself",
        f"""
        with today as ({TODAY}), sold_lately as ({SOLD_LATELY})
        select kind, for_product_id, product_id, count(*) as rows
        from baskets.recommendations
        where product_id not in (from sold_lately)
            or for_product_id not in (from sold_lately)
            or product_id = for_product_id
        group by kind, for_product_id, product_id
        """,
        remedy=REBUILD,
        parameters=("as_of", "basket_in_range_days"),
    ),
    no_rows(
        "baskets.recommendations",
        "new_is_new",
        "nothing is recommended as new that the customer has bought and kept, and nothing as bought before that they "
        "have not",
        f"""
        with today as ({TODAY}), kept as (select distinct * from ({KEPT}))
        select recommended.kind, recommended.customer_id, recommended.product_id, recommended.orders
        from baskets.recommendations as recommended
        left join kept
            on recommended.customer_id = kept.customer_id and recommended.product_id = kept.product_id
        where recommended.customer_id is not null
            and case
                when kept.customer_id is null then coalesce(recommended.orders, 0) <> 0
                else recommended.kind = 'new_for_customer' or recommended.orders < 1
            end
        """,
        remedy=REBUILD,
        parameters=("as_of",),
    ),
    no_rows(
        "baskets.recommendations",
        "every_customer_is_served",
        "every customer who has kept a purchase, and no other, is recommended as many products as are asked for, or as "
        "are in range",
        f"""
        with today as ({TODAY}),
        buyers as (select distinct customer_id from ({KEPT})),
        offered as (
            select least(count(distinct product_id), cast($recommendation_per_customer as bigint)) as products
            from ({SOLD_LATELY})
        ),
        lists as (
            select customer_id, count(*) as products
            from baskets.recommendations
            where kind = 'for_customer'
            group by customer_id
        )
        select
            coalesce(buyers.customer_id, lists.customer_id) as customer_id,
            coalesce(lists.products, 0) as products,
            offered.products as products_offered
        from buyers
        full join lists on buyers.customer_id = lists.customer_id
        cross join offered
        where buyers.customer_id is null or coalesce(lists.products, 0) <> offered.products
        """,
        remedy=REBUILD,
        parameters=("as_of", "basket_in_range_days", "recommendation_per_customer"),
    ),
    no_rows(
        "baskets.recommendations",
        "what_goes_together_was_bought_together",
        "products are said to go together only from recommendations.least_together orders, or customers, on",
        """
        select kind, for_product_id, product_id, orders, customers
        from baskets.recommendations
        where model like 'co_purchase%'
            and case when kind = 'bought_together' then orders else customers end
                < cast($recommendation_least_together as bigint)
        """,
        remedy=REBUILD,
        parameters=("recommendation_least_together",),
    ),
    unique_key("baskets.recommender_metrics", "task", "model", "cutoff", "split", "metric"),
    no_rows(
        "baskets.recommender_metrics",
        "measures_are_shares",
        "every measure is from 0 to 1 and within its interval",
        """
        select task, model, cutoff, metric, value, lower, upper
        from baskets.recommender_metrics
        where (value between 0 and 1 and coalesce(lower, 0) <= value and value <= coalesce(upper, 1)) is not true
        """,
        remedy=REMEASURE,
    ),
    no_rows(
        "baskets.recommender_metrics",
        "the_champion_has_earned_it",
        "each task has one champion; if it is no baseline, its NDCG at 10 in the last window is above that of all "
        "baselines",
        """
        with last_window as (
            select task, model, is_champion, is_baseline, value
            from baskets.recommender_metrics
            where split = 'test' and metric = 'ndcg_at_10'
        ),

        champions as (
            select task, count(distinct model) as champions
            from baskets.recommender_metrics
            where is_champion
            group by task
        )

        select metrics.task, null as model, coalesce(max(champions.champions), 0) as champions
        from baskets.recommender_metrics as metrics
        left join champions on metrics.task = champions.task
        group by metrics.task
        having coalesce(max(champions.champions), 0) <> 1
        union all
        select champion.task, champion.model, 1
        from last_window as champion
        join last_window as baseline on champion.task = baseline.task and baseline.is_baseline
        where champion.is_champion and not champion.is_baseline and champion.value <= baseline.value
        """,
        remedy=REMEASURE,
    ),
]
