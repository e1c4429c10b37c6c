"""Harm done to good sales marts, by the check that must find it."""

KEYED = (
    "order_days", "period_figures", "daily", "weekly", "monthly", "quarterly", "by_product", "by_hour",
    "cohort_retention", "customer_kpis", "concentration", "kpis", "product_days", "change_drivers",
    "correlations", "order_members", "member_days", "member_periods", "change_contributions", "root_causes",
)  # fmt: skip
MEMBERS = ("by_country", "by_channel")
PERIODS = ("daily", "weekly", "monthly", "quarterly")
BOOKED = ("orders", "units", "gross_sales", "discounts", "returns")
A_RANGE = "'day', date '2010-12-01', {value}, {expected}, 1, 3, {likely}, 3, {score}, 0.01, {q}, null, false, {outside}"
"""The end of a row of sales.expected_range: the good store is too small to have any."""
SHARED = (*MEMBERS, "by_product", "by_category")
WHOLE = ("orders", "units", "customers", "lines")


def _a_bit_more(table: str, *columns: str) -> list[str]:
    """Each column raised by the smallest amount there is."""
    return [f"update sales.{table} set {column} = {column} + {1 if column in WHOLE else 0.0001}" for column in columns]


def _ranges(names: str, *, rows: int = 1, **changes: object) -> str:
    """The statement that adds a row, right but for the changes, to sales.expected_range, or the same one twice."""
    values = {"value": 2, "expected": 2, "likely": 1, "score": 0, "q": 0.02, "outside": False} | changes
    return f"insert into sales.expected_range select {names}, {A_RANGE.format(**values)} from range({rows})"


def _anomaly(*, rows: int = 1, direction: str = "high", value: float = 4, last: str = "2010-12-01") -> str:
    """The same for sales.anomalies."""
    return (
        "insert into sales.anomalies select 'total', 'total', 'orders', 'day', date '2010-12-01', "
        f"'{direction}', {value}, 2, 1, 3, 1, 4, 0.01, 0.02, null, false, 1, date '2010-12-01', date '{last}' "
        f"from range({rows})"
    )


CORRUPTIONS: dict[str, list[str]] = {
    **{f"sales.{table}:key_is_unique": [f"insert into sales.{table} from sales.{table} limit 1"] for table in KEYED},
    **{
        f"sales.{table}:total_equals_orders": [*_a_bit_more(table, *BOOKED), f"delete from sales.{table}"]
        for table in (*PERIODS, *MEMBERS)
    },
    **{
        f"sales.{table}:net_is_gross_less_discounts_and_returns": _a_bit_more(table, "net_sales")
        for table in (*PERIODS, *SHARED)
    },
    **{
        f"sales.{table}:shares_sum_to_one": [f"update sales.{table} set share_net_sales = share_net_sales + 0.001"]
        for table in SHARED
    },
    "sales.order_days:money_equals_lines": [
        *_a_bit_more("order_days", "units", "gross_sales", "returns", "charges", "adjustments", "all_lines_amount"),
        "delete from sales.order_days where order_id = '4'",
    ],
    "sales.order_days:orders_count_once": ["update sales.order_days set orders = 1 where order_id = 'C3'"],
    "sales.monthly:all_lines_equal_core": _a_bit_more("monthly", "all_lines_net"),
    "sales.monthly:everyone_is_new_once": [
        "update sales.monthly set new_customers = new_customers + 1 where month = date '2010-12-01'"
    ],
    "sales.by_product:money_equals_lines": [
        *_a_bit_more("by_product", "units", "gross_sales", "returns"),
        "delete from sales.by_product where product_id = 'P'",
    ],
    "sales.product_days:money_equals_orders": [
        *_a_bit_more("product_days", "units", "gross_sales", "discounts", "returns"),
        "delete from sales.product_days where product_id = 'P'",
    ],
    "sales.change_drivers:drivers_sum_to_the_change": [
        "update sales.change_drivers set effect = effect + 0.0001 where driver = 'returns'",
        "delete from sales.change_drivers where driver = 'returns'",
    ],
    "sales.change_drivers:changes_are_those_of_the_periods": [
        "update sales.change_drivers set change = change + 0.0001",
        "delete from sales.change_drivers where period = date '2011-01-01'",
    ],
    "sales.order_members:total_equals_orders": [
        *_a_bit_more("order_members", *BOOKED),
        "delete from sales.order_members where order_id = '4'",
    ],
    "sales.member_days:members_make_up_each_day": [
        *(f"{harm} where dimension = 'segment'" for harm in _a_bit_more("member_days", *BOOKED, "lines", "net_sales")),
        "delete from sales.member_days where dimension = 'product' and member = 'P'",
        "delete from sales.member_days",
    ],
    "sales.member_periods:members_make_up_each_period": [
        *(f"{harm} where dimension = 'weekday'" for harm in _a_bit_more("member_periods", *BOOKED, "net_sales")),
        "delete from sales.member_periods where dimension = 'category'",
        "delete from sales.member_periods",
    ],
    "sales.change_contributions:members_sum_to_the_change": [
        "update sales.change_contributions set change = change + 0.0001 where dimension = 'country'",
        "update sales.change_contributions set net_sales = net_sales + 0.0001 where dimension = 'country'",
        "update sales.change_contributions set whole_change = whole_change + 0.0001 where member = 'MUG1'",
    ],
    "sales.change_contributions:changes_are_those_of_the_periods": [
        "update sales.change_contributions set change = change + 0.0001, whole_change = whole_change + 0.0001",
        "delete from sales.change_contributions where dimension = 'weekday'",
        "update sales.change_contributions set period = period + 1",
        "delete from sales.change_contributions",
    ],
    "sales.change_contributions:parts_sum_to_their_cause": [
        "insert into sales.change_contributions by name "
        "select * replace (2 as depth, path || ' > all' as path) from sales.change_contributions",
    ],
    "sales.root_causes:causes_are_contributions": [
        "update sales.change_contributions set is_root_cause = true where dimension = 'country'",
        "update sales.root_causes set cause_change = 1",
        "update sales.root_causes set member = 'France', began_on = period, ended_on = last_day + 1",
        "update sales.root_causes set member = 'France', began_on = period_before - 1, ended_on = last_day",
        "update sales.root_causes set member = 'France', began_on = last_day, ended_on = period",
        "update sales.root_causes set member = 'France'",
    ],
    "sales.by_category:money_equals_products": [
        "update sales.by_category set products = products + 1",
        "update sales.by_category set net_sales = net_sales + 0.0001",
    ],
    "sales.by_hour:total_equals_orders": [
        *_a_bit_more("by_hour", "net_sales"),
        "update sales.by_hour set orders = orders + 1 where hour = 3",
    ],
    "sales.cohort_retention:cohorts_hold_everyone": [
        *_a_bit_more("cohort_retention", "customers", "orders", "revenue"),
        "delete from sales.cohort_retention where cohort_month = date '2024-05-01'",
    ],
    "sales.customer_kpis:customers_add_up": [
        "update sales.customer_kpis set new_customers = new_customers + 1",
        "update sales.customer_kpis set customers_at_end = customers_at_end + 1",
    ],
    "sales.correlations:coefficients_are_in_range": [
        "update sales.correlations set pearson = 1.5, pearson_p_value = 0.5, pearson_q_value = 0.5",
        "update sales.correlations set spearman = 0.5, spearman_p_value = 0.5, spearman_q_value = 0.1",
    ],
    "sales.expected_range:key_is_unique": [_ranges("'country', 'France', 'orders'", rows=2)],
    "sales.expected_range:ranges_hold_what_is_expected": [
        _ranges("'country', 'France', 'orders'", **change)
        for change in (
            {"expected": 3.5},
            {"expected": "null"},
            {"likely": 0.5},
            {"value": 4},
            {"outside": True},
            {"outside": "null"},
            {"value": 4, "outside": True, "score": -4},
            {"q": 0.005},
        )
    ],
    "sales.expected_range:values_are_those_of_the_marts": [
        _ranges("'total', 'total', 'orders'", value=1.0001),
        _ranges("'total', 'total', 'net_sales'", value=29.9999),
        _ranges("'total', 'total', 'returns'", value=2),
    ],
    "sales.anomalies:key_is_unique": [_anomaly(rows=2)],
    "sales.anomalies:anomalies_are_outside": [
        _anomaly(value=2),
        _anomaly(direction="low"),
        _anomaly(direction="none"),
        _anomaly(last="2010-11-30"),
    ],
    "sales.anomalies:nothing_is_left_out": [
        _anomaly(),
        _ranges("'country', 'France', 'orders'", value=4, score=4, outside=True),
    ],
    "sales.repurchase:rates_are_shares": ["update sales.repurchase set repurchase_rate = 1.5"],
    "sales.concentration:shares_rise": [
        "update sales.concentration set share_net_sales = 0 where top_share = 0.2",
        "update sales.concentration set gini = 2",
    ],
}
