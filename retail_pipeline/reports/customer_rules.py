"""Sentences about customers: who came, who left, who comes back, on whom the shop depends."""

from retail_pipeline.reports.sales_rules import PAIRED
from retail_pipeline.reports.sentences import Context, Row, Rule, Said
from retail_pipeline.reports.words import counted, percent, wilson_interval

FEWEST_CUSTOMERS = 30
"""Customers below which no share of them is told."""

NEW_CUSTOMERS = """
select this.customers, this.new_customers, before.customers as customers_before, before.new_customers as new_before
from sales.period_figures as this
join sales.period_figures as before
    on before.frequency = this.frequency and before.last_day = this.period - 1 and not before.is_partial
where this.frequency = '{frequency}' and this.period = date '{period}' and not this.is_partial
"""

LAPSED = """
select active_customers, reactivated_customers, lapsed_customers, customers_at_end, churn_rate
from sales.customer_kpis
where month = date '{period}' and not is_partial and churn_rate is not null
"""

CONCENTRATION = """
select top_share, members, all_members, share_net_sales, gini
from sales.concentration
where of_what = 'customers' and top_share = 0.1
"""

REPURCHASE = """
select within_days, customers, returned_customers, repurchase_rate
from sales.repurchase
where dimension = 'all' and within_days = 90
"""

RETENTION = """
select months_since_first, sum(customers) as customers, sum(active_customers) as active_customers, count(*) as cohorts
from sales.cohort_retention
where months_since_first = 3 and not is_partial
group by months_since_first
"""

AT_RISK = """
select
    sum(case when segment in ('At Risk', 'Cannot Lose') then customers else 0 end) as customers,
    sum(case when segment in ('At Risk', 'Cannot Lose') then revenue else 0 end) as revenue,
    sum(revenue) as revenue_of_all
from customers.rfm_segments
having sum(revenue) > 0
"""

EARLY_WARNING = """
select
    count(*) as customers,
    sum(cast(value_at_stake as decimal(18, 2))) as value_at_stake,
    max(horizon_days) as horizon_days,
    max(before) as before
from decisions.early_warning
having count(*) > 0
"""


def _say_new(row: Row, context: Context) -> Said | None:
    if row["customers"] < FEWEST_CUSTOMERS:
        return None
    share = row["new_customers"] / row["customers"]
    text = (
        f"Of {counted(row['customers'], 'known customer')} in {context.title}, {row['new_customers']:,} were new "
        f"({percent(share)})"
    )
    if row["customers_before"]:
        assert context.period is not None
        text += f"; {context.period.before.title} had {row['new_before']:,} new of {row['customers_before']:,}"
    return Said(f"{text}.", "counted", 0.5)


def _say_lapsed(row: Row, context: Context) -> Said | None:
    lapsed, came_back = row["lapsed_customers"], row["reactivated_customers"]
    if not lapsed and not came_back:
        return None
    return Said(
        f"In {context.title}, {counted(lapsed, 'customer')} went into a third month without an order, "
        f"{percent(row['churn_rate'])} of those active before, and {came_back:,} came back after three months or more.",
        "counted; a lapsed customer may still come back",
        0.45,
    )


def _say_concentration(row: Row, context: Context) -> Said | None:
    if row["all_members"] < FEWEST_CUSTOMERS:
        return None
    return Said(
        f"The best {percent(row['top_share'])} of customers ({row['members']:,} of {row['all_members']:,}) bring "
        f"{percent(row['share_net_sales'])} of their net sales.",
        "counted",
        0.4,
    )


def _say_repurchase(row: Row, context: Context) -> Said | None:
    if row["customers"] < FEWEST_CUSTOMERS:
        return None
    low, high = wilson_interval(row["returned_customers"], row["customers"])
    return Said(
        f"{percent(row['repurchase_rate'])} of first-time customers place another order within "
        f"{row['within_days']} days ({row['returned_customers']:,} of {row['customers']:,}).",
        f"between {percent(low)} and {percent(high)} for customers like these (95 %)",
        0.4,
    )


def _say_retention(row: Row, context: Context) -> Said | None:
    customers, active = int(row["customers"]), int(row["active_customers"])
    if customers < FEWEST_CUSTOMERS:
        return None
    low, high = wilson_interval(active, customers)
    return Said(
        f"In the third month after their first, {percent(active / customers)} of new customers have an order (over "
        f"{counted(row['cohorts'], 'monthly cohort')}).",
        f"between {percent(low)} and {percent(high)} for customers like these (95 %)",
        0.25,
    )


def _say_at_risk(row: Row, context: Context) -> Said | None:
    if not row["customers"]:
        return None
    share = row["revenue"] / row["revenue_of_all"]
    return Said(
        f"{counted(row['customers'], 'good customer')} have not bought for long (At Risk or Cannot Lose): they spent "
        f"{context.money.text(row['revenue'])} so far, {percent(share)} of what scored customers did.",
        "counted; the segments are a rule, not a forecast",
        0.5,
    )


def _say_early_warning(row: Row, context: Context) -> Said | None:
    return Said(
        f"The risk of ordering nothing within {row['horizon_days']} days has risen for "
        f"{counted(row['customers'], 'valuable customer')} since {row['before']}: "
        f"{context.money.text(row['value_at_stake'])} is at stake in that time.",
        "what the serving model expects; decisions.early_warning names each, with reasons and what to do",
        0.6,
    )


RULES = (
    Rule("new_customers", "customers", NEW_CUSTOMERS, _say_new, "sales.cohort_retention", PAIRED),
    Rule("lapsed", "customers", LAPSED, _say_lapsed, "sales.customer_kpis", ("month",)),
    Rule("concentration", "customers", CONCENTRATION, _say_concentration, "sales.concentration", ()),
    Rule("repurchase", "customers", REPURCHASE, _say_repurchase, "sales.repurchase, by country and first product", ()),
    Rule("retention", "customers", RETENTION, _say_retention, "sales.cohort_retention", ()),
    Rule(
        "at_risk",
        "customers",
        AT_RISK,
        _say_at_risk,
        "customers.rfm_scores where segment is At Risk or Cannot Lose",
        (),
    ),
    Rule("early_warning", "customers", EARLY_WARNING, _say_early_warning, "decisions.early_warning", ()),
)
