"""Checks on demand, its forecasts and the plan of orders: units add up, intervals hold what they are of."""

from retail_pipeline.assets.table_checks import TableCheck, equal_totals, no_rows, unique_key, warning

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."
REMEASURE = "'retail train' measures and chooses anew; if that does not help, please report it."

CHECKS: list[TableCheck] = [
    unique_key("forecasts.product_weeks", "product_id", "week"),
    equal_totals(
        "forecasts.product_weeks",
        "units_equal_lines",
        "units sold are those of the sale lines, and no more is undone than was cancelled",
        "select sum(units_sold) as units, bool_and(units_undone between 0 and units_sold) as is_right "
        "from forecasts.product_weeks",
        """
        select sum(quantity) as units, case when count(*) > 0 then true end as is_right
        from core.order_lines
        where line_type = 'sale'
            and not is_duplicate
            and not is_charge
            and quantity > 0
            and (order_date < $as_of or $as_of is null)
        """,
        remedy=REBUILD,
        parameters=("as_of",),
    ),
    no_rows(
        "forecasts.product_weeks",
        "demand_is_what_was_left",
        "demand is what was sold less what was soon undone, the largest order is part of it, and what was undone at "
        "once of that; so it was when the week was over",
        """
        select product_id, week, units_sold, units_undone, demand
        from forecasts.product_weeks
        where (
            demand = units_sold - units_undone
            and units_undone_at_once between 0 and units_undone
            and largest_order between 0 and demand
            and largest_order_at_once between largest_order and units_sold - units_undone_at_once
            and (largest_order > 0) = (demand > 0)
            and (orders > 0) = (demand > 0)
            and revenue >= 0
        ) is not true
        """,
        remedy=REBUILD,
    ),
    unique_key("forecasts.product_demand", "product_id", "week"),
    no_rows(
        "forecasts.product_demand",
        "intervals_are_in_order",
        "no forecast is negative, quantiles do not fall, and every product has every week",
        """
        with of_all as (select count(distinct week) as weeks from forecasts.product_demand)

        select product_id, min(value) as value, count(*) as weeks
        from forecasts.product_demand
        cross join of_all
        group by product_id, of_all.weeks
        having count(*) <> of_all.weeks
            or bool_or(
                (
                    value >= 0
                    and isfinite(value)
                    and 0 <= lower_80
                    and lower_80 <= median
                    and median <= upper_80
                    and upper_80 <= upper_95
                    and isfinite(upper_95)
                ) is not true
            )
        """,
        remedy=REMEASURE,
    ),
    no_rows(
        "forecasts.product_demand",
        "every_product_is_forecast",
        "what was ordered in a whole week has a forecast, and nothing else has one",
        """
        select coalesce(sold.product_id, told.product_id) as product_id
        from (select distinct product_id from forecasts.product_weeks where not is_partial) as sold
        full join (select distinct product_id from forecasts.product_demand) as told on sold.product_id =
        told.product_id where sold.product_id is null or told.product_id is null
        """,
        remedy=REBUILD,
    ),
    unique_key("forecasts.demand_backtest", "kind", "model", "split", "metric"),
    no_rows(
        "forecasts.demand_backtest",
        "one_champion_a_kind",
        "each kind measured has one champion in each split, and it is the model that forecasts",
        """
        select kind, split, count(distinct case when is_champion then model end) as champions
        from forecasts.demand_backtest
        group by kind, split
        having count(distinct case when is_champion then model end) <> 1
        union all
        select backtest.kind, backtest.model, 0
        from forecasts.demand_backtest as backtest
        join forecasts.product_demand as demand on backtest.kind = demand.kind
        where backtest.is_champion and backtest.model <> demand.model
        """,
        remedy=REMEASURE,
    ),
    no_rows(
        "forecasts.demand_backtest",
        "measures_are_in_range",
        "shares lie between 0 and 1, losses are not negative, and intervals hold what they are of",
        """
        select kind, model, split, metric, value, lower, upper
        from forecasts.demand_backtest
        where not coalesce(value >= 0 or metric = 'bias', true)
            or (value > 1 and (metric like 'coverage%' or metric like 'below%'))
            or lower > upper
            or n < 0
        """,
        remedy=REMEASURE,
    ),
    unique_key("forecasts.stock", "product_id"),
    warning(
        no_rows(
            "forecasts.stock",
            "stock_is_of_products",
            "each product of reorder.stock_file is known",
            "select product_id from forecasts.stock anti join core.products using (product_id)",
            remedy="Are the codes in the file those of the shop's exports? A product not sold yet does no harm.",
            blocking=False,
        )
    ),
    no_rows(
        "forecasts.stock",
        "numbers_are_not_negative",
        "no number is negative, and no pack empty",
        """
        select product_id, on_hand, on_order, lead_time_days, min_order, pack_size, unit_cost
        from forecasts.stock
        where least(on_hand, on_order, lead_time_days, min_order, unit_cost) < 0 or pack_size <= 0
        """,
        remedy=REBUILD,
    ),
    unique_key("forecasts.reorder_plan", "product_id"),
    no_rows(
        "forecasts.reorder_plan",
        "every_forecast_has_a_plan",
        "each product with a forecast has one plan, made with the same models, and nothing else has one",
        """
        select coalesce(demand.product_id, plan.product_id) as product_id
        from (select distinct product_id, saved_model, kind from forecasts.product_demand) as demand
        full join forecasts.reorder_plan as plan on demand.product_id = plan.product_id
        where (demand.saved_model = plan.saved_model and demand.kind = plan.kind) is not true
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "forecasts.reorder_plan",
        "plan_adds_up",
        "safety stock is what the reorder point has beyond the demand expected, orders come up to the level, and only "
        "what is not dead is ordered",
        """
        select product_id, reorder_point, expected_demand, safety_stock, order_quantity, order_up_to, order_now
        from forecasts.reorder_plan
        where (
            abs(safety_stock - greatest(reorder_point - expected_demand, 0)) <= 1e-6 * (1 + reorder_point)
            and abs(order_up_to - reorder_point - order_quantity) <= 1e-6 * (1 + order_up_to)
            and abs(expected_demand - demand_per_week * (lead_time_days + review_days) / 7) <= 1e-6 * (1 +
            expected_demand) and least(demand_per_week, reorder_point, order_quantity) >= 0
            and (action = 'do_not_reorder') = (order_quantity = 0)
            and (kind <> 'dead' or order_quantity = 0)
            and (action = 'order_now') = coalesce(order_now > 0, false)
            and (
                coalesce(order_now, 0) = 0
                or on_hand + coalesce(on_order, 0) + order_now >= order_up_to - 1e-6 * (1 + order_up_to)
            )
            and coalesce(stockout_risk between 0 and 1, true)
            and (stockout_risk is null) = (on_hand is null)
            and abc_class in ('A', 'B', 'C')
            and xyz_class in ('X', 'Y', 'Z')
            and advice is not null
            and assumptions is not null
        ) is not true
        """,
        remedy=REBUILD,
    ),
]
