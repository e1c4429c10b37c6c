"""By check of what is made of baskets, the harm done to good tables that it must find."""

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
}
