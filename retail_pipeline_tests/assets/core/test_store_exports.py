"""From stores' exports to facts: refunds, cancellations, discounts and orders that come again."""

from decimal import Decimal
from typing import Any

from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline_tests.assets.store_tables import Row, built, one_row, rows_of
from retail_pipeline_tests.ingest.exports import export, shopify_line, shopify_order
from retail_pipeline_tests.ingest.test_store_exports import (
    TV,
    amazon_row,
    etsy_row,
    square_row,
    woocommerce_item,
    woocommerce_order,
)
from retail_pipeline_tests.stores import opened, write_drop

LINES = (
    "select order_id, line_type, product_id, quantity, discount, amount, order_ts, is_allocated from core.order_lines "
    "order by order_id, line_no"
)
MUG, TOTE = shopify_line("Mug", 2, "30.00", "MUG"), shopify_line("Tote", 1, "40.00", "TOTE")


def facts(home: Home, **files: str) -> list[tuple[Any, ...]]:
    for name, content in files.items():
        write_drop(home, f"{name}.csv", content)
    with built(home, only=("core",)) as warehouse:
        return [tuple(row.values()) for row in rows_of(warehouse, LINES)]


def brief(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Type, product, quantity and amount."""
    return [(row[1], row[2], str(row[3].normalize()), str(row[5])) for row in rows]


def shopify(*orders: list[Row]) -> str:
    return export("shopify", [row for order in orders for row in order])


def test_a_refund_of_an_order_becomes_returns_of_its_lines_by_amount(home: Home) -> None:
    order = shopify_order("#1", [MUG, TOTE], Subtotal="100.00", **{"Refunded Amount": "30.00"})
    rows = facts(home, a=shopify(order))
    assert brief(rows) == [
        ("sale", "MUG", "2", "60.0000"),
        ("sale", "TOTE", "1", "40.0000"),
        ("return", "MUG", "-0.6", "-18.0000"),
        ("return", "TOTE", "-0.3", "-12.0000"),
    ]
    assert [row[7] for row in rows] == [False, False, True, True]


def test_a_refund_with_tax_and_shipping_gives_back_no_more_than_the_lines(home: Home) -> None:
    order = shopify_order("#1", [MUG, TOTE], Subtotal="100.00", Taxes="20.00", **{"Refunded Amount": "125.00"})
    assert brief(facts(home, a=shopify(order)))[2:] == [
        ("return", "MUG", "-2", "-60.0000"),
        ("return", "TOTE", "-1", "-40.0000"),
    ]


def test_money_of_an_order_outlasts_the_rejection_of_the_line_it_stands_on(home: Home) -> None:
    broken = shopify_line("Mug", "two", "30.00", "MUG")  # type: ignore[arg-type]
    money = {"Discount Amount": "10.00", "Refunded Amount": "20.00"}
    orders = [
        shopify_order("#1", [broken, TOTE, MUG], **money),
        shopify_order("#2", [TOTE]),
        shopify_order("#3", [broken, TOTE], Subtotal="70.00", **money),
        shopify_order("#4", [broken, TOTE], **{"Discount Amount": "9999999999999.00"}),
    ]
    rows = facts(home, a=shopify(*orders))
    assert brief([row for row in rows if row[0] == "#1"]) == [
        ("sale", "MUG", "2", "54.0000"),
        ("sale", "TOTE", "1", "36.0000"),
        ("return", "MUG", "-0.4444", "-12.0000"),
        ("return", "TOTE", "-0.2222", "-8.0000"),
    ]
    assert brief([row for row in rows if row[0] == "#2"]) == [("sale", "TOTE", "1", "40.0000")]
    # whether the discount was one of the lines or of the shipping is not known without them all
    assert brief([row for row in rows if row[0] == "#3"]) == [
        ("sale", "TOTE", "1", "40.0000"),
        ("return", "TOTE", "-0.5", "-20.0000"),
    ]
    assert brief([row for row in rows if row[0] == "#4"]) == [("sale", "TOTE", "1", "40.0000")]


def test_a_cancelled_order_is_a_sale_and_its_cancellation(home: Home) -> None:
    cancelled = {"Cancelled at": "2026-03-05 09:00:00 -0500", "Financial Status": "voided"}
    rows = facts(home, a=shopify(shopify_order("#1", [MUG], Subtotal="60.00", **cancelled)))
    assert brief(rows) == [("sale", "MUG", "2", "60.0000"), ("cancellation", "MUG", "-2", "-60.0000")]
    assert [str(row[6]) for row in rows] == ["2026-03-03 10:14:00", "2026-03-05 09:00:00"]


def test_test_orders_and_voided_ones_are_no_sales(home: Home) -> None:
    orders = [
        shopify_order("#1", [MUG], **{"Payment Method": "(for testing) Bogus Gateway"}),
        shopify_order("#2", [MUG], **{"Financial Status": "voided"}),
    ]
    assert [row[1] for row in facts(home, a=shopify(*orders))] == ["adjustment", "adjustment"]


def test_discounts_of_an_order_are_spread_by_amount_and_those_of_lines_are_not_taken_twice(home: Home) -> None:
    code = shopify_order("#1", [MUG, TOTE], Subtotal="90.00", **{"Discount Amount": "10.00"})
    tip = shopify_line("Tip", 1, "5.00")
    of_lines = shopify_order(
        "#2", [{**MUG, "Lineitem discount": "12.00"}, TOTE, tip], Subtotal="83.00", **{"Discount Amount": "17.00"}
    )
    shipping = shopify_order("#3", [MUG], Subtotal="60.00", **{"Discount Amount": "4.95"})
    rows = facts(home, a=shopify(code, of_lines, shipping))
    assert [(row[0], row[1], row[2], str(row[4]), str(row[5])) for row in rows] == [
        ("#1", "sale", "MUG", "6.0000", "54.0000"),
        ("#1", "sale", "TOTE", "4.0000", "36.0000"),
        ("#2", "sale", "MUG", "14.7273", "45.2727"),
        ("#2", "sale", "TOTE", "2.2727", "37.7273"),
        ("#2", "charge", "Tip", "0.0000", "5.0000"),
        ("#3", "sale", "MUG", "0.0000", "60.0000"),
    ]


def test_an_etsy_discount_stands_on_one_row_and_is_all_rows(home: Home) -> None:
    rows = [
        etsy_row(1, Price="13", **{"Discount Amount": "10.8", "SKU": "A"}),
        etsy_row(2, Price="14", **{"SKU": "B"}),
    ]
    assert brief(facts(home, a=export("etsy", rows))) == [("sale", "A", "1", "7.8000"), ("sale", "B", "1", "8.4000")]


def test_woocommerce_refunds_are_of_their_lines_and_dated(home: Home) -> None:
    shirt = woocommerce_item("Shirt", 453, 2, "16.00", "20.00", refunded="8.00")
    refund = "amount:9.44|reason:too small|date:2026-03-20 10:00:00"
    orders = [
        woocommerce_order(1, TV, shirt, refund_items=refund),
        woocommerce_order(2, TV, refund_items="amount:5.00|reason:|date:2026-03-21 10:00:00"),
        woocommerce_order(3, TV, status="refunded"),
        woocommerce_order(4, TV, status="cancelled"),
        woocommerce_order(5, TV, status="on-hold"),
    ]
    rows = facts(home, a=export("woocommerce", orders))
    assert [(row[0], *part) for row, part in zip(rows, brief(rows), strict=True)] == [
        ("1", "sale", "453", "2", "16.0000"),
        ("1", "sale", "A13", "1", "20.8700"),
        ("1", "return", "453", "-1", "-8.0000"),
        ("2", "sale", "A13", "1", "20.8700"),
        ("2", "return", "A13", "-0.2396", "-5.0000"),
        ("3", "sale", "A13", "1", "20.8700"),
        ("3", "return", "A13", "-1", "-20.8700"),
        ("4", "adjustment", "A13", "1", "20.8700"),
        ("5", "sale", "A13", "1", "20.8700"),
    ]
    assert str(rows[2][6]) == "2026-03-20 10:00:00"


def test_square_refunds_are_returns_of_their_own_day(home: Home) -> None:
    sale = square_row("A", **{"Gross Sales": "$9.00", "Net Sales": "$9.00", "Customer ID": "Z"})
    back = {"Qty": "-1.0", "Gross Sales": "-$9.00", "Net Sales": "-$9.00", "Event Type": "Refund", "Date": "2026-07-12"}
    rows = [sale, {**sale, "Customer ID": ""}, {**sale, **back, "Transaction ID": "B"}]
    write_drop(home, "a.csv", export("square", rows))
    with built(home, only=("core",)) as warehouse:
        found = [tuple(row.values()) for row in rows_of(warehouse, LINES)]
        assert one_row(warehouse, "select quantity, amount from core.cancellation_matches") == {
            "quantity": 1, "amount": Decimal(9),
        }  # fmt: skip
        assert rows_of(warehouse, "select distinct is_duplicate from core.order_lines") == [{"is_duplicate": False}]
    assert brief(found) == [
        ("sale", "Lemon Dream", "1", "9.0000"),
        ("sale", "Lemon Dream", "1", "9.0000"),
        ("return", "Lemon Dream", "-1", "-9.0000"),
    ]


def test_cancelled_lines_of_amazon_are_no_sales(home: Home) -> None:
    rows = [amazon_row("1"), amazon_row("2", **{"order-status": "Cancelled", "quantity": 0, "item-price": ""})]
    content = export("amazon_all_orders", rows)
    assert brief(facts(home, a=content)) == [("sale", "00123", "4", "103.9600"), ("adjustment", "00123", "0", "0.0000")]


# Orders that come again


def night(name: str, *orders: list[Row]) -> tuple[str, str]:
    return name, shopify(*orders)


FIRST = shopify_order("#1", [MUG, TOTE], Subtotal="100.00", created="2026-03-01 10:00:00 -0500")
CHANGED = shopify_order("#1", [MUG], Subtotal="60.00", created="2026-03-01 10:00:00 -0500")
LATER = shopify_order("#2", [TOTE], Subtotal="40.00", created="2026-03-02 10:00:00 -0500")
OTHER = shopify_order("#3", [TOTE], Subtotal="40.00", created="2026-02-01 10:00:00 -0500")
NIGHTS = {"monday": shopify(FIRST, OTHER), "tuesday": shopify(LATER, CHANGED)}
STANDING = [
    ("#1", "sale", "MUG", "2", "60.0000"),
    ("#2", "sale", "TOTE", "1", "40.0000"),
    ("#3", "sale", "TOTE", "1", "40.0000"),
]


def standing(home: Home) -> list[tuple[Any, ...]]:
    with built(home, only=("core",)) as warehouse:
        found = [tuple(row.values()) for row in rows_of(warehouse, LINES)]
    return [(row[0], *part) for row, part in zip(found, brief(found), strict=True)]


def test_the_version_of_an_order_whose_export_reaches_furthest_stands_whichever_came_first(tmp_path: Any) -> None:
    for number, order in enumerate([["monday", "tuesday"], ["tuesday", "monday"]]):
        home = Home(tmp_path / str(number)).create()
        for name in order:
            write_drop(home, f"{name}.csv", NIGHTS[name])
            standing(home)
        assert standing(home) == STANDING
        with built(home, only=("core",)) as warehouse:
            versions = rows_of(
                warehouse,
                "select file_name, lines, stands from core.order_versions join raw.drops using (drop_id) "
                "where order_id = '#1' order by 1",
            )
            assert warehouse.count("raw.transactions") == 5
        assert versions == [
            {"file_name": "monday.csv", "lines": 2, "stands": False},
            {"file_name": "tuesday.csv", "lines": 1, "stands": True},
        ]


def test_what_a_removed_drop_replaced_returns(home: Home) -> None:
    for name, content in NIGHTS.items():
        write_drop(home, f"{name}.csv", content)
    assert standing(home) == STANDING
    with opened(home) as warehouse:
        load_drops(warehouse, remove=["tuesday.csv"])
    assert standing(home) == [
        ("#1", "sale", "MUG", "2", "60.0000"),
        ("#1", "sale", "TOTE", "1", "40.0000"),
        ("#3", "sale", "TOTE", "1", "40.0000"),
    ]
    assert (home.withdrawn / "tuesday.csv").read_text() == NIGHTS["tuesday"]


def test_the_same_order_of_two_stores_is_two_orders(home: Home) -> None:
    home.settings_file.write_text('[ingest.stores]\nberlin = "Berlin"\nparis = "Paris"\n')
    write_drop(home, "berlin/a.csv", shopify(FIRST))
    write_drop(home, "paris/a.csv", shopify(CHANGED))
    with built(home, only=("core",)) as warehouse:
        orders = rows_of(warehouse, "select order_id, store, amount from core.orders order by 1")
    assert [tuple(order.values()) for order in orders] == [
        ("Berlin/#1", "Berlin", Decimal(100)),
        ("Paris/#1", "Paris", Decimal(60)),
    ]


# Currencies


def test_amounts_are_brought_into_one_currency_by_the_rate_of_their_day(home: Home) -> None:
    rows = [
        amazon_row("1", **{"item-price": "100.00"}),
        amazon_row("2", **{"item-price": "100.00"}),
        amazon_row("3", **{"item-price": "100.00", "currency": "EUR"}),
        amazon_row("4", **{"item-price": "100.00", "currency": "EUR", "purchase-date": "2026-06-02T10:00:00+00:00"}),
        amazon_row("5", **{"item-price": "100.00", "currency": "GBP"}),
        amazon_row("6", **{"item-price": "25.00"}),
    ]
    write_drop(home, "a.txt", export("amazon_all_orders", rows))
    write_drop(home, "rates.csv", "date,currency,rate\n2026-05-01,EUR,1.25\n2026-06-01,EUR,1.5\n2026-06-01,GBP,2\n")
    query = "select order_id, amount, reporting_amount from core.order_lines order by 1"
    with built(home, only=("core",)) as warehouse:
        assert [row["reporting_amount"] for row in rows_of(warehouse, query)] == [100, 100, 125, 150, None, 25]
        assert [row["amount"] for row in rows_of(warehouse, query)] == [*[100] * 5, 25]
        assert warehouse.value("select sum(amount) from core.orders") == 500
    write_drop(home, "more.csv", "date,currency,rate\n2026-01-01,GBP,2\n")
    with built(home, only=("core",)) as warehouse:
        assert rows_of(warehouse, query)[4]["reporting_amount"] == 200
    home.settings_file.write_text('[currency]\nreporting = "EUR"\n')
    with built(home, only=("core",)) as warehouse:
        assert [row["reporting_amount"] for row in rows_of(warehouse, query)][:3] == [None, None, 100]
