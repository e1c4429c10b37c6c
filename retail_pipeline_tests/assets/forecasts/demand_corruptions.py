"""Harm done to the tables of demand, which their checks must find."""

from typing import Any

MEASURE = {
    "kind": "regular", "model": "ses", "split": "test", "metric": "rmsse", "value": 1.0, "lower": 0.9, "upper": 1.1,
    "n": 10, "is_champion": True,
}  # fmt: skip


def measure(**other: Any) -> str:
    """A statement that adds a measure, a good one but for what is given."""
    texts = (f"{value!r} as {name}" for name, value in {**MEASURE, **other}.items())
    return f"insert into forecasts.demand_backtest by name select {', '.join(texts)}"


def stock(**other: Any) -> str:
    """A statement that adds a product's stock."""
    texts = (f"{value!r} as {name}" for name, value in {"product_id": "P", **other}.items())
    return f"insert into forecasts.stock by name select {', '.join(texts)}"


CORRUPTIONS: dict[str, list[str]] = {
    "forecasts.product_weeks:key_is_unique": [
        "insert into forecasts.product_weeks from forecasts.product_weeks limit 1"
    ],
    "forecasts.product_weeks:units_equal_lines": [
        "update forecasts.product_weeks set units_sold = units_sold + 0.0001 where product_id = 'P'",
        "delete from forecasts.product_weeks",
        "update forecasts.product_weeks set units_undone = units_sold + 1",
    ],
    "forecasts.product_weeks:demand_is_what_was_left": [
        "update forecasts.product_weeks set demand = demand + 0.0001",
        "update forecasts.product_weeks set units_undone_at_once = units_undone + 1",
        "update forecasts.product_weeks set largest_order = demand + 1",
        "update forecasts.product_weeks set largest_order_at_once = units_sold + 1",
        "update forecasts.product_weeks set orders = 0",
        "update forecasts.product_weeks set revenue = null",
    ],
    "forecasts.product_demand:key_is_unique": [
        "insert into forecasts.product_demand from forecasts.product_demand limit 1"
    ],
    "forecasts.product_demand:intervals_are_in_order": [
        "update forecasts.product_demand set value = -1",
        "update forecasts.product_demand set value = 'nan'",
        "update forecasts.product_demand set lower_80 = median + 1",
        "update forecasts.product_demand set upper_80 = upper_95 + 1",
        "update forecasts.product_demand set median = null",
        "delete from forecasts.product_demand where weeks_ahead = 1 and product_id = 'CUP1'",
    ],
    "forecasts.product_demand:every_product_is_forecast": [
        "delete from forecasts.product_demand where product_id = 'CUP1'",
        "update forecasts.product_demand set product_id = 'nowhere' where product_id = 'CUP1'",
    ],
    "forecasts.demand_backtest:key_is_unique": [f"{measure()};{measure()}"],
    "forecasts.demand_backtest:one_champion_a_kind": [
        measure(is_champion=False),
        f"{measure()};{measure(model='tsb')}",
        f"{measure()};update forecasts.product_demand set kind = 'regular', model = 'tsb'",
    ],
    "forecasts.demand_backtest:measures_are_in_range": [
        measure(value=-0.1),
        measure(metric="coverage_80", value=1.1),
        measure(lower=1.2),
    ],
    "forecasts.stock:key_is_unique": [f"{stock()};{stock()}"],
    "forecasts.stock:stock_is_of_products": [stock(product_id="nowhere")],
    "forecasts.stock:numbers_are_not_negative": [stock(on_hand=-1), stock(pack_size=0), stock(unit_cost=-0.01)],
    "forecasts.reorder_plan:key_is_unique": ["insert into forecasts.reorder_plan from forecasts.reorder_plan limit 1"],
    "forecasts.reorder_plan:every_forecast_has_a_plan": [
        "delete from forecasts.reorder_plan where product_id = 'CUP1'",
        "delete from forecasts.product_demand where product_id = 'CUP1'",
        "update forecasts.reorder_plan set saved_model = 'another'",
    ],
    "forecasts.reorder_plan:plan_adds_up": [
        "update forecasts.reorder_plan set safety_stock = safety_stock + 1",
        "update forecasts.reorder_plan set order_up_to = order_up_to + 1",
        "update forecasts.reorder_plan set expected_demand = expected_demand + 1, safety_stock = "
        "greatest(reorder_point - expected_demand - 1, 0)",
        "update forecasts.reorder_plan set action = 'order_now', order_now = 0",
        "update forecasts.reorder_plan set action = 'order_now', on_hand = 0, stockout_risk = 1, order_quantity = 9, "
        "order_up_to = reorder_point + 9, order_now = 1, kind = 'regular'",
        "update forecasts.reorder_plan set on_hand = 1",
        "update forecasts.reorder_plan set on_hand = 1, stockout_risk = 2",
        "update forecasts.reorder_plan set abc_class = 'D'",
        "update forecasts.reorder_plan set assumptions = null",
    ],
}
