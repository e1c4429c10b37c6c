"""Checks on the scores: one row a customer, and the segments hold all of them and their money."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."

CHECKS: list[TableCheck] = [
    unique_key("customers.rfm_scores", "customer_id"),
    no_rows(
        "customers.rfm_scores",
        "scores_in_range",
        "scores are whole numbers from 1 to 5 and recency is not negative",
        "select customer_id, recency_days, rfm_score from customers.rfm_scores "
        "where recency_days < 0 or not regexp_full_match(rfm_score, '[1-5]{3}')",
        remedy=REBUILD,
    ),
    no_rows(
        "customers.rfm_segments",
        "segments_hold_everyone",
        "customers and revenue of the segments are those of the scores, to the last digit",
        """
        select *
        from (
            select
                (select count(*) from customers.rfm_scores) as scored,
                (select coalesce(sum(customers), 0) from customers.rfm_segments) as in_segments,
                (select sum(monetary) from customers.rfm_scores) as monetary,
                (select sum(revenue) from customers.rfm_segments) as revenue
        )
        where scored <> in_segments or monetary is distinct from revenue
        """,
        remedy=REBUILD,
    ),
]
