"""Checks on the sales marts: each one's total is that of core, to the last digit, and parts make up the whole."""

from retail_pipeline.assets.sales.change_contributions import DIMENSIONS
from retail_pipeline.assets.table_checks import TableCheck, equal_totals, no_rows, unique_key

REBUILD = "'retail run --full' builds all tables anew; if that does not help, please report it."
BOOKED = (
    "coalesce(sum(orders), 0) as orders, coalesce(sum(units), 0) as units, "
    "coalesce(sum(gross_sales), 0) as gross_sales, coalesce(sum(discounts), 0) as discounts, "
    "coalesce(sum(returns), 0) as returns"
)
MONEY = (
    "coalesce(sum(units), 0) as units, coalesce(sum(gross_sales), 0) as gross_sales, "
    "coalesce(sum(discounts), 0) as discounts, coalesce(sum(returns), 0) as returns"
)
ORDER_DAYS = f"select {BOOKED} from sales.order_days"
KEYS = {
    "order_days": ("order_id", "date_day"),
    "period_figures": ("frequency", "period"),
    "daily": ("date_day",),
    "weekly": ("week",),
    "monthly": ("month",),
    "quarterly": ("quarter",),
    "by_product": ("product_id",),
    "by_hour": ("weekday", "hour"),
    "cohort_retention": ("cohort_month", "months_since_first"),
    "customer_kpis": ("month",),
    "concentration": ("of_what", "top_share"),
    "kpis": ("kpi",),
    "product_days": ("product_id", "date_day"),
    "change_drivers": ("frequency", "period", "split", "driver"),
    "correlations": ("grain", "measure_a", "measure_b"),
    "expected_range": ("dimension", "member", "measure", "frequency", "period"),
    "anomalies": ("dimension", "member", "measure", "frequency", "period"),
    "order_members": ("order_id", "date_day"),
    "member_days": ("dimension", "member", "date_day"),
    "member_periods": ("frequency", "period", "dimension", "member"),
    "change_contributions": ("frequency", "period", "path"),
    "root_causes": ("frequency", "period"),
}
PERIODS = ("daily", "weekly", "monthly", "quarterly")


def _holds_everything(table: str) -> TableCheck:
    return equal_totals(
        f"sales.{table}",
        "total_equals_orders",
        "orders, units, sales, discounts and returns are those of all orders, to the last digit",
        f"select {BOOKED} from sales.{table}",
        ORDER_DAYS,
        remedy=REBUILD,
    )


def _adds_up(table: str) -> TableCheck:
    return no_rows(
        f"sales.{table}",
        "net_is_gross_less_discounts_and_returns",
        "net_sales is gross_sales less discounts and returns in each row, to the last digit",
        f"select net_sales, gross_sales, discounts, returns from sales.{table} "
        "where net_sales is distinct from gross_sales - discounts - returns",
        remedy=REBUILD,
    )


def _shares_sum_to_one(table: str) -> TableCheck:
    return no_rows(
        f"sales.{table}",
        "shares_sum_to_one",
        "the shares of net sales make up the whole",
        f"select sum(share_net_sales) as shares from sales.{table} "
        "having count(share_net_sales) > 0 and abs(sum(share_net_sales) - 1) > 1e-9",
        remedy=REBUILD,
    )


CHECKS: list[TableCheck] = [
    *(unique_key(f"sales.{table}", *key) for table, key in KEYS.items()),
    equal_totals(
        "sales.order_days",
        "money_equals_lines",
        "what is booked is what the lines say, to the last digit",
        """
        select
            coalesce(sum(units), 0) as units,
            coalesce(sum(gross_sales - discounts), 0) as sold,
            coalesce(-sum(returns), 0) as came_back,
            coalesce(sum(charges), 0) as charges,
            coalesce(sum(adjustments), 0) as adjustments,
            coalesce(sum(all_lines_amount), 0) as all_lines
        from sales.order_days
        """,
        """
        select
            coalesce(sum(case when counts and line_type = 'sale' then quantity else 0 end), 0) as units,
            coalesce(sum(case when counts and line_type = 'sale' then amount else 0 end), 0) as sold,
            coalesce(sum(case when counts and line_type in ('return', 'cancellation') then amount else 0 end), 0)
                as came_back,
            coalesce(sum(case when counts and line_type = 'charge' then amount else 0 end), 0) as charges,
            coalesce(sum(case when counts and line_type = 'adjustment' then amount else 0 end), 0) as adjustments,
            coalesce(sum(amount), 0) as all_lines
        from (
            select line_type, not is_duplicate as counts, quantity, coalesce(reporting_amount, 0) as amount
            from core.order_lines
        )
        """,
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.order_days",
        "orders_count_once",
        "as many orders count as there are with a sale",
        "select coalesce(sum(orders), 0) as orders from sales.order_days",
        "select count(*) as orders from core.orders where order_type = 'sale'",
        remedy=REBUILD,
        beside=("core.orders",),
    ),
    *(_holds_everything(table) for table in (*PERIODS, "by_country", "by_channel")),
    *(_adds_up(table) for table in (*PERIODS, "by_country", "by_channel", "by_product", "by_category")),
    equal_totals(
        "sales.monthly",
        "all_lines_equal_core",
        "all_lines_net is the value of all lines there are, to the last digit",
        "select coalesce(sum(all_lines_net), 0) as amount from sales.monthly",
        "select coalesce(sum(reporting_amount), 0) as amount from core.order_lines",
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.monthly",
        "everyone_is_new_once",
        "each customer with an order is new in one month, and in no other",
        "select coalesce(sum(new_customers), 0) as customers from sales.monthly",
        "select count(distinct customer_id) as customers from sales.order_days where orders > 0",
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.by_product",
        "money_equals_lines",
        "products hold the units, sales and returns of all lines, to the last digit",
        "select coalesce(sum(units), 0) as units, coalesce(sum(gross_sales - discounts), 0) as sold, "
        "coalesce(sum(returns), 0) as came_back from sales.by_product",
        "select coalesce(sum(units), 0) as units, coalesce(sum(gross_sales - discounts), 0) as sold, "
        "coalesce(sum(returns), 0) as came_back from sales.order_days",
        remedy=REBUILD,
        beside=("sales.order_days",),
    ),
    equal_totals(
        "sales.product_days",
        "money_equals_orders",
        "products hold the units, sales, discounts and returns of all orders, to the last digit",
        f"select {MONEY} from sales.product_days",
        f"select {MONEY} from sales.order_days",
        remedy=REBUILD,
        beside=("sales.order_days",),
    ),
    no_rows(
        "sales.change_drivers",
        "drivers_sum_to_the_change",
        "the drivers of each split add up to the change of net sales, to the last digit",
        """
        select frequency, period, split, sum(effect) as effects, min(change) as change
        from sales.change_drivers
        group by frequency, period, split
        having sum(effect) <> min(change) or min(change) <> max(change)
        """,
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.change_drivers",
        "changes_are_those_of_the_periods",
        "what the drivers explain is net sales from the first to the last period, to the last digit",
        "select frequency, sum(change) as change from sales.change_drivers where split = 'customers' "
        "and driver = 'returns' group by frequency",
        """
        select frequency, max_by(net_sales, period) - min_by(net_sales, period) as change
        from sales.period_figures
        where frequency <> 'day'
        group by frequency
        having count(*) > 1
        """,
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.order_members",
        "total_equals_orders",
        "orders, units, sales, discounts and returns are those of all orders, to the last digit",
        f"select {BOOKED} from sales.order_members",
        ORDER_DAYS,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.member_days",
        "members_make_up_each_day",
        "in each dimension the members' figures add up to those of the day, to the last digit",
        f"""
        with dimensions as (
            select unnest({list(DIMENSIONS)}) as dimension
        ),

        sums as (
            select dimension, date_day, sum(orders) as orders, sum(lines) as lines, sum(units) as units,
                sum(gross_sales) as gross_sales, sum(discounts) as discounts, sum(returns) as returns,
                sum(net_sales) as net_sales
            from sales.member_days
            group by dimension, date_day
        )

        select daily.date_day, dimensions.dimension, daily.net_sales, sums.net_sales as net_sales_of_members
        from sales.daily as daily
        cross join dimensions
        left join sums on daily.date_day = sums.date_day and dimensions.dimension = sums.dimension
        where coalesce(sums.net_sales, 0) <> daily.net_sales
            or coalesce(sums.gross_sales, 0) <> daily.gross_sales
            or coalesce(sums.discounts, 0) <> daily.discounts
            or coalesce(sums.returns, 0) <> daily.returns
            or coalesce(sums.units, 0) <> daily.units
            or coalesce(sums.lines, 0) <> daily.lines
            or (dimensions.dimension not in ('product', 'category') and coalesce(sums.orders, 0) <> daily.orders)
        """,
        remedy=REBUILD,
        beside=("sales.daily",),
    ),
    no_rows(
        "sales.member_periods",
        "members_make_up_each_period",
        "in each of seven dimensions the members' figures add up to those of the period, to the last digit",
        f"""
        with dimensions as (
            select unnest({list(DIMENSIONS)}) as dimension
        ),

        sums as (
            select frequency, period, dimension, sum(orders) as orders, sum(units) as units,
                sum(gross_sales) as gross_sales, sum(discounts) as discounts, sum(returns) as returns,
                sum(net_sales) as net_sales
            from sales.member_periods
            group by frequency, period, dimension
        )

        select periods.frequency, periods.period, dimensions.dimension, periods.net_sales,
            sums.net_sales as net_sales_of_members
        from sales.period_figures as periods
        cross join dimensions
        left join sums
            on periods.frequency = sums.frequency
            and periods.period = sums.period
            and dimensions.dimension = sums.dimension
        where periods.frequency <> 'day'
            and (
                coalesce(sums.net_sales, 0) <> periods.net_sales
                or coalesce(sums.gross_sales, 0) <> periods.gross_sales
                or coalesce(sums.discounts, 0) <> periods.discounts
                or coalesce(sums.returns, 0) <> periods.returns
                or coalesce(sums.units, 0) <> periods.units
                or (dimensions.dimension not in ('product', 'category') and coalesce(sums.orders, 0) <> periods.orders)
            )
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.change_contributions",
        "members_sum_to_the_change",
        "the members of each dimension, with all others, add up to the change they are part of, to the last digit",
        """
        select frequency, period, depth, dimension, sum(change) as changes, min(whole_change) as change
        from sales.change_contributions
        group by frequency, period, depth, dimension
        having sum(change) <> min(whole_change) or min(whole_change) <> max(whole_change)
            or sum(net_sales - net_sales_before) <> sum(change)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.change_contributions",
        "changes_are_those_of_the_periods",
        "each change between two whole periods is divided by all seven dimensions, and no other is, to the last digit",
        f"""
        with dimensions as (
            select unnest({list(DIMENSIONS)}) as dimension
        ),

        changes as (
            select changes.frequency, changes.period, changes.net_sales - before.net_sales as change
            from sales.period_figures as changes
            join sales.period_figures as before
                on changes.frequency = before.frequency
                and before.last_day = changes.period - 1
                and not before.is_partial
            where changes.frequency <> 'day' and not changes.is_partial
        ),

        wanted as (
            select changes.frequency, changes.period, dimensions.dimension, changes.change
            from changes
            cross join dimensions
        ),

        divided as (
            select frequency, period, dimension, sum(change) as change
            from sales.change_contributions
            where depth = 1
            group by frequency, period, dimension
        )

        select wanted.frequency, wanted.period, wanted.dimension, wanted.change, divided.change as divided
        from wanted
        full join divided
            on wanted.frequency = divided.frequency
            and wanted.period = divided.period
            and wanted.dimension = divided.dimension
        where wanted.period is null or wanted.change <> coalesce(divided.change, 0)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.change_contributions",
        "parts_sum_to_their_cause",
        "what a root cause is divided into is its own change, to the last digit",
        """
        select frequency, period, path, whole_change, cause_change
        from (
            select *, max(case when depth = 1 and is_root_cause then change end) over (partition by frequency, period)
                as cause_change
            from sales.change_contributions
        )
        where depth = 2 and whole_change is distinct from cause_change
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.root_causes",
        "causes_are_contributions",
        "each cause is the root cause of sales.change_contributions, dated within its two periods",
        """
        select causes.frequency, causes.period, causes.path, causes.began_on, causes.ended_on
        from sales.root_causes as causes
        full join (
            select frequency, period, change from sales.change_contributions where depth = 1 and is_root_cause
        ) as named on causes.frequency = named.frequency and causes.period = named.period
        where causes.cause_change is distinct from named.change
            or causes.member is not null and (
                causes.began_on is null or causes.ended_on is null
                or causes.began_on < causes.period_before or causes.ended_on > causes.last_day
                or causes.ended_on < causes.began_on
            )
        """,
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.by_category",
        "money_equals_products",
        "categories hold all products and their money, to the last digit",
        "select sum(products) as products, sum(net_sales) as net_sales from sales.by_category having count(*) > 0",
        "select count(*) as products, sum(net_sales) as net_sales from sales.by_product having count(*) > 0",
        remedy=REBUILD,
    ),
    *(_shares_sum_to_one(table) for table in ("by_country", "by_channel", "by_product", "by_category")),
    equal_totals(
        "sales.by_hour",
        "total_equals_orders",
        "the hours hold all orders and their money, to the last digit",
        "select coalesce(sum(orders), 0) as orders, coalesce(sum(net_sales), 0) as net_sales from sales.by_hour",
        "select coalesce(sum(orders), 0) as orders, coalesce(sum(gross_sales - discounts - returns), 0) as net_sales "
        "from sales.order_days",
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.cohort_retention",
        "cohorts_hold_everyone",
        "the cohorts hold each customer once, with all orders and money from their first month on, to the last digit",
        "select coalesce(sum(case when months_since_first = 0 then customers end), 0) as customers, "
        "coalesce(sum(orders), 0) as orders, coalesce(sum(revenue), 0) as revenue from sales.cohort_retention",
        """
        select
            count(distinct days.customer_id) as customers,
            coalesce(sum(days.orders), 0) as orders,
            coalesce(sum(days.gross_sales - days.discounts - days.returns), 0) as revenue
        from sales.order_days as days
        join (
            select customer_id, date_trunc('month', min(date_day)) as first_month
            from sales.order_days
            where orders > 0
            group by customer_id
        ) as firsts on days.customer_id = firsts.customer_id and days.date_day >= firsts.first_month
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.customer_kpis",
        "customers_add_up",
        "active customers are new, returning or reactivated; those at the end are all with an order in three months",
        """
        with counted as (
            select kpis.month, count(distinct days.customer_id) as customers
            from sales.customer_kpis as kpis
            left join sales.order_days as days
                on days.orders > 0
                and days.date_day >= kpis.month - interval 2 month
                and days.date_day < kpis.month + interval 1 month
            group by kpis.month
        )

        select kpis.month, kpis.active_customers, kpis.customers_at_end, counted.customers
        from sales.customer_kpis as kpis
        join counted on kpis.month = counted.month
        where kpis.active_customers <> kpis.new_customers + kpis.returning_customers + kpis.reactivated_customers
            or kpis.customers_at_end <> counted.customers
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.correlations",
        "coefficients_are_in_range",
        "correlations are between -1 and 1, p-values between 0 and 1, and no q-value is below its p-value",
        """
        select grain, measure_a, measure_b, pearson, spearman
        from sales.correlations
        where pearson not between -1.000001 and 1.000001 or spearman not between -1.000001 and 1.000001
            or pearson_p_value not between 0 and 1 or pearson_q_value not between pearson_p_value - 1e-12 and 1
            or spearman_p_value not between 0 and 1 or spearman_q_value not between spearman_p_value - 1e-12 and 1
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.expected_range",
        "ranges_hold_what_is_expected",
        "what is expected is within its range, scores have the sign of the difference, and outside is outside",
        """
        select dimension, member, measure, frequency, period, value, expected, lower, upper, score, is_outside
        from sales.expected_range
        where (expected between lower and upper) is not true
            or (likely_lower >= lower and likely_upper <= upper) is not true
            or (is_outside = (value not between lower and upper)) is not true
            or (is_outside and sign(score) <> sign(value - expected))
            or (p_value between 0 and 1) is not true
            or (q_value between p_value - 1e-12 and 1) is not true
            or (is_missing_day and not is_outside)
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.expected_range",
        "values_are_those_of_the_marts",
        "the shop's values are those of its days and weeks, to the last digit",
        """
        with figures as (
            select frequency, period, 'orders' as measure, cast(orders as decimal(18, 4)) as value
            from sales.period_figures
            union all
            select frequency, period, 'net_sales', net_sales
            from sales.period_figures
            union all
            select frequency, period, 'returns', returns
            from sales.period_figures
        )

        select ranges.measure, ranges.frequency, ranges.period, ranges.value, figures.value as mart_value
        from sales.expected_range as ranges
        left join figures
            on ranges.frequency = figures.frequency
            and ranges.period = figures.period
            and ranges.measure = figures.measure
        where ranges.dimension = 'total'
            and ranges.measure <> 'avg_order_value'
            and cast(ranges.value as decimal(18, 4)) is distinct from figures.value
        """,
        remedy=REBUILD,
    ),
    no_rows(
        "sales.anomalies",
        "anomalies_are_outside",
        "each anomaly is outside its range on the side it says, and in its episode",
        """
        select dimension, member, measure, frequency, period, direction, value, lower, upper, episode_first
        from sales.anomalies
        where (case direction when 'high' then value > upper when 'low' then value < lower end) is not true
            or (period between episode_first and episode_last) is not true
        """,
        remedy=REBUILD,
    ),
    equal_totals(
        "sales.anomalies",
        "nothing_is_left_out",
        "all periods outside their range are there, with their values",
        "select count(*) as periods, coalesce(sum(cast(value as decimal(18, 4))), 0) as value from sales.anomalies",
        "select count(*) as periods, coalesce(sum(cast(value as decimal(18, 4))), 0) as value "
        "from sales.expected_range where is_outside",
        remedy=REBUILD,
    ),
    no_rows(
        "sales.repurchase",
        "rates_are_shares",
        "no more customers return than there are",
        "select dimension, member, within_days from sales.repurchase where repurchase_rate not between 0 and 1",
        remedy=REBUILD,
    ),
    no_rows(
        "sales.concentration",
        "shares_rise",
        "the best 20 % hold no less than the best 10 %, and so on",
        """
        select of_what, top_share, share_net_sales
        from (
            select
                *,
                lag(share_net_sales) over (partition by of_what order by top_share) as share_before
            from sales.concentration
        )
        where share_net_sales < share_before or share_net_sales > 1 + 1e-9 or gini not between -1e-9 and 1
        """,
        remedy=REBUILD,
    ),
]
