"""By check of what is made of baskets, the harm done to good tables that it must find."""

from typing import Any

PAIR = "product_a, product_b, quarter, is_partial, baskets, orders_a, orders_b, orders, direction, change"
SUBSTITUTES = (
    "insert into baskets.substitutes by name select 'MUG1' as product_a, 'P' as product_b, orders_a, orders_b, "
    "orders, expected_orders, lift, lift_apart, q_value "
    "from (values ({}, {}, {}, 10.0, {}, {}, {})) "
    "as rows(orders_a, orders_b, orders, expected_orders, lift, lift_apart, q_value)"
)
ORDERS_OF = "(select orders from baskets.frequent_itemsets where itemset = ['{}'])"
MUG, PEN = ORDERS_OF.format("MUG1"), ORDERS_OF.format("P")


def pair(quarter: str, baskets: int, of_a: int, of_b: int, orders: int, direction: str, change: float) -> str:
    """A statement that adds a quarter of a pair."""
    return (
        f"insert into baskets.pair_trends by name select * from (values ('MUG1', 'P', date '{quarter}', false, "
        f"{baskets}, {of_a}, {of_b}, {orders}, {direction}, {change})) as rows({PAIR})"
    )


def insert(table: str, values: dict[str, Any]) -> str:
    """A statement that adds a row."""
    texts = (f"{value!r} as {name}" for name, value in values.items())
    return f"insert into baskets.{table} by name select {', '.join(texts)}"


def bundle(**other: Any) -> str:
    """A statement that adds a bundle, a good one but for what is given."""
    good = {
        "bundle_id": 1, "products": ["P", "Q"], "names": ["Pen", "Pot"], "orders": 5, "orders_all_but_one": 10,
        "expected_extra_orders": 1.0, "expected_extra_revenue": 5.0, "break_even_uptake": 0.1, "is_worth_it": True,
    }  # fmt: skip
    return insert("bundles", {**good, **other})


def stock(**other: Any) -> str:
    """A statement that adds a product with partners, a good one but for what is given."""
    good = {
        "product_id": "P", "rank": 1, "partners": ["Q"], "own_revenue_per_day": 1.0, "partner_revenue_per_day": 2.0,
        "stock_out_cost_per_day": 3.0,
    }  # fmt: skip
    return insert("stock_partners", {**good, **other})


def edge(lift: str = "lift + 1") -> str:
    """A statement that adds an edge, whose lift is that of the rule or not."""
    return (
        "insert into baskets.rule_network by name "
        f"select antecedents[1] as source, consequents[1] as target, {lift} as lift, confidence, 1.0 as source_x, "
        "1.0 as source_y, 2.0 as target_x, 2.0 as target_y from baskets.association_rules "
        "order by antecedents, consequents limit 1"
    )


CORRUPTIONS: dict[str, list[str]] = {
    "baskets.pair_trends:key_is_unique": [";".join([pair("2011-01-01", 5, 1, 1, 1, "null", 0)] * 2)],
    "baskets.pair_trends:quarters_make_the_itemsets": [
        pair("2011-01-01", 5, 1, 1, 1, "null", 0),
        "insert into baskets.frequent_itemsets by name select ['MUG1', 'P'] as itemset, 2 as length, 1 as orders",
    ],
    "baskets.pair_trends:pairs_have_one_direction": [
        pair("2011-01-01", 5, 1, 1, 1, "'rising'", -0.5),
        pair("2011-01-01", 5, 1, 1, 1, "'falling'", 0.5),
        pair("2011-01-01", 5, 1, 1, 2, "'steady'", 0),
        pair("2011-01-01", 5, 6, 1, 1, "'steady'", 0),
        ";".join(
            pair(f"2011-0{month}-01", 5, 1, 1, 1, direction, 0) for month, direction in ((1, "'steady'"), (4, "null"))
        ),
    ],
    "baskets.substitutes:key_is_unique": [";".join([SUBSTITUTES.format(MUG, PEN, 1, 0.1, 1, 0)] * 2)],
    "baskets.substitutes:products_are_frequent": [
        SUBSTITUTES.format(f"{MUG} + 1", PEN, 1, 0.1, 1, 0),
        SUBSTITUTES.format(MUG, f"{PEN} + 1", 1, 0.1, 1, 0),
    ],
    "baskets.substitutes:pairs_are_within_the_limits": [
        SUBSTITUTES.format(MUG, PEN, 9, 0.9, 1, 0),
        SUBSTITUTES.format(MUG, PEN, 1, 0.2, 1, 0),
        SUBSTITUTES.format(MUG, PEN, 1, 0.1, 0.5, 0),
        SUBSTITUTES.format(MUG, PEN, 1, 0.1, 1, 0.5),
    ],
    "baskets.product_costs:key_is_unique": ["insert into baskets.product_costs select 'P', 1 from range(2)"],
    "baskets.product_costs:costs_are_of_products": ["insert into baskets.product_costs values ('nowhere', 1)"],
    "baskets.product_costs:costs_are_not_negative": [
        "insert into baskets.product_costs values ('P', -0.01)",
        "insert into baskets.product_costs values ('P', null)",
    ],
    "baskets.bundles:key_is_unique": [f"{bundle()};{bundle()}"],
    "baskets.bundles:bundles_share_no_product": [
        f"{bundle()};{bundle(bundle_id=2, products=['P', 'CUP1'])}",
        bundle(products=["P", "P"]),
        bundle(products=["P", "unknown"]),
    ],
    "baskets.bundles:figures_follow_from_the_assumption": [
        bundle(products=["P"]),
        bundle(orders=0),
        bundle(expected_extra_orders=2.5),
        bundle(expected_extra_revenue=-1.0),
        bundle(is_worth_it=False),
        bundle(expected_extra_margin=-1.0),
        f"{bundle()};{bundle(bundle_id=2, expected_extra_revenue=6.0)}",
        bundle(bundle_id=2),
    ],
    "baskets.stock_partners:key_is_unique": [f"{stock()};{stock()}"],
    "baskets.stock_partners:costs_add_up": [
        stock(stock_out_cost_per_day=4.0),
        stock(own_revenue_per_day=-1.0, stock_out_cost_per_day=1.0),
        stock(partners=["P"]),
        stock(partners=[]),
        f"{stock()};{stock(product_id='Q', rank=2, own_revenue_per_day=3.0, stock_out_cost_per_day=5.0)}",
    ],
    "baskets.rule_network:key_is_unique": [f"{edge()};{edge()}"],
    "baskets.rule_network:edges_are_rules": [
        edge(),
        "update baskets.association_rules set lift = lift * 2; " + edge("lift / 2"),
        f"{edge('lift')};update baskets.rule_network set source_x = 'nan'",
    ],
}
