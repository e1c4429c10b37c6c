"""sales.change_drivers: both splits of a change add up, and each part is what a hand calculation says."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from math import log

import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.sales.test_marts import ONLY, by_hand, line, random_store
from retail_pipeline_tests.assets.store_tables import Row, built, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

HEADER = (
    "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,line_no,channel,discount,status,"
    "category"
)
LAST = "select * from sales.change_drivers where frequency = 'month' order by period desc, split, place"


def drivers(warehouse: Warehouse, split: str, period: date) -> dict[str, Row]:
    rows = rows_of(warehouse, LAST)
    return {row["driver"]: row for row in rows if row["split"] == split and row["period"] == period}


@pytest.fixture(scope="module", params=[3, 4])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("drivers")).create()
    lines = random_store(request.param, orders=700)
    write_drop(home, "a.csv", canonical([each.cells() for each in lines], HEADER))
    with built(home, only=ONLY) as warehouse:
        yield warehouse


def test_drivers_add_up_to_the_change_to_the_last_digit(store: Warehouse) -> None:
    effects: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    changes = {}
    for row in rows_of(store, "sales.change_drivers"):
        key = (row["frequency"], row["period"], row["split"])
        effects[key] += row["effect"]
        changes[key] = row["net_sales"] - row["net_sales_before"]
        assert row["change"] == changes[key]
    assert len(changes) > 100
    assert effects == changes


def test_the_split_by_customers_is_that_by_logarithmic_means(store: Warehouse) -> None:
    months = {row["month"]: row for row in rows_of(store, "sales.monthly")}
    names = ("buyers", "orders_per_buyer", "lines_per_order", "units_per_line", "price")

    def factors(row: Row) -> dict[str, float]:
        buyers, sold = row["customers"] + row["guest_orders"], float(row["gross_sales"] - row["discounts"])
        values = (
            buyers, row["orders"] / buyers, row["lines"] / row["orders"], float(row["units"]) / row["lines"],
            sold / float(row["units"]),
        )  # fmt: skip
        return dict(zip(names, values, strict=True))

    told = 0
    for month, row in months.items():
        found = drivers(store, "customers", month)
        if not found or "sales" in found:
            continue
        before = months[next(iter(found.values()))["period_before"]]
        old, new = factors(before), factors(row)
        sold = [float(each["gross_sales"] - each["discounts"]) for each in (before, row)]
        weight = (sold[1] - sold[0]) / log(sold[1] / sold[0])
        for name in names:
            told += 1
            assert float(found[name]["effect"]) == pytest.approx(weight * log(new[name] / old[name]), abs=0.001)
            assert found[name]["value"] == pytest.approx(new[name])
            assert found[name]["value_before"] == pytest.approx(old[name])
        assert found["returns"]["effect"] == before["returns"] - row["returns"]
    assert told > 40


def test_price_volume_and_mix_are_those_of_a_hand_calculation(home: Home) -> None:
    # January: 10 A at 2, 10 B at 5: 70 for 20 units, 3.50 each. February: 20 A at 2.50, 4 B at 5, 1 C at 100.
    by_hand(
        home,
        line("1", "2024-01-05T10:00", 10, "2", product="A"),
        line("1", "2024-01-05T10:00", 10, "5", product="B", line_no=2),
        line("2", "2024-02-05T10:00", 20, "2.50", product="A"),
        line("2", "2024-02-05T10:00", 4, "5", product="B", line_no=2),
        line("2", "2024-02-05T10:00", 1, "100", product="C", line_no=3),
        line("R", "2024-02-06T10:00", -2, "2.50", product="A", status="returned"),
    )
    with built(home, only=ONLY) as warehouse:
        found = drivers(warehouse, "products", date(2024, 2, 1))
    assert {name: row["effect"] for name, row in found.items()} == {
        "price": 10,  # 20 A for 0.50 more
        "volume": Decimal("17.5"),  # 5 units more at 3.50
        "mix": Decimal("72.5"),  # all that is left of 170 - 70
        "returns": -5,
    }
    assert (found["volume"]["value_before"], found["volume"]["value"]) == (20, 25)


def test_a_period_without_sales_has_one_driver_alone(home: Home) -> None:
    by_hand(
        home,
        line("1", "2024-01-05T10:00", 2),
        line("R", "2024-02-05T10:00", -1, status="returned"),
        line("3", "2024-03-05T10:00", 3),
    )
    with built(home, only=ONLY) as warehouse:
        for split in ("customers", "products"):
            february, march = (drivers(warehouse, split, date(2024, month, 1)) for month in (2, 3))
            assert {name: row["effect"] for name, row in february.items()} == {"sales": -20, "returns": -10}
            assert {name: row["effect"] for name, row in march.items()} == {"sales": 30, "returns": 10}
