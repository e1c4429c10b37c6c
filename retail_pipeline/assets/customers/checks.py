"""Checks on the scores: one row a customer, and the segments hold all of them and their money."""

from retail_pipeline.assets.table_checks import TableCheck, equal_totals, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."
RETRAIN = "'retail train' fits a new model; if that does not help, please report it."

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
    unique_key("customers.cluster_selection", "feature_set", "algorithm", "k"),
    no_rows(
        "customers.cluster_selection",
        "one_is_chosen",
        "of each algorithm one number of clusters is chosen, and of each feature set one algorithm is the champion",
        "select feature_set, algorithm, count(*) filter (where chosen) as chosen from customers.cluster_selection "
        "group by feature_set, algorithm having count(*) filter (where chosen) <> 1 union all "
        "select feature_set, null, count(*) filter (where is_champion) from customers.cluster_selection "
        "group by feature_set having count(*) filter (where is_champion) <> 1",
        remedy=RETRAIN,
    ),
    unique_key("customers.clusters", "customer_id", "feature_set", "algorithm"),
    no_rows(
        "customers.clusters",
        "everyone_is_assigned",
        "every customer of customers.features is in each division, and nobody else",
        """
        with divisions as (select distinct feature_set, algorithm from customers.cluster_selection),

        expected as (
            select features.customer_id, divisions.feature_set, divisions.algorithm
            from customers.features as features
            cross join divisions
        ),

        assigned as (select customer_id, feature_set, algorithm from customers.clusters)

        (from expected except from assigned) union all (from assigned except from expected)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "customers.clusters",
        "a_cluster_has_one_persona",
        "a cluster has one persona, no two of a division are called alike, and the champion is that of the selection",
        """
        with named as (
            select distinct feature_set, algorithm, cluster, persona, is_champion from customers.clusters
        )

        select feature_set, algorithm, count(*) as names
        from named
        group by feature_set, algorithm
        having count(distinct cluster) <> count(*) or count(distinct persona) <> count(*)
        union all
        select named.feature_set, named.algorithm, 0
        from named
        join customers.cluster_selection as selection
            on named.feature_set = selection.feature_set and named.algorithm = selection.algorithm and selection.chosen
        where named.is_champion <> selection.is_champion
        """,
        remedy=RETRAIN,
    ),
    unique_key("customers.cluster_map", "customer_id", "feature_set"),
    no_rows(
        "customers.cluster_map",
        "everyone_has_a_place",
        "every customer with a cluster has a place",
        "select customer_id, feature_set from (select distinct customer_id, feature_set from customers.clusters) "
        "anti join (select customer_id, feature_set from customers.cluster_map where isfinite(x) and isfinite(y)) "
        "using (customer_id, feature_set)",
        remedy=REBUILD,
    ),
    unique_key("customers.cluster_profiles", "feature_set", "algorithm", "cluster"),
    no_rows(
        "customers.cluster_profiles",
        "profiles_hold_everyone",
        "the clusters of a division hold all customers and all their money, to the last digit",
        """
        select feature_set, algorithm, sum(customers) as customers, sum(revenue) as revenue
        from customers.cluster_profiles
        group by feature_set, algorithm
        having sum(customers) <> (select count(*) from customers.features)
            or sum(revenue) is distinct from (select sum(total_spend) from customers.features)
        union all
        select feature_set, algorithm, 0, 0
        from (
            select feature_set, algorithm from customers.clusters
            except
            select feature_set, algorithm from customers.cluster_profiles
        )
        """,
        remedy=REBUILD,
    ),
]
