"""Which lines make baskets, by the settings; and the tables of itemsets, rules and pairs of a small store."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retail_pipeline.assets.baskets.baskets_read import read_baskets
from retail_pipeline.assets.baskets.mining import TABLES, _tell_earlier, _tell_itemsets
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.errors import TooManyItemsetsError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import built, one_row, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

HEADER = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,category"
LINES = [
    ["1", "2024-01-01 10:00:00", "anna", "A", "Ale", 1, "2", "France", "drink"],
    ["1", "2024-01-01 10:00:00", "anna", "A", "Ale", 2, "2", "France", "drink"],
    ["1", "2024-01-01 10:00:00", "anna", "B", "Bun", 1, "2", "France", "food"],
    ["2", "2024-01-02 10:00:00", "", "A", "Old ale", 1, "2", "France", "drink"],
    ["2", "2024-01-02 10:00:00", "", "C", "Cup", 1, "0", "France", ""],
    ["3", "2024-01-03 10:00:00", "bert", "A", "Ale", -1, "2", "France", "drink"],
    ["4", "2024-01-04 10:00:00", "bert", "B", "Bun", 1, "2", "France", "food"],
    ["4", "2024-01-04 10:00:00", "bert", "B", "Bun", 1, "2", "France", "food"],
]
LATER_LINE = ["2", "2024-01-09 10:00:00", "", "B", "Bun", 1, "2", "France", "food"]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A store with a guest, a return, a free product, a renamed one, and a line that stands twice."""
    home = Home(tmp_path_factory.mktemp("core")).create()
    write_drop(home, "a.csv", canonical(LINES, HEADER))
    with built(home, only=["core"]) as warehouse:
        yield warehouse


def held(warehouse: Warehouse, policy: str = "net", as_of: date | None = None, **settings: Any) -> dict[str, list[int]]:
    """The baskets that hold each item, with some settings."""
    before = warehouse.settings
    warehouse.settings = before.model_copy(
        update={
            "baskets": before.baskets.model_copy(update=settings),
            "core": before.core.model_copy(update={"revenue_policy": policy, "as_of": as_of}),
        }
    )
    try:
        baskets = read_baskets(warehouse)
    finally:
        warehouse.settings = before
    lists = {item: baskets.held.of(number).tolist() for number, item in enumerate(baskets.items)}
    return {item: numbers for item, numbers in lists.items() if numbers}


def test_baskets_hold_each_product_sold_once_and_returns_are_none(core: Warehouse) -> None:
    assert held(core) == {"A": [0, 1], "B": [0, 2], "C": [1]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"guests": False}, {"A": [0], "B": [0, 1]}),
        ({"least_items": 2}, {"A": [0, 1], "B": [0], "C": [1]}),
        ({"least_items": 3}, {}),
        ({"items": "category"}, {"drink": [0, 1], "food": [0, 2]}),
        ({"items": "description"}, {"Ale": [0], "Bun": [0, 2], "Cup": [1], "Old ale": [1]}),
        ({"policy": "gross"}, {"A": [0], "B": [0, 1]}),
        ({"policy": "gross", "least_items": 2}, {"A": [0], "B": [0]}),
        ({"as_of": date(2024, 1, 4)}, {"A": [0, 1], "B": [0], "C": [1]}),
        ({"min_orders": 2}, {"A": [0, 1], "B": [0, 2]}),
        ({"most_items": 1}, {"A": [0, 1], "B": [2]}),
    ],
)
def test_settings_say_what_a_basket_is(
    core: Warehouse, settings: dict[str, Any], expected: dict[str, list[int]]
) -> None:
    assert held(core, **settings) == expected


def test_an_order_holds_as_of_a_day_what_was_bought_before(home: Home) -> None:
    write_drop(home, "a.csv", canonical([*LINES, LATER_LINE], HEADER))
    with built(home, only=["core"]) as warehouse:
        assert held(warehouse)["B"] == [0, 1, 2]
        assert held(warehouse, as_of=date(2024, 1, 9))["B"] == [0, 2]


def test_gross_orders_are_told_with_the_products_that_count(core: Warehouse) -> None:
    before = core.settings
    core.settings = before.model_copy(update={"core": before.core.model_copy(update={"revenue_policy": "gross"})})
    try:
        baskets = read_baskets(core, with_orders=True)
    finally:
        core.settings = before
    assert baskets.products.tolist() == [2, 1]
    assert baskets.amounts.tolist() == [8.0, 4.0]  # the line that stands twice counts twice under gross


def weeks_of_orders() -> list[list[object]]:
    """Twelve weeks of ten orders a day: tea with milk at all times, jam with bread in the first weeks alone."""
    lines: list[list[object]] = []
    random = np.random.default_rng(7)
    for day in range(84):
        for number in range(10):
            sold = {"TEA", "MILK"} if number < 2 else {"JAM", "BREAD"} if number == 2 and day < 63 else set()
            sold |= {f"P{product}" for product in random.integers(0, 12, size=3)}
            if number == 9:
                sold |= {str(random.choice(["TEA", "MILK", "JAM", "BREAD"]))}
            stamp = f"{date(2024, 1, 1) + timedelta(day)} {8 + number:02}:00:00"
            lines += [
                [f"{day:03}{number}", stamp, f"c{number}", product, f"the {product.lower()}", 1, "2", "France"]
                for product in sorted(sold)
            ]
    return lines


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Twelve weeks, mined."""
    home = Home(tmp_path_factory.mktemp("mined")).create()
    write_drop(home, "a.csv", canonical(weeks_of_orders()))
    with built(home, only=["core", *(table.name for table in TABLES)]) as warehouse:
        yield warehouse


def test_itemsets_are_those_that_sql_counts(mined: Warehouse) -> None:
    by_sql = rows_of(
        mined,
        """
        with lines as (select distinct order_id, product_id from core.order_lines)

        select [first.product_id, second.product_id] as itemset, count(*) as orders, count(*) / 840 as support
        from lines as first
        join lines as second on first.order_id = second.order_id and first.product_id < second.product_id
        group by all
        having count(*) / 840 >= 0.01
        union all
        select [product_id], count(*), count(*) / 840 from lines group by all having count(*) / 840 >= 0.01
        order by all
        """,
    )
    ours = rows_of(
        mined, "select itemset, orders, support from baskets.frequent_itemsets where length < 3 order by all"
    )
    assert ours == by_sql
    assert _tell_itemsets(mined)["itemsets of 1"] == 16


def rule(mined: Warehouse, table: str, antecedent: str, consequent: str) -> dict[str, Any]:
    return one_row(
        mined,
        f"from baskets.{table} where antecedents = [$antecedent] and consequents = [$consequent]",
        {"antecedent": antecedent, "consequent": consequent},
    )


def test_a_rule_that_lasts_has_a_later_lift_and_one_that_ends_is_seen_to(mined: Warehouse) -> None:
    counts = one_row(
        mined,
        """
        with orders as (
            select order_id, min(order_date) as day, list(product_id) as products
            from core.order_lines
            group by order_id
        )

        select
            count(*) filter (where list_contains(products, 'TEA') and list_contains(products, 'MILK')) as both,
            count(*) filter (where list_contains(products, 'TEA')) as tea,
            count(*) filter (where list_contains(products, 'MILK')) as milk,
            count(*) as orders
        from orders
        where day >= '2024-03-04'
        """,
    )
    tea = rule(mined, "association_rules", "TEA", "MILK")
    assert tea["antecedent_names"] == ["the tea"]
    assert tea["later_orders"] == counts["both"]
    assert tea["later_lift"] == pytest.approx(counts["both"] / counts["tea"] / (counts["milk"] / counts["orders"]))
    assert tea["is_significant"]
    assert not tea["is_redundant"]
    jam = rule(mined, "association_rules", "JAM", "BREAD")
    assert jam["lift"] > 5
    assert jam["later_orders"] == 0
    assert jam["later_lift"] == 0
    earlier = rule(mined, "earlier_rules", "JAM", "BREAD")
    assert earlier["later_from"] == date(2024, 3, 4)
    assert earlier["lift"] > 5
    assert earlier["later_confidence"] == 0
    told = _tell_earlier(mined)
    assert told["later weeks from"] == "2024-03-04"
    assert 0 < told["of these with a lift above 1 later"] < told["rules of the earlier weeks"]


def test_planted_pairs_are_significant_and_hardly_one_of_chance_is(mined: Warehouse) -> None:
    planted, by_chance = [], []
    for pair in rows_of(mined, "select product_a, product_b, q_value from baskets.product_associations"):
        is_planted = {pair["product_a"], pair["product_b"]} in ({"TEA", "MILK"}, {"JAM", "BREAD"})
        (planted if is_planted else by_chance).append(pair["q_value"])
    assert len(planted) == 4
    assert max(planted) < 1e-20
    assert len(by_chance) == 96
    assert sum(value <= 0.05 for value in by_chance) <= 2  # one pair, both ways


def test_pairs_of_equal_strength_are_kept_whole(home: Home) -> None:
    lines: list[list[object]] = [
        [f"{n}{pair}", f"2024-01-{1 + n:02} 10:00:00", "c", f"{side}{pair}", "x", 1, "2", "X"]
        for n in range(5)
        for pair in range(4)
        for side in ("AB" if n < 3 else "A")
    ]
    write_drop(home, "a.csv", canonical(lines))
    home.settings_file.write_text("[baskets]\nassociations = 5\n")
    with built(home, only=["core", *(table.name for table in TABLES)]) as warehouse:
        pairs = rows_of(warehouse, "select product_a, product_b from baskets.product_associations")
    assert [(pair["product_a"], pair["product_b"]) for pair in pairs] == [
        ("B0", "A0"), ("A0", "B0"), ("B1", "A1"), ("A1", "B1"),
    ]  # fmt: skip


def test_the_strongest_pairs_are_kept_each_both_ways(mined: Warehouse) -> None:
    pairs = rows_of(mined, "select product_a, product_b, lift, confidence from baskets.product_associations")
    assert {(pair["product_a"], pair["product_b"]) for pair in pairs[:2]} == {("JAM", "BREAD"), ("BREAD", "JAM")}
    assert [pair["lift"] for pair in pairs] == sorted((pair["lift"] for pair in pairs), reverse=True)


def earlier_rules(home: Home, lines: list[list[object]], settings: str = "") -> list[dict[str, Any]]:
    write_drop(home, "a.csv", canonical(lines))
    home.settings_file.write_text(settings)
    with built(home, only=["core", "baskets.earlier_rules"]) as warehouse:
        return rows_of(
            warehouse,
            "select antecedents, consequents, orders, confidence, lift from baskets.earlier_rules order by all",
        )


@pytest.mark.parametrize("settings", ["", "[baskets]\nmost_items = 2\n", "[baskets]\nmin_orders = 5\n"])
def test_what_happens_in_the_later_weeks_changes_no_earlier_rule(tmp_path: Path, settings: str) -> None:
    """X and Y go together in as many orders as the earlier weeks ask for, and all weeks do not, and never again."""
    lines = [
        *weeks_of_orders(),
        *(
            [f"x{n}", f"{date(2024, 1, 9 + n)} 09:30:00", "c1", item, item, 1, "2", "X"]
            for n in range(7)
            for item in "XY"
        ),
    ]
    more = [
        [f"y{n}", "2024-03-20 09:30:00", "c1", item, item, 1, "2", "X"]
        for n in range(90)
        for item in (("X", "P1", "P2") if n % 2 else ("Y", "P3"))
    ]
    found = [
        earlier_rules(Home(tmp_path / str(number)).create(), each, settings)
        for number, each in enumerate((lines, [*lines, *more]))
    ]
    assert found[0] == found[1]
    assert any(rule["antecedents"] == ["X"] and rule["consequents"] == ["Y"] for rule in found[0])


def test_too_low_a_support_is_an_error_and_the_tables_stay(mined: Warehouse) -> None:
    before = mined.settings
    mined.settings = before.model_copy(update={"baskets": before.baskets.model_copy(update={"most_itemsets": 20})})
    try:
        with pytest.raises(TooManyItemsetsError, match=r"baskets\.min_support"):
            build_frame_table(mined, TABLES[0])
    finally:
        mined.settings = before
    assert mined.count("baskets.frequent_itemsets") > 20


def test_rules_are_not_made_of_itemsets_that_other_settings_made(mined: Warehouse) -> None:
    before = mined.settings
    mined.settings = before.model_copy(update={"baskets": before.baskets.model_copy(update={"min_support": 0.2})})
    try:
        with pytest.raises(WarehouseError, match=r"retail run --select baskets\.frequent_itemsets"):
            build_frame_table(mined, TABLES[2])
    finally:
        mined.settings = before


def test_too_few_weeks_leave_nothing_to_try_rules_on(core: Warehouse) -> None:
    for table in TABLES:
        build_frame_table(core, table)
    assert core.count("baskets.earlier_rules") == 0
    assert "too few weeks" in _tell_earlier(core)["nothing tried"]
    # ale and cup stand on one of three baskets together, ale in two: lift 1.5, both ways
    assert one_row(
        core, "select bool_and(later_lift is null) as is_null, count(*) as rules from baskets.association_rules"
    ) == {
        "is_null": True,
        "rules": 2,
    }
