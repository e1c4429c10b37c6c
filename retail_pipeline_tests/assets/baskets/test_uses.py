"""What is made of baskets, on a shop whose orders are known one by one."""

import base64
import re
from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median
from xml.etree import ElementTree

import pytest

from retail_pipeline.assets.baskets import bundles, rule_network, stock_partners
from retail_pipeline.assets.baskets.pair_trends import repeated
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.definitions import FRAME_TABLES
from retail_pipeline.errors import SettingsError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.reports.basket_charts import label, label_size
from retail_pipeline.settings import BasketSettings, CoreSettings, Settings
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, built, one_row, rows_of, up_to, upstream_of
from retail_pipeline_tests.stores import canonical, refresh, write_drop

USES = ("pair_trends", "substitutes", "bundles", "stock_partners", "rule_network")
TABLES = set().union(*(upstream_of(f"baskets.{name}") for name in USES))
FIRST, DAYS = date(2024, 1, 1), 290
NAMES = dict(
    zip("ABCDEFG", ("Tea cup", "Saucer & spoon", "Kettle $5", "Old jug", "Old lid", "Stamp", "Pad"), strict=True)
)
PRICES = {"A": 10.0, "B": 5.0, "C": 30.0, "D": 8.0, "E": 4.0, "F": 2.0, "G": 3.0}
COSTS = {"A": 6.0, "B": 4.5}


def baskets_of(day: int) -> list[str]:
    """The products of each order of a day: A goes with B, D went with E once, F and G come together more and more."""
    orders = ["C", "C"]
    orders += ["AB"] if day % 2 == 0 else ["A", "BC"] if day % 4 == 1 else ["AC"]
    if day < 200:
        orders += ["DE"] if day % 2 == 0 else ["D"]
    orders += ["FG"] if day % (8 if day < 91 else 4 if day < 182 else 2) == 0 else ["F", "G"]
    return orders


ORDERS = [(day, items) for day in range(DAYS) for items in baskets_of(day)]
LINES = [
    [number, f"{FIRST + timedelta(days=day)} 12:00:00", f"c{number % 50}", item, NAMES[item], 1, PRICES[item], "France"]
    for number, (day, items) in enumerate(ORDERS)
    for item in items
]


def orders_with(items: str, since: int = 0) -> int:
    """Orders that hold all of some products."""
    return sum(set(items) <= set(held) for day, held in ORDERS if day >= since)


def write_shop(home: Home, settings: str = "") -> None:
    write_drop(home, "a.csv", canonical(LINES))
    home.settings_file.write_text(settings)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("shop")).create()
    write_shop(home, "[bundles]\ncosts_file = 'costs.csv'\n")
    (home.root / "costs.csv").write_text(
        "product_id,unit_cost\n" + "".join(f"{item},{cost}\n" for item, cost in COSTS.items())
    )
    with built(home, only=TABLES) as warehouse:
        yield warehouse


def test_quarters_of_a_pair_are_its_orders_of_each(shop: Warehouse) -> None:
    rows = rows_of(shop, "select * from baskets.pair_trends where product_a = 'A' and product_b = 'B' order by quarter")
    bounds = [0, 91, 182, 274, DAYS]
    for row, start, end in zip(rows, bounds, bounds[1:], strict=False):
        of_quarter = [items for day, items in ORDERS if start <= day < end]
        assert row["quarter"] == FIRST + timedelta(days=start)
        assert row["baskets"] == len(of_quarter)
        assert row["orders_a"] == sum("A" in items for items in of_quarter)
        assert row["orders"] == sum("A" in items and "B" in items for items in of_quarter)
    assert [row["is_partial"] for row in rows] == [False, False, False, True]


def test_a_pair_that_doubles_each_quarter_rises_and_one_that_stays_is_steady(shop: Warehouse) -> None:
    told = {
        (row["product_a"], row["product_b"]): row
        for row in rows_of(shop, "select distinct on (product_a, product_b) * from baskets.pair_trends")
    }
    assert (told["F", "G"]["direction"], told["A", "B"]["direction"]) == ("rising", "steady")
    assert told["F", "G"]["compared_with"] == "all quarters before: it may be the season"
    shares = [
        sum("F" in items and "G" in items for items in part) / len(part)
        for part in (
            [items for day, items in ORDERS if day < 182],
            [items for day, items in ORDERS if 182 <= day < 274],
        )
    ]
    assert told["F", "G"]["change"] == pytest.approx(shares[1] / shares[0] - 1)


def test_names_of_pairs_take_no_more_room_for_one_that_is_long() -> None:
    found = repeated(["a", "b\0", "c" * 100_000], 2)
    assert found.tolist() == ["a", "a", "b\0", "b\0", "c" * 100_000, "c" * 100_000]
    assert found.nbytes == 6 * 8


def test_a_bundle_brings_what_the_assumption_says(shop: Warehouse) -> None:
    row = one_row(shop, "select * from baskets.bundles where products = ['A', 'B']")
    both, of_a, of_b = (orders_with(items) for items in ("AB", "A", "B"))
    uptake, discount = 0.2, 0.05
    off = discount * (PRICES["A"] + PRICES["B"])
    takes_b, takes_a = (uptake * both / of_one * (of_one - both) for of_one in (of_a, of_b))
    revenue = takes_b * (PRICES["B"] - off) + takes_a * (PRICES["A"] - off) - both * off
    margin = revenue - takes_b * COSTS["B"] - takes_a * COSTS["A"]
    assert (row["orders"], row["orders_all_but_one"]) == (both, of_a + of_b - 2 * both)
    assert row["expected_extra_orders"] == pytest.approx(takes_a + takes_b)
    assert row["expected_extra_revenue"] == pytest.approx(revenue)
    assert row["expected_extra_margin"] == pytest.approx(margin)
    assert row["lift"] == pytest.approx(both * len(ORDERS) / of_a / of_b)
    assert (row["price"], row["bundle_price"], row["unit_cost"]) == pytest.approx((15, 14.25, 10.5))
    assert row["margin"] == pytest.approx(14.25 - 10.5)
    assert row["avg_basket_revenue"] == pytest.approx(15)
    assert row["is_worth_it"] == (margin > 0)


def test_what_is_sold_no_more_is_in_no_bundle_and_in_no_advice(shop: Warehouse) -> None:
    rules = rows_of(shop, "select * from baskets.association_rules where antecedents = ['E'] and consequents = ['D']")
    assert len(rules) == 1
    bundled = {item for row in rows_of(shop, "baskets.bundles") for item in row["products"]}
    advised = {row["product_id"] for row in rows_of(shop, "baskets.stock_partners")}
    assert {"A", "B"} <= bundled
    assert {"A", "B"} <= advised
    assert bundled.isdisjoint("DE")
    assert advised.isdisjoint("DE")


def test_margins_are_unknown_where_a_cost_is(shop: Warehouse) -> None:
    for row in rows_of(shop, "baskets.bundles"):
        assert (row["expected_extra_margin"] is None) == (not set(row["products"]) <= set(COSTS))


def test_a_day_out_of_stock_costs_own_sales_and_those_of_partners_beyond_chance(shop: Warehouse) -> None:
    row = one_row(shop, "select * from baskets.stock_partners where product_id = 'B'")
    since = DAYS - 90
    a_day = {item: orders_with(item, since) / 90 for item in "AB"}
    expected = 0.0
    for month in range(1, 11):
        of_month = [items for day, items in ORDERS if (FIRST + timedelta(days=day)).month == month]
        for size in (1, 2):
            held = [items for items in of_month if len(items) == size]
            counts = {item: sum(item in items for items in held) for item in NAMES}
            chances = sum(counts.values()) ** 2 - sum(count**2 for count in counts.values())
            expected += counts["A"] * counts["B"] * len(held) * size * (size - 1) / chances
    excess = (orders_with("AB") - expected) / orders_with("B")
    assert row["partners"] == ["A"]
    assert row["own_revenue_per_day"] == pytest.approx(a_day["B"] * PRICES["B"])
    assert row["partner_revenue_per_day"] == pytest.approx(a_day["B"] * excess * PRICES["A"])
    assert row["advice"].startswith("A day without Saucer & spoon costs about ")


def test_the_picture_holds_every_item_of_the_network(shop: Warehouse) -> None:
    rows = rows_of(shop, "baskets.rule_network")
    assert {(row["source"], row["target"]) for row in rows} >= {("E", "D")}
    assert len({frozenset((row["source"], row["target"])) for row in rows}) == len(rows)
    told = rule_network.TABLE.tell(shop)["network"].value
    (encoded,) = re.findall(r"base64,([^)]+)\)", told)
    texts = " ".join(ElementTree.fromstring(base64.b64decode(encoded)).itertext())
    for row in rows:
        for line in label(row["source_name"]).split("\n") + label(row["target_name"]).split("\n"):
            assert line in texts
    assert rule_network.TABLE.tell(shop)["network"].value == told


def test_long_names_are_cut_into_short_lines() -> None:
    text = label("A VERY LONG NAME OF A THING THAT NOBODY CAN READ IN A PICTURE AT ALL")
    assert text.count("\n") == 2
    assert text.endswith("…")
    assert max(map(len, text.split("\n"))) <= 17
    assert label("") == ""
    assert label_size("ABC") < label_size("ABCD")


def test_costs_that_change_are_read_anew_and_a_broken_list_is_named(home: Home) -> None:
    write_shop(home, "[bundles]\ncosts_file = 'costs.csv'\n")
    costs = home.root / "costs.csv"
    for cost in ("1.00", "2.00"):
        costs.write_text(f"product_id,unit_cost\nA,{cost}\n")
        with built(home, only=(*TO_ORDER_LINES, "core.orders", "core.products", "baskets.product_costs")) as warehouse:
            assert str(warehouse.value("select unit_cost from baskets.product_costs")) == f"{cost}00"
    costs.write_text("product_id,unit_cost\nA,much\n")
    with (
        pytest.raises(SettingsError, match=r"costs.csv, row 2: unit_cost is 'much'"),
        built(home, only=("baskets.product_costs",)),
    ):
        pass


def test_a_cost_is_that_of_the_product_with_the_same_code_in_upper_case(home: Home) -> None:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    write_drop(home, "a.csv", f"{header}\n1,85123a,MUG,1,12/1/2010 8:26,2.50,100,France\n")
    home.settings_file.write_text("[bundles]\ncosts_file = 'costs.csv'\n")
    costs = home.root / "costs.csv"
    costs.write_text("product_id,unit_cost\n85123a,1.00\nnever-sold,3.00\n")
    with built(home, only=upstream_of("baskets.product_costs")) as warehouse:
        found = rows_of(warehouse, "select product_id, cast(unit_cost as double) as cost from baskets.product_costs")
    assert {row["product_id"]: row["cost"] for row in found} == {"85123A": 1, "never-sold": 3}
    costs.write_text("product_id,unit_cost\n85123a,1.00\n85123A,2.00\n")
    with (
        pytest.raises(SettingsError, match=r"costs.csv: product_id '85123a' and another row are both .* '85123A'"),
        built(home, only=("baskets.product_costs",)),
    ):
        pass


def test_without_uptake_no_bundle_is_worth_it_and_of_categories_there_are_none(home: Home) -> None:
    write_shop(home, "[bundles]\nuptake = 0.0\n")
    with built(home, only=TABLES) as warehouse:
        rows = rows_of(warehouse, "baskets.bundles")
    assert rows
    assert not any(row["is_worth_it"] for row in rows)
    assert all(row["expected_extra_revenue"] < 0 < row["break_even_uptake"] for row in rows)
    home.settings_file.write_text("[baskets]\nitems = 'category'\n")
    with built(home, only=TABLES) as warehouse:
        for table, what in ((bundles, "bundles"), (stock_partners, "partners"), (rule_network, "network")):
            assert warehouse.count(table.NAME) == 0
            (told,) = table.TABLE.tell(warehouse).items()
            assert told[0] == f"no {what}"
            assert "baskets.items is " in told[1]


def build(warehouse: Warehouse, settings: Settings, *tables: str) -> None:
    """Make tables in Python anew by other settings."""
    other = Warehouse(warehouse.connection, warehouse.home, settings, "test-run", full=True)
    for table in FRAME_TABLES:
        if table.name in tables:
            build_frame_table(other, table)


@pytest.mark.parametrize("table", ["pair_trends", "substitutes", "bundles", "stock_partners"])
@pytest.mark.parametrize(
    "settings",
    [
        Settings(baskets=BasketSettings(min_support=0.2)),
        Settings(baskets=BasketSettings(least_items=2)),
        Settings(core=CoreSettings(as_of=date(2024, 6, 1))),
        Settings(core=CoreSettings(as_of=date(2023, 6, 1))),
    ],
    ids=["support", "items", "as_of", "no_orders"],
)
def test_itemsets_of_other_baskets_are_refused(shop: Warehouse, settings: Settings, table: str) -> None:
    with pytest.raises(WarehouseError, match=r"'retail run --select baskets\.frequent_itemsets'"):
        build(shop, settings, f"baskets.{table}")


@pytest.mark.parametrize("table", ["bundles", "stock_partners"])
def test_rules_of_other_itemsets_are_refused(shop: Warehouse, table: str) -> None:
    settings = Settings(core=CoreSettings(as_of=date(2024, 6, 1)))
    build(shop, settings, "baskets.frequent_itemsets")
    with pytest.raises(WarehouseError, match=r"'retail run --select baskets\.association_rules'"):
        build(shop, settings, f"baskets.{table}")
    build(shop, shop.settings, "baskets.frequent_itemsets")


def test_the_usual_value_of_a_product_is_the_median(shop: Warehouse) -> None:
    row = one_row(shop, "select * from baskets.bundles where products = ['A', 'B']")
    values = {item: median(line[5] * line[6] for line in LINES if line[3] == item) for item in "AB"}
    assert row["order_value"] == pytest.approx(sum(values.values()))


def test_where_itemsets_are_too_many_the_rest_is_published_and_what_is_made_of_them_stays(home: Home) -> None:
    home.settings_file.write_text("[baskets]\nmost_itemsets = 40\n")
    made_of_itemsets = ("baskets.pair_trends", "baskets.substitutes")
    tables = up_to(*made_of_itemsets)
    days = [(day, "AB" if day % 2 else "C") for day in range(40)]
    dense = [(day, "ABCDEF") for day in range(40, 80)]  # 63 itemsets, of which 21 are of one or two products
    pairs = []
    for name, orders in (("a.csv", days), ("b.csv", dense)):
        lines = [
            [day, f"{FIRST + timedelta(days=day)} 12:00:00", "c1", item, NAMES[item], 1, PRICES[item], "France"]
            for day, items in orders
            for item in items
        ]
        write_drop(home, name, canonical(lines))
        assert refresh(home, select=tables).success == (orders is days)
        with open_snapshot(home) as snapshot:
            assert snapshot.execute("select count(*) from core.orders").fetchone() == (40 if orders is days else 80,)
            pairs.append(rows_of(snapshot, "select product_a, product_b, orders from baskets.pair_trends order by all"))
    assert pairs == [[{"product_a": "A", "product_b": "B", "orders": 20}]] * 2
