"""Sentences about what explains a change, and about days and weeks outside their expected range."""

from datetime import date

from retail_pipeline.reports.periods import Period, long_date, short_date
from retail_pipeline.reports.sales_rules import PAIRED, PERIODS
from retail_pipeline.reports.sentences import Context, Row, Rule, Said
from retail_pipeline.reports.words import percent

DIMENSION_WORDS = {
    "country": "the country {}", "channel": "the channel {}", "category": "the category {}",
    "product": "the product {}", "customer_type": "the {} customers", "segment": "the segment {}",
    "weekday": "the {}s",
}  # fmt: skip
MEASURE_WORDS = {
    "net_sales": "Net sales", "orders": "Orders", "avg_order_value": "The average order value", "returns": "Returns",
    "lines": "Lines sold",
}  # fmt: skip
IN_MONEY = {"net_sales", "avg_order_value", "returns"}

ROOT_CAUSE = """
select *
from sales.root_causes
where frequency = '{frequency}' and period = date '{period}' and path is not null
"""

TOP_MEMBER = """
select dimension, member, member_name, net_sales_before, net_sales, change, whole_change, share_explained, share_before
from sales.change_contributions
where frequency = '{frequency}' and period = date '{period}' and depth = 1 and rank = 1 and whole_change <> 0
    and dimension in ('country', 'channel', 'category', 'product') and members = 1 and share_explained > share_before
order by share_explained - share_before desc, dimension
"""

ANOMALIES = """
select
    anomalies.dimension, anomalies.member, max(products.product_name) as product_name, anomalies.measure,
    anomalies.frequency, anomalies.direction, anomalies.episode_first, anomalies.episode_last,
    sum(anomalies.value) as value, sum(anomalies.expected) as expected, count(*) as periods,
    min(anomalies.p_value) as p_value, max(abs(anomalies.score)) as score,
    bool_and(anomalies.is_missing_day) as is_missing, min(anomalies.occasion) as occasion,
    max(shop.net_sales) as net_sales
from sales.anomalies as anomalies
left join core.product_names as products on anomalies.dimension = 'product' and anomalies.member = products.product_id
cross join (
    select cast(sum(net_sales) as double) as net_sales
    from sales.daily
    where date_day between date '{period}' and date '{last_day}'
) as shop
where anomalies.episode_first <= date '{last_day}' and anomalies.episode_last >= date '{period}'
    and not (anomalies.is_missing_day and anomalies.measure <> 'net_sales')
group by anomalies.dimension, anomalies.member, anomalies.measure, anomalies.frequency, anomalies.direction,
    anomalies.episode, anomalies.episode_first, anomalies.episode_last
order by
    case when anomalies.measure = 'net_sales' then abs(sum(anomalies.value) - sum(anomalies.expected)) else 0 end desc,
    score desc, anomalies.dimension, anomalies.member, anomalies.measure, anomalies.frequency, anomalies.episode_first
"""


def _say_root_cause(row: Row, context: Context) -> Said | None:
    money = context.money
    what = _member(row["dimension"], row["member_name"])
    kind = "rise" if row["change"] > 0 else "fall"
    text = (
        f"What stands out in the {kind} of {context.title} is {what}: "
        f"{money.text(row['cause_net_sales_before'])} before, {money.text(row['cause_net_sales'])} now"
    )
    if row["share_explained"] is not None and row["share_explained"] > 0:
        text += f", {percent(row['share_explained'])} of the change (its usual share of sales is "
        text += f"{percent(row['usual_share'])})" if row["usual_share"] is not None else "not known)"
    if row["began_on"] is not None:
        text += f", from {long_date(row['began_on'])}"
        text += f" to {long_date(row['ended_on'])}" if _ends_within(row) else " on"
    if row["is_back_to_usual"]:
        text += "; its share of sales is back nearer to the usual"
    chance = "less than 0.1 %" if row["p_value"] < 0.001 else percent(row["p_value"])
    return Said(f"{text}.", f"chance would single out any member so in {chance} of all periods", 0.95)


def _ends_within(row: Row) -> bool:
    return row["ended_on"] is not None and row["ended_on"] < row["last_day"]


def _say_top_member(row: Row, context: Context) -> Said | None:
    kind, money = "rise" if row["whole_change"] > 0 else "fall", context.money
    beside = (
        f"with {percent(row['share_before'])} of the sales before"
        if row["share_before"] >= 0
        else f"from {money.text(row['net_sales_before'])} to {money.text(row['net_sales'])}"
    )
    return Said(
        f"Among {_plural(row['dimension'])}, {row['member_name']} added most to the {kind} of {context.title}: "
        f"{money.signed(row['change'])}, {percent(row['share_explained'])} of the change {beside}.",
        "counted",
        0.5,
    )


def _say_anomaly(row: Row, context: Context) -> Said | None:
    days = _days(row["episode_first"], row["episode_last"])
    if row["is_missing"]:
        return Said(
            f"There are no sales at all {days}, where {_value(row, row['expected'], context)} were expected: was a "
            "file lost, or the shop closed?",
            "the data have no line of these days",
            0.97,
        )
    measure, expected, value = row["measure"], row["expected"], row["value"]
    if row["dimension"] == "product" and round(expected) == 0:
        name, sold = row["product_name"] or row["member"], _value(row, value, context)
        return Said(f"{name} began to sell: {sold} {days}.", "counted; it had hardly sold before", 0.3)
    whose = (
        "" if row["dimension"] == "total" else f" of {_member(row['dimension'], row['product_name'] or row['member'])}"
    )
    verb, count = ("was", row["periods"]) if measure == "avg_order_value" else ("were", 1)
    side = "above" if row["direction"] == "high" else "below"
    text = (
        f"{MEASURE_WORDS[measure]}{whose} {verb} {side} the expected range {days}: "
        f"{_value(row, value / count, context)} against an expected {_value(row, expected / count, context)}"
    )
    if row["occasion"]:
        text += f" (near {row['occasion']})"
    money_share = abs(value - expected) / row["net_sales"] if measure == "net_sales" and row["net_sales"] > 0 else 0.1
    return Said(
        f"{text}.",
        f"chance takes one {row['frequency']} in {_once_in(row['p_value'])} so far",
        0.5 + 0.4 * min(1.0, money_share),
    )


def _once_in(p_value: float) -> str:
    return "a million or more" if p_value < 1e-6 else f"{1 / p_value:,.0f}"


def _value(row: Row, value: float, context: Context) -> str:
    return context.money.text(value) if row["measure"] in IN_MONEY else f"{value:,.0f} {row['measure']}"


def _days(first: date, last: date) -> str:
    if first == last:
        return f"on {Period('day', first).title}"
    return f"from {short_date(first) if first.year == last.year else long_date(first)} to {long_date(last)}"


def _member(dimension: str, member: str) -> str:
    return DIMENSION_WORDS.get(dimension, "{}").format(member)


def _plural(dimension: str) -> str:
    return {"country": "countries", "category": "categories"}.get(dimension, f"{dimension}s")


RULES = (
    Rule("root_cause", "causes", ROOT_CAUSE, _say_root_cause, "sales.change_contributions, depth 2", PAIRED),
    Rule("top_member", "causes", TOP_MEMBER, _say_top_member, "sales.change_contributions", PAIRED, most=4),
    Rule("anomaly", "anomalies", ANOMALIES, _say_anomaly, "sales.anomalies and sales.expected_range", PERIODS, most=5),
)
