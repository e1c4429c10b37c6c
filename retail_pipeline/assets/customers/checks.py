"""Checks on what is known of customers: no purchase is lost, features and scores agree, as of any day."""

from retail_pipeline.assets.table_checks import TableCheck, equal_totals, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."
RETRAIN = "'retail train' fits a new model; if that does not help, please report it."

STANDING = "customers.order_states where known_until is null"

CHECKS: list[TableCheck] = [
    unique_key("customers.undone_lines", "order_id", "line_no", "undone_on"),
    no_rows(
        "customers.undone_lines",
        "never_more_than_bought",
        "of no line is more undone than was bought, in units or, if none is left, in money",
        """
        select order_id, line_no, purchases.quantity, undone.quantity as undone_quantity
        from (
            select order_id, line_no, sum(quantity) as quantity, sum(amount) as amount, sum(lines) as lines
            from customers.undone_lines
            group by order_id, line_no
        ) as undone
        left join core.customer_purchases as purchases using (order_id, line_no)
        where (
            undone.quantity <= purchases.quantity
            and undone.lines = (case when undone.quantity = purchases.quantity then 1 else 0 end)
            and (undone.lines = 0 or undone.amount = coalesce(purchases.amount, 0))
        ) is not true
        """,
        remedy=REBUILD,
    ),
    unique_key("customers.category_shares", "customer_id", "category"),
    no_rows(
        "customers.category_shares",
        "agree_with_the_features",
        "features count the categories that are here, and their top one is the largest here",
        """
        select customer_id, features.categories, shares.categories as categories_here, top_category_share, top_share
        from customers.features as features
        full join (
            select customer_id, count(*) as categories, max(share) as top_share
            from customers.category_shares
            group by customer_id
        ) as shares using (customer_id)
        where features.categories <> coalesce(shares.categories, 0)
            or abs(features.top_category_share - shares.top_share) > 1e-9
            or features.customer_id is null
        """,
        remedy=REBUILD,
        beside=("customers.features",),
    ),
    unique_key("customers.order_states", "customer_id", "order_id", "known_from"),
    equal_totals(
        "customers.order_states",
        "money_equals_purchases",
        "orders as they stand hold all lines, units and money bought and not undone since, to the last digit",
        f"""
        select
            coalesce(sum(lines), 0) as lines,
            coalesce(sum(units), 0) as units,
            coalesce(sum(amount), 0) as amount,
            coalesce(sum(amount_bought), 0) as amount_bought
        from {STANDING}
        """,
        """
        select
            count(*) - (select coalesce(sum(lines), 0) from customers.undone_lines) as lines,
            coalesce(sum(quantity), 0) - (select coalesce(sum(quantity), 0) from customers.undone_lines) as units,
            coalesce(sum(amount), 0) - (select coalesce(sum(amount), 0) from customers.undone_lines) as amount,
            coalesce(sum(amount), 0) as amount_bought
        from core.customer_purchases
        where quantity > 0
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "customers.order_states",
        "one_state_at_a_time",
        "each state of an order lasts until the next one",
        """
        select customer_id, order_id, known_from, known_until, next_from
        from (
            select
                *,
                lead(known_from) over (partition by customer_id, order_id order by known_from) as next_from
            from customers.order_states
        )
        where known_until is distinct from next_from or lines < 0 or units < 0
        """,
        remedy=REBUILD,
    ),
    unique_key("customers.product_changes", "customer_id", "date_day"),
    equal_totals(
        "customers.product_changes",
        "lines_equal_orders",
        "changes of lines and products add up to the lines that are left and their products",
        """
        select coalesce(sum(lines), 0) as lines, coalesce(sum(products), 0) as products
        from customers.product_changes
        """,
        f"""
        select
            (select coalesce(sum(lines), 0) from {STANDING}) as lines,
            (
                select count(distinct (purchases.customer_id, purchases.product_id))
                from core.customer_purchases as purchases
                anti join (from customers.undone_lines where lines = 1) as undone
                    on purchases.order_id = undone.order_id and purchases.line_no = undone.line_no
                where purchases.quantity > 0
            ) as products
        """,
        remedy=REBUILD,
        beside=("customers.order_states",),
    ),
    unique_key("customers.category_changes", "customer_id", "category", "date_day"),
    equal_totals(
        "customers.category_changes",
        "money_equals_purchases",
        "changes of spend add up to what was bought in any category and not undone since, to the last digit",
        "select coalesce(sum(lines), 0) as lines, coalesce(sum(amount), 0) as amount from customers.category_changes",
        """
        with undone as (
            select coalesce(sum(lines), 0) as lines, coalesce(sum(amount), 0) as amount
            from customers.undone_lines
            where category is not null
        )
        select
            count(*) - (select lines from undone) as lines,
            coalesce(sum(amount), 0) - (select amount from undone) as amount
        from core.customer_purchases
        where quantity > 0 and category is not null
        """,
        remedy=REBUILD,
    ),
    unique_key("customers.features", "customer_id"),
    no_rows(
        "customers.features",
        "agree_with_the_scores",
        "recency, orders and spend are the scores' recency, frequency and monetary value, of the same customers",
        """
        (
            select customer_id, as_of, recency_days, orders, total_spend from customers.features
            except select customer_id, as_of, recency_days, frequency, monetary from customers.rfm_scores
        )
        union all
        (
            select customer_id, as_of, recency_days, frequency, monetary from customers.rfm_scores
            except select customer_id, as_of, recency_days, orders, total_spend from customers.features
        )
        """,
        remedy=REBUILD,
        beside=("customers.rfm_scores",),
    ),
    no_rows(
        "customers.features",
        "features_are_in_range",
        "counts fit to each other, shares lie within 0 and 1, and the stage is one of the six",
        """
        select customer_id, recency_days, tenure_days, orders, purchase_days, product_variety, lifecycle_stage
        from customers.features
        where (
            0 < recency_days and recency_days <= tenure_days
            and 1 <= purchase_days and purchase_days <= orders
            and orders_14d <= orders_30d and orders_180d <= orders_365d and orders_365d <= orders
            and 1 <= product_variety
            and product_entropy between -0.00001 and ln(product_variety) + 0.00001
            and preferred_weekday between 1 and 7
            and abs(night_share + morning_share + afternoon_share + evening_share - 1) < 0.000001
            and weekend_share between 0 and 1
            and coalesce(return_rate, 0) between 0 and 1
            and coalesce(top_category_share, 1) between 0 and 1
            and lifecycle_stage in ('new', 'developing', 'established', 'declining', 'dormant', 'reactivated')
        ) is not true
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "customers.feature_catalogue",
        "features_are_described",
        "every column of customers.features is described once, in its place",
        """
        select coalesce(feature, column_name) as feature, place, column_index
        from customers.feature_catalogue
        full join (
            select column_name, column_index
            from duckdb_columns()
            where database_name = current_database() and schema_name = 'customers' and table_name = 'features'
        ) on feature = column_name
        where place is distinct from column_index or coalesce(meaning, '') = ''
        """,
        remedy=REBUILD,
    ),
    unique_key("customers.features_history", "customer_id", "month"),
    equal_totals(
        "customers.features_history",
        "agrees_with_the_scores",
        "at each month's end, features and scores know of the same customers, orders and money",
        "select list((month, customers, orders, amount) order by month) as months from (select month, "
        "count(*) as customers, sum(orders) as orders, sum(total_spend) as amount from customers.features_history "
        "group by month)",
        "select list((month, customers, orders, amount) order by month) as months from (select month, "
        "count(*) as customers, sum(frequency) as orders, sum(monetary) as amount from customers.rfm_history "
        "group by month)",
        remedy=REBUILD,
        beside=("customers.rfm_history",),
    ),
    unique_key("customers.rfm_history", "customer_id", "month"),
    no_rows(
        "customers.rfm_history",
        "months_are_whole_and_follow_each_other",
        "each is as of the day after its month's end, not after the scores' own day, and no month is missing at whose "
        "end anything was left of any order",
        """
        with months as (select distinct month, as_of from customers.rfm_history),

        missing as (
            select as_of
            from (
                select cast(unnest(generate_series(min(as_of), max(as_of), interval 1 month)) as date) as as_of
                from months
            )
            anti join months using (as_of)
        )

        select month, as_of
        from months
        where as_of <> month + interval 1 month or as_of > (select max(as_of) from customers.rfm_scores)
        union all
        select distinct cast(missing.as_of - interval 1 month as date) as month, missing.as_of
        from missing
        join customers.order_states as states
            on states.known_from < missing.as_of
            and (states.known_until is null or states.known_until >= missing.as_of)
        where states.lines > 0
        """,
        remedy=REBUILD,
        beside=("customers.rfm_scores",),
    ),
    unique_key("customers.segment_migration", "month", "from_segment", "to_segment"),
    no_rows(
        "customers.segment_migration",
        "everyone_comes_from_somewhere",
        "who is in a segment at a month's end came from one or is new, and who was in one went somewhere",
        """
        with ends as (
            select month, segment, count(*) as customers, sum(monetary) as amount
            from customers.rfm_history
            group by month, segment
        ),

        arrived as (
            select month, to_segment as segment, sum(customers) as customers, sum(monetary_after) as amount
            from customers.segment_migration
            where to_segment <> 'nothing left'
            group by month, to_segment
        ),

        left_from as (
            select
                cast(month - interval 1 month as date) as month,
                from_segment as segment,
                sum(customers) as customers,
                sum(monetary_before) as amount
            from customers.segment_migration
            where from_segment <> 'new to the shop'
            group by month, from_segment
        )

        select 'arrived' as what, month, segment, ends.customers, arrived.customers as moved
        from (from ends where month > (select min(month) from ends)) as ends
        full join arrived using (month, segment)
        where (ends.customers = arrived.customers and ends.amount = arrived.amount) is not true
        union all
        select 'left' as what, month, segment, ends.customers, left_from.customers as moved
        from (from ends where month < (select max(month) from ends)) as ends
        full join left_from using (month, segment)
        where (ends.customers = left_from.customers and ends.amount = left_from.amount) is not true
        """,
        remedy=REBUILD,
    ),
    unique_key("customers.segment_outcomes", "segment"),
    no_rows(
        "customers.segment_outcomes",
        "intervals_hold_what_they_are_of",
        "shares and means lie within their intervals, and a verdict is given only where others are outside",
        """
        select segment, bought_again_lower, bought_again, bought_again_upper, spend_lower, spend_per_customer, verdict
        from customers.segment_outcomes
        where (
            0 <= bought_again_lower
            and bought_again_lower <= bought_again + 0.000000001
            and bought_again <= bought_again_upper + 0.000000001
            and bought_again_upper <= 1
            and customers <= observations
            and observations <= customers * month_ends
            and coalesce(spend_lower <= greatest(spend_per_customer, 0), true)
            and coalesce(spend_per_customer <= spend_upper, true)
            and verdict = case
                when bought_again_upper < others_bought_again then 'leave more than others'
                when bought_again_lower > others_bought_again then 'leave less than others'
                else 'no difference shows'
            end
        ) is not true
        """,
        remedy=REBUILD,
    ),
    unique_key("customers.segment_actions", "segment"),
    no_rows(
        "customers.segment_actions",
        "every_segment_has_an_action",
        "there is an action for every segment that has customers",
        "select segment, customers from customers.rfm_segments anti join customers.segment_actions using (segment)",
        remedy=REBUILD,
        beside=("customers.rfm_segments",),
    ),
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
    unique_key("customers.lifetime_value", "customer_id", "horizon_days"),
    no_rows(
        "customers.lifetime_value",
        "everyone_is_in_it",
        "where there is any, every customer of customers.features is in each horizon, with the money spent so far",
        """
        with horizons as (select distinct horizon_days from customers.lifetime_value),

        expected as (
            select features.customer_id, horizons.horizon_days, features.as_of, features.total_spend as historic_value
            from customers.features as features
            cross join horizons
        ),

        told as (select customer_id, horizon_days, as_of, historic_value from customers.lifetime_value)

        (from expected except from told) union all (from told except from expected)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "customers.lifetime_value",
        "predictions_can_be",
        "probabilities are from 0 to 1, no expectation is negative, ranges are in order, and more time brings no less",
        """
        select customer_id, horizon_days, p_alive, expected_orders, expected_value, lower, upper
        from (
            select
                *,
                lag(expected_orders, 1, 0) over (partition by customer_id order by horizon_days) as orders_before,
                lag(expected_value, 1, 0) over (partition by customer_id, is_validated order by horizon_days) as before
            from customers.lifetime_value
        )
        where (
            p_alive between 0 and 1
            and expected_orders >= orders_before
            and isfinite(expected_orders)
            and (expected_value is null or (expected_value >= 0 and isfinite(expected_value)))
            and (upper is null or (0 <= lower and lower <= upper and isfinite(upper)))
            and (not is_validated or (lower <= expected_value and expected_value <= upper and expected_value >= before))
        ) is not true
        """,
        remedy=RETRAIN,
    ),
    no_rows(
        "customers.lifetime_value",
        "champions_tell_it",
        "times that have a champion are told by it and marked as validated, all others by BTYD and not marked",
        """
        select told.horizon_days, told.model, told.is_validated, told.reason
        from (select distinct horizon_days, model, is_validated, reason from customers.lifetime_value) as told
        left join models.champions as champions on champions.task = 'clv_' || told.horizon_days || 'd'
        where (
            told.reason <> ''
            and told.is_validated = (champions.model is not null)
            and case
                when told.is_validated then told.model = champions.model and told.reason = champions.reason
                else told.model in ('bg_nbd', 'mbg_nbd', 'pareto_nbd')
            end
        ) is not true
        """,
        remedy=REBUILD,
    ),
]
