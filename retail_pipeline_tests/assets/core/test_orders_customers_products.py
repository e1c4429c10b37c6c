"""core.orders, core.customers and core.products of a small store, every figure worked out by hand."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import Row, built, one_row, online_retail_csv, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

BOUGHT, LATER, BACK = "12/1/2010 8:26", "12/5/2010 9:00", "12/7/2010 10:00"
STORE = [
    # order, code, name, quantity, time, price, customer, country
    ["1", "MUG1", "MUG", 6, BOUGHT, "2.50", "100", "France"],
    ["1", "MUG1", "MUG", 6, BOUGHT, "2.50", "100", "France"],  # a duplicate
    ["1", "CUP1", "CUP", 2, BOUGHT, "1.25", "100", "France"],
    ["1", "POST", "POSTAGE", 1, BOUGHT, "18.00", "100", "France"],
    ["1", "PEN1", "PEN", 5, BOUGHT, "0", "100", "France"],
    ["2", "MUG1", "MUG", 1, LATER, "3.00", "100", "Italy"],
    ["C3", "MUG1", "MUG", -2, BACK, "2.50", "100", "Spain"],
    ["C3", "POST", "POSTAGE", -1, BACK, "18.00", "100", "Spain"],
    ["4", "MUG1", "MUG", 10, BOUGHT, "2.00", "", "France"],  # a guest's
    ["A5", "B", "BAD DEBT", 1, BOUGHT, "-50.00", "", "France"],
    ["6", "D", "DISCOUNT", 1, BOUGHT, "9.00", "200", "France"],
    ["7", "PEN1", "PEN", -4, BOUGHT, "0", "", "France"],
    ["C8", "CUP1", "CUP", -1, BOUGHT, "1.25", "300", "Italy"],
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("store")).create()
    write_drop(home, "a.csv", online_retail_csv(STORE))
    with built(home, only=("core",)) as warehouse:
        yield warehouse


def by_key(warehouse: Warehouse, table: str, key: str) -> dict[str, Row]:
    return {row[key]: row for row in rows_of(warehouse, table)}


def test_an_orders_figures_leave_duplicates_aside(store: Warehouse) -> None:
    assert by_key(store, "core.orders", "order_id")["1"] == {
        "order_id": "1",
        "order_type": "sale",
        "order_ts": datetime(2010, 12, 1, 8, 26),
        "order_date": datetime(2010, 12, 1).date(),
        "customer_id": "100",
        "is_guest": False,
        "country": "France",
        "currency": None,
        "channel": None,
        "store": None,
        "lines": 4,
        "products": 2,
        "units": Decimal(8),
        "sales_amount": Decimal("17.50"),  # 6 at 2.50 and 2 at 1.25
        "discount": Decimal(0),
        "charges_amount": Decimal("18.00"),
        "returns_amount": Decimal(0),
        "adjustments_amount": Decimal(0),
        "amount": Decimal("35.50"),
    }


def test_an_orders_type_is_the_first_of_its_lines_types(store: Warehouse) -> None:
    assert {order: row["order_type"] for order, row in by_key(store, "core.orders", "order_id").items()} == {
        "1": "sale",
        "2": "sale",
        "C3": "cancellation",
        "4": "sale",
        "A5": "adjustment",
        "6": "charge",
        "7": "adjustment",
        "C8": "cancellation",
    }


def test_a_cancellations_value_is_a_return_and_no_sale(store: Warehouse) -> None:
    order = by_key(store, "core.orders", "order_id")["C3"]
    assert (order["sales_amount"], order["returns_amount"], order["amount"]) == (0, Decimal("-23"), Decimal("-23"))
    assert (order["units"], order["products"], order["lines"]) == (0, 0, 2)


def test_an_adjustments_value_is_kept_apart(store: Warehouse) -> None:
    order = by_key(store, "core.orders", "order_id")["A5"]
    assert (order["adjustments_amount"], order["amount"], order["is_guest"]) == (Decimal(-50), Decimal(-50), True)


def test_orders_hold_all_lines_but_duplicates(store: Warehouse) -> None:
    totals = one_row(store, "select sum(lines) as lines, sum(amount) as amount from core.orders")
    # 17.50 + 18 (1), 3 (2), -23 (C3), 20 (4), -50 (A5), 9 (6), 0 (7), -1.25 (C8)
    assert totals == {"lines": len(STORE) - 1, "amount": Decimal("-6.75")}


def test_customers_are_all_known_ones_whatever_their_lines(store: Warehouse) -> None:
    assert by_key(store, "core.customers", "customer_id") == {
        "100": {
            "customer_id": "100",
            "first_order_ts": datetime(2010, 12, 1, 8, 26),
            "last_order_ts": datetime(2010, 12, 5, 9, 0),
            "orders": 2,
            "country": "Spain",
            "sales_amount": Decimal("20.50"),
            "returns_amount": Decimal("-23"),
        },
        "200": {
            "customer_id": "200",
            "first_order_ts": None,
            "last_order_ts": None,
            "orders": 0,
            "country": "France",
            "sales_amount": Decimal(0),
            "returns_amount": Decimal(0),
        },
        "300": {
            "customer_id": "300",
            "first_order_ts": None,
            "last_order_ts": None,
            "orders": 0,
            "country": "Italy",
            "sales_amount": Decimal(0),
            "returns_amount": Decimal("-1.25"),
        },
    }


def test_a_products_figures_are_those_of_its_sales(store: Warehouse) -> None:
    assert by_key(store, "core.products", "product_id")["MUG1"] == {
        "product_id": "MUG1",
        "product_name": "MUG",
        "is_charge": False,
        "category": None,
        "last_unit_price": Decimal("3.00"),
        "first_sold_at": datetime(2010, 12, 1, 8, 26),
        "last_sold_at": datetime(2010, 12, 5, 9, 0),
        "orders": 3,
        "units": Decimal(17),
        "sales_amount": Decimal("38"),  # 6 at 2.50, 1 at 3.00, 10 at 2.00
    }


def test_codes_that_never_were_products_are_charges_even_if_only_cancelled_or_adjusted(store: Warehouse) -> None:
    products = by_key(store, "core.products", "product_id")
    assert {code for code, row in products.items() if row["is_charge"]} == {"POST", "B", "D"}
    assert set(products) == {"MUG1", "CUP1", "PEN1", "POST", "B", "D"}


def test_a_product_that_never_was_sold_has_no_price_and_no_dates(store: Warehouse) -> None:
    pen = by_key(store, "core.products", "product_id")["PEN1"]
    assert (pen["last_unit_price"], pen["first_sold_at"], pen["last_sold_at"], pen["orders"]) == (None, None, None, 0)
    assert (pen["units"], pen["sales_amount"]) == (0, 0)


def test_customers_and_products_hold_the_money_of_their_lines(store: Warehouse) -> None:
    lines = one_row(
        store,
        "select sum(amount) as everyones, sum(case when not is_guest then amount end) as customers "
        "from core.order_lines where line_type = 'sale' and not is_duplicate",
    )
    assert store.value("select sum(sales_amount) from core.products") == lines["everyones"]
    assert store.value("select sum(sales_amount) from core.customers") == lines["customers"]


def test_each_customer_of_an_order_that_several_share_has_their_own_part(home: Home) -> None:
    """A till's receipt numbers begin anew, so one order id can stand for two customers."""
    lines = [
        ["1", "2024-01-01 10:00:00", "anna", "P", "Pen", 1, "2", "France"],
        ["1", "2024-03-01 10:00:00", "bert", "P", "Pen", 1, "3", "Italy"],
        ["1", "2024-02-01 10:00:00", "", "P", "Pen", 1, "5", "Spain"],
    ]
    write_drop(home, "a.csv", canonical(lines))
    with built(
        home, only=("core", "customers.undone_lines", "customers.order_states", "customers.rfm_scores")
    ) as warehouse:
        customers = by_key(warehouse, "core.customers", "customer_id")
        scored = by_key(warehouse, "customers.rfm_scores", "customer_id")
        order = one_row(warehouse, "core.orders")
    found = {name: (row["orders"], row["sales_amount"], row["country"]) for name, row in customers.items()}
    assert found == {"anna": (1, 2, "France"), "bert": (1, 3, "Italy")}
    assert {name: row["monetary"] for name, row in scored.items()} == {"anna": 2, "bert": 3}
    assert (order["customer_id"], order["sales_amount"]) == ("anna", 10)


def test_category_and_price_are_those_of_the_latest_sale(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,category"
    lines = [
        ["2", "2024-01-02 10:00:00", "c", "P", "Pen", 1, "2", "France", "Ink"],
        ["1", "2024-01-01 10:00:00", "c", "P", "Pen", 1, "1", "France", "Oil"],
        ["3", "2024-01-02 10:00:00", "c", "P", "Pen", 1, "3", "France", "Wax"],
        ["4", "2024-01-09 10:00:00", "c", "P", "Pen", -1, "9", "France", "Old"],
        ["5", "2024-01-01 10:00:00", "c", "Q", "Pot", -1, "9", "France", "Tin"],
        ["6", "2024-01-03 10:00:00", "c", "Q", "Pot", -1, "8", "France", "Lid"],
    ]
    write_drop(home, "a.csv", canonical(lines, header))
    with built(home, only=("core",)) as warehouse:
        products = by_key(warehouse, "core.products", "product_id")
    assert (products["P"]["category"], products["P"]["last_unit_price"]) == ("Wax", 3)
    assert (products["Q"]["category"], products["Q"]["last_unit_price"]) == ("Lid", None)


def test_discounts_of_sales_are_summed_by_order(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,discount"
    lines = [
        ["1", "2024-01-02 10:00:00", "c", "P", "Pen", 2, "2", "France", "0.50"],
        ["1", "2024-01-02 10:00:00", "c", "Q", "Pot", 1, "3", "France", "0.25"],
        ["1", "2024-01-02 10:00:00", "c", "R", "Cup", 1, "3", "France", ""],
    ]
    write_drop(home, "a.csv", canonical(lines, header))
    with built(home, only=("core",)) as warehouse:
        order = one_row(warehouse, "core.orders")
    assert (order["discount"], order["sales_amount"], order["units"]) == (Decimal("0.75"), Decimal("9.25"), 4)
