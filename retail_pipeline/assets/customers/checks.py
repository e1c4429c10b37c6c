"""Checks on the scores: one row a customer, and the segments hold all of them and their money."""

from retail_pipeline.assets.table_checks import TableCheck, equal_totals, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."

CHECKS: list[TableCheck] = [
    unique_key("customers.rfm_scores", "customer_id"),
    no_rows(
        "customers.rfm_scores",
        "scores_in_range",
        "scores are whole numbers from 1 to 5 and recency is not negative",
        "select customer_id, recency_days, rfm_score from customers.rfm_scores "
        "where (recency_days >= 0 and regexp_full_match(rfm_score, '[1-5]{3}')) is not true",
        remedy=REBUILD,
    ),
    no_rows(
        "customers.rfm_scores",
        "customers_are_known",
        "every scored customer is in core.customers",
        "select customer_id from customers.rfm_scores anti join core.customers using (customer_id)",
        remedy=REBUILD,
        beside=("core.customers",),
    ),
    equal_totals(
        "customers.rfm_scores",
        "money_equals_purchases",
        "monetary is what was bought before as_of, under net less what was cancelled before as_of, to the last digit",
        "select coalesce(sum(monetary), 0) as amount from customers.rfm_scores",
        """
        with as_of as (select coalesce($as_of::date, max(order_date) + 1) as as_of from core.order_lines),

        bought as (
            select purchases.order_id, purchases.line_no, purchases.amount
            from core.customer_purchases as purchases
            join as_of on purchases.order_ts < as_of.as_of
        ),

        cancelled as (
            select matches.amount
            from core.cancellation_matches as matches
            join as_of on matches.cancelled_at < as_of.as_of
            join bought on matches.sale_order_id = bought.order_id and matches.sale_line_no = bought.line_no
            where $revenue_policy = 'net'
        )

        select
            coalesce((select sum(amount) from bought), 0)
            - coalesce((select sum(amount) from cancelled), 0) as amount
        """,
        remedy=REBUILD,
        parameters=["as_of", "revenue_policy"],
    ),
    equal_totals(
        "customers.rfm_segments",
        "segments_hold_everyone",
        "customers, orders and revenue of the segments are those of the scores, to the last digit",
        "select coalesce(sum(customers), 0) as customers, sum(orders) as orders, sum(revenue) as revenue "
        "from customers.rfm_segments",
        "select count(*) as customers, sum(frequency) as orders, sum(monetary) as revenue from customers.rfm_scores",
        remedy=REBUILD,
    ),
]
