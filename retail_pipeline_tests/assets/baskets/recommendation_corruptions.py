"""Harm done to the tables of recommendations, by the check that must find it; in a small store popularity serves."""

from datetime import date

MEASURED = (
    "select 'recommend_7d' as task, 'popularity' as model, date '2024-05-04' as cutoff, 'test' as split, "
    "'ndcg_at_10' as metric, 0.5 as value, 0.4 as lower, 0.6 as upper, 200 as n, true as is_champion, "
    "true as is_baseline"
)
"""A right row of baskets.recommender_metrics, of a task of its own."""
OF_BERT = "kind = 'for_customer' and customer_id = 'bert'"


def _measure(row: str = MEASURED, *, times: int = 1, **changes: str) -> str:
    """The statement that adds a row, right but for the changes, so many times."""
    replaced = ", ".join(f"{value} as {name}" for name, value in changes.items())
    selected = f"select * replace ({replaced}) from ({row})" if changes else row
    return f"insert into baskets.recommender_metrics by name select row_.* from ({selected}) as row_, range({times})"


def _sell(product: str, customer: str | None = None, day: date = date(2024, 6, 2)) -> str:
    """The statement that adds a purchase."""
    return (
        "insert into core.customer_purchases by name select 'new' as order_id, 1 as line_no, 1 as quantity, "
        f"'{product}' as product_id, '{customer}' as customer_id, date '{day}' as order_date"
    )


CORRUPTIONS: dict[str, list[str]] = {
    "baskets.recommendations:lists_are_whole": [
        f"update baskets.recommendations set rank = rank + 1 where {OF_BERT}",
        f"update baskets.recommendations set rank = 3 where {OF_BERT} and rank = 2",
        f"update baskets.recommendations set product_id = 'P' where {OF_BERT}",
        f"update baskets.recommendations set score = rank where {OF_BERT}",
        f"update baskets.recommendations set for_product_id = 'P' where {OF_BERT}",
        f"update baskets.recommendations set customer_id = null where {OF_BERT}",
        "insert into baskets.recommendations from baskets.recommendations limit 1",
    ],
    "baskets.recommendations:products_are_in_range": [
        f"update baskets.recommendations set product_id = 'MUG1' where {OF_BERT} and rank = 1",
        "update core.order_lines set order_date = date '2024-04-01' where product_id = 'Q'",
        "update core.order_lines set line_type = 'charge' where product_id = 'Q'",
        "update core.order_lines set is_duplicate = true where product_id = 'Q'",
        "update core.products set is_charge = true where product_id = 'Q'",
        "insert into baskets.recommendations by name select 'bought_together' as kind, 'Q' as for_product_id, "
        "'Q' as product_id, 1 as rank",
        "insert into baskets.recommendations by name select 'bought_together' as kind, 'CUP1' as for_product_id, "
        "'Q' as product_id, 1 as rank",
    ],
    "baskets.recommendations:new_is_new": [
        "update baskets.recommendations set kind = 'new_for_customer' where customer_id = 'bert'",
        _sell("P", "100"),
        "update baskets.recommendations set orders = orders + 1 where customer_id = '200'",
        "insert into customers.undone_lines by name select order_id, line_no, 1 as lines, order_date as undone_on from "
        "core.customer_purchases where customer_id = 'bert'",
    ],
    "baskets.recommendations:every_customer_is_served": [
        f"delete from baskets.recommendations where {OF_BERT}",
        "delete from baskets.recommendations where kind = 'for_customer' and customer_id = '100' and rank = 2",
        _sell("P", "newcomer"),
        "delete from customers.undone_lines where customer_id = 'anna'",
        "delete from core.customer_purchases where customer_id = 'bert'",
    ],
    "baskets.recommendations:what_goes_together_was_bought_together": [
        f"insert into baskets.recommendations by name select '{kind}' as kind, 'Q' as for_product_id, "
        f"'P' as product_id, 2 as {counted}, 1 as rank, 'co_purchase' as model"
        for kind, counted in (("bought_together", "orders"), ("customers_also_bought", "customers"))
    ],
    "baskets.recommender_metrics:key_is_unique": [_measure(times=2), _measure(metric="null")],
    "baskets.recommender_metrics:measures_are_shares": [
        _measure(value="1.1", upper="1.2"),
        _measure(lower="0.55"),
        _measure(upper="0.45"),
        _measure(value="null"),
    ],
    "baskets.recommender_metrics:the_champion_has_earned_it": [
        _measure(is_champion="false"),
        _measure() + "; " + _measure(model="'buy_again'"),
        _measure(is_champion="false")
        + "; "
        + _measure(model="'blend'", is_baseline="false", value="0.45", lower="0.4"),
    ],
}
