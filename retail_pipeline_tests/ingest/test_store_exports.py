"""Each store's export: what becomes of its lines, its money, its times and its people."""

import hashlib
import hmac
import stat
from datetime import datetime
from decimal import Decimal

import pytest

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import Home
from retail_pipeline.ingest.privacy import Pseudonyms, read_key
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest.exports import (
    KINDS,
    Row,
    export,
    shopify_line,
    shopify_order,
    woocommerce_item,
)
from retail_pipeline_tests.ingest.loading import Outcome, line, load, text


def suffix_of(kind: str) -> str:
    return ".txt" if KINDS[kind].delimiter == "\t" else ".csv"


def loaded(warehouse: Warehouse, kind: str, rows: list[Row], **options: object) -> Outcome:
    outcome = load(warehouse, export(kind, rows, **options), suffix_of(kind))  # type: ignore[arg-type]
    assert outcome.refusal is None
    assert outcome.format == kind
    return outcome


def values(outcome: Outcome, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for _, row in sorted(outcome.rows.items())]


def hashed(warehouse: Warehouse, customer: str) -> str:
    return Pseudonyms.of(warehouse.home, warehouse.settings).of_customer(customer)


def money(*amounts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(amount) for amount in amounts)


# Shopify

TWO_LINES = [
    shopify_line("Fern Print - A4 / Matte", 2, "16.00", "FERN-1"),
    shopify_line("Canvas, Tote \"Bag\"", 1, "20.00", "'0012"),
]  # fmt: skip


def test_shopify_rows_take_over_what_stands_on_the_orders_first_row(warehouse: Warehouse) -> None:
    rows = shopify_order("#1001", TWO_LINES, Email="Ada@Example.com ", **{"Subtotal": "52.00", "Total": "52.00"})
    outcome = loaded(warehouse, "shopify", rows)
    ada = hashed(warehouse, "ada@example.com")
    assert (
        values(outcome, "order_id", "order_ts", "customer_id", "status", "country", "currency", "channel")
        == [("#1001", datetime(2026, 3, 3, 10, 14), ada, "paid", "US", "USD", "web")] * 2
    )
    assert values(outcome, "product_id", "product_name", "quantity", "unit_price") == [
        ("FERN-1", "Fern Print - A4 / Matte", 2, Decimal(16)),
        ("'0012", 'Canvas, Tote "Bag"', 1, Decimal(20)),
    ]
    assert outcome.column("order_subtotal") == [Decimal(52), None]  # as the file has it, on one row


def test_shopify_times_are_the_stores_own_whatever_the_offset(warehouse: Warehouse) -> None:
    rows = [
        *shopify_order("#1", TWO_LINES[:1], created="2026-05-14 11:23:45 +0100"),
        *shopify_order("#2", TWO_LINES[:1], created="2026-01-14 11:23:45 +0000"),
        *shopify_order("#3", TWO_LINES[:1], created="2026-01-14 11:23:45 UTC"),
    ]
    outcome = loaded(warehouse, "shopify", rows)
    assert [str(time)[11:] for time in outcome.column("order_ts")] == ["11:23:45"] * 3


def test_shopify_lines_without_a_sku_go_by_their_name_and_customers_without_an_address_by_phone_or_name(
    warehouse: Warehouse,
) -> None:
    line = [shopify_line("Candle - Cedar", 1, "9.50")]
    rows = [
        *shopify_order("#1", line, **{"Phone": "'+15550100", "Billing Name": "Bo Example"}),
        *shopify_order("#2", line, **{"Billing Name": "Bo Example"}),
        *shopify_order("#3", line),
    ]
    outcome = loaded(warehouse, "shopify", rows)
    assert outcome.column("product_id") == ["Candle - Cedar"] * 3
    names = [hashed(warehouse, "+15550100"), hashed(warehouse, "bo example"), None]
    assert outcome.column("customer_id") == names


def test_shopify_test_orders_and_cancellations_are_told(warehouse: Warehouse) -> None:
    rows = [
        *shopify_order("#1", TWO_LINES, **{"Payment Method": "(for testing) Bogus Gateway"}),
        *shopify_order("#2", TWO_LINES, **{"Cancelled at": "2026-03-04 09:00:00 -0500", "Refunded Amount": "52.00"}),
    ]
    outcome = loaded(warehouse, "shopify", rows)
    assert outcome.column("status") == ["test order"] * 2 + ["paid"] * 2
    assert outcome.column("cancelled_ts") == [None] * 2 + [datetime(2026, 3, 4, 9)] * 2
    assert outcome.column("order_refunded") == [0, None, Decimal(52), None]


@pytest.mark.parametrize(
    "leave_out",
    [
        ("Payment ID", "Payment Terms Name", "Next Payment Due At", "Payment References"),
        ("Outstanding Balance", "Employee", "Location", "Device ID", "Phone", "Receipt Number", "Duties"),
        ("Email", "Billing Name", "Phone", "Notes", "Note Attributes", "Cancelled at", "Vendor"),
    ],
)
def test_shopify_headers_of_other_years_are_known(warehouse: Warehouse, leave_out: tuple[str, ...]) -> None:
    outcome = loaded(warehouse, "shopify", shopify_order("#1", TWO_LINES), leave_out=leave_out)
    assert outcome.rows_read == 2


# WooCommerce


def woocommerce_order(order: int, *items: str, **columns: object) -> Row:
    packed = {f"line_item_{number}": item for number, item in enumerate(items, start=1)}
    order_columns = {
        "order_id": order, "order_number": order, "order_date": "2026-03-16 07:21:32", "status": "completed",
        "order_currency": "USD", "customer_id": 2, "customer_user": 2, "customer_email": "mark@example.com",
        "billing_email": "mark@example.com", "billing_country": "US", "shipping_country": "US",
        "meta:_wc_order_attribution_source_type": "utm", "meta:_wc_order_attribution_utm_source": "google",
    }  # fmt: skip
    return {**order_columns, **packed, **columns}


TV = woocommerce_item("LED TV", 447, 1, "20.87", "23.19", "A13")
SHIRT = woocommerce_item("Men's Shirt - Red|Blue: XL", 453, 2, "15.12", "16.80", refunded="8.00", _variation_id="455")


def woocommerce_values(warehouse: Warehouse, *orders: Row) -> list[dict[str, object]]:
    return load_packed(warehouse, export("woocommerce", orders))


def load_packed(warehouse: Warehouse, text: str) -> list[dict[str, object]]:
    """Lines of packed rows, in their order; two of them may stand on one row."""
    from retail_pipeline.ingest.loader import load_drops
    from retail_pipeline_tests.stores import write_drop

    write_drop(warehouse.home, "woo.csv", text)
    (drop,) = load_drops(warehouse).loaded
    assert drop.format == "woocommerce"
    assert drop.rows_read == drop.rows_loaded + drop.rows_rejected
    result = warehouse.execute("from raw.transactions order by source_row, source_part")
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_woocommerce_orders_are_unpacked_into_lines(warehouse: Warehouse) -> None:
    refund = "amount:9.44|reason:too small; see below|date:2026-03-20 10:00:00"
    first, second = woocommerce_values(warehouse, woocommerce_order(1003, TV, SHIRT, refund_items=refund))
    assert (first["source_row"], first["source_part"], second["source_row"], second["source_part"]) == (2, 1, 2, 2)
    assert (first["product_id"], first["product_name"], first["quantity"]) == ("A13", "LED TV", 1)
    assert (first["unit_price"], first["discount"], first["amount"]) == money("23.19", "2.32", "20.87")
    assert (second["product_id"], second["product_name"]) == ("453", "Men's Shirt - Red|Blue: XL")
    assert (second["unit_price"], second["discount"], second["amount"]) == money("8.40", "1.68", "15.12")
    assert (first["order_refunded"], second["order_refunded"], second["refunded"]) == (
        Decimal("9.44"), None, Decimal(8)
    )  # fmt: skip
    assert first["refunded_ts"] == datetime(2026, 3, 20, 10)
    assert (first["customer_id"], first["status"], first["channel"]) == ("2", "completed", "google")


def test_woocommerce_guests_go_by_their_address_and_without_one_are_guests(warehouse: Warehouse) -> None:
    guest = {"customer_id": 0, "customer_user": 0, "customer_email": ""}
    rows = woocommerce_values(
        warehouse,
        woocommerce_order(1, TV, **{**guest, "billing_email": "John@Example.com"}),
        woocommerce_order(2, TV, **{**guest, "billing_email": ""}),
        woocommerce_order(3, TV, status="wc-on-hold"),
    )
    assert [row["customer_id"] for row in rows] == [hashed(warehouse, "john@example.com"), None, "2"]
    assert rows[2]["status"] == "on-hold"


def test_woocommerce_lines_are_counted_from_the_first_that_is_filled(warehouse: Warehouse) -> None:
    packed = {"line_item_1": "", "line_item_2": TV, "line_item_3": SHIRT}
    order = woocommerce_order(1, **packed, refund_items="amount:9.44|reason:|date:2026-03-20 10:00:00")
    lines = woocommerce_values(warehouse, order)
    assert [(line["source_part"], line["product_id"]) for line in lines] == [(1, "A13"), (2, "453")]
    assert [line["order_refunded"] for line in lines] == [Decimal("9.44"), None]


def test_a_woocommerce_order_without_lines_and_a_broken_line_are_rejected_and_counted(warehouse: Warehouse) -> None:
    broken = woocommerce_item("Cup", 9, 1, "ten", "10.00")
    lines = woocommerce_values(warehouse, woocommerce_order(1), woocommerce_order(2, TV, broken, SHIRT))
    assert [line["product_id"] for line in lines] == ["A13", "453"]
    rejected = warehouse.execute("select source_row, reason from raw.rejected_rows order by all").fetchall()
    assert rejected == [
        (2, "line_item: sku or product_id is empty"),
        (3, "total 'ten' is not a number up to 100,000,000,000"),
    ]
    assert warehouse.row("select rows_read, rows_loaded, rows_rejected from raw.drops") == (4, 2, 2)


# Etsy


def etsy_row(transaction: int, **columns: object) -> Row:
    row = {
        "Sale Date": "04/12/26", "Item Name": "Fern Mask", "Buyer": "Jane Example (vfoaua6j)", "Quantity": 1,
        "Price": "29.99", "Discount Amount": "0", "Shipping Discount": "0.00", "Order Shipping": "8",
        "Order Sales Tax": "0", "Item Total": "29.99", "Currency": "USD", "Transaction ID": transaction,
        "Listing ID": "4347340001", "Ship Name": "Jane Example", "Ship Country": "United States",
        "Order ID": "4035380001", "Order Type": "online",
    }  # fmt: skip
    return {**row, **columns}


def test_etsy_rows_are_lines_with_entities_undone(warehouse: Warehouse) -> None:
    rows = [
        etsy_row(1, **{"Discount Amount": "10.8", "SKU": "wallet blk"}),
        etsy_row(2, **{"Item Name": "Moss &quot;Mask&quot; &amp; Jane&#39;s", "Price": "17.5", "Quantity": 2}),
        etsy_row(3, **{"Order ID": "4035380002", "Buyer": "sam_example", "Sale Date": "7/15/2020"}),
        etsy_row(4, **{"Order ID": "4035380003", "Buyer": ""}),
    ]
    outcome = loaded(warehouse, "etsy", rows)
    assert outcome.column("product_id") == ["wallet blk", "4347340001", "4347340001", "4347340001"]
    assert outcome.column("product_name")[1] == 'Moss "Mask" & Jane\'s'
    jane, sam = hashed(warehouse, "vfoaua6j"), hashed(warehouse, "sam_example")
    assert outcome.column("customer_id") == [jane, jane, sam, None]
    assert outcome.column("order_ts")[1:3] == [datetime(2026, 4, 12), datetime(2020, 7, 15)]
    assert outcome.column("order_discount") == [Decimal("10.8"), 0, 0, 0]
    assert outcome.column("unit_price")[:2] == list(money("29.99", "17.5"))


def test_etsy_headers_of_a_british_shop_are_known(warehouse: Warehouse) -> None:
    content = export("etsy", [etsy_row(1)]).replace("Ship ", "Delivery ").replace("Date Shipped", "Date Posted")
    assert load(warehouse, content).column("country") == ["United States"]


# Amazon


def amazon_row(order: str, **columns: object) -> Row:
    row = {
        "amazon-order-id": order, "purchase-date": "2026-05-08T23:36:26+00:00", "order-status": "Shipped",
        "sales-channel": "Amazon.com", "product-name": 'Pillow Insert 12" x 18" (12x18)', "sku": "00123",
        "item-status": "Shipped", "quantity": 4, "currency": "USD", "item-price": "103.96", "ship-country": "US",
        "ship-city": "GRAND PRAIRIE",
    }  # fmt: skip
    return {**row, **columns}


def test_amazon_lines_are_read_without_quotes_and_are_all_guests(warehouse: Warehouse) -> None:
    rows = [
        amazon_row("1", **{"item-promotion-discount": "5.0", "product-name": '"Best" pillow'}),
        amazon_row("2", **{"item-promotion-discount": "-5.0"}),
    ]
    outcome = loaded(warehouse, "amazon_all_orders", rows)
    assert outcome.column("product_name") == ['"Best" pillow', 'Pillow Insert 12" x 18" (12x18)']
    assert values(outcome, "unit_price", "discount", "amount") == [money("25.99", "5", "98.96")] * 2
    assert outcome.column("product_id") == ["00123"] * 2
    assert outcome.column("customer_id") == [None] * 2
    assert outcome.column("channel") == ["Amazon.com"] * 2


def test_amazon_times_are_brought_into_store_time(warehouse: Warehouse) -> None:
    rows = [amazon_row("1"), amazon_row("2", **{"purchase-date": "2026-05-09T08:36:26+09:00"})]
    assert loaded(warehouse, "amazon_all_orders", rows).column("order_ts") == [datetime(2026, 5, 8, 23, 36, 26)] * 2
    settings = Settings(ingest={"timezone": "America/Chicago"})  # type: ignore[arg-type]
    there = Warehouse(warehouse.connection, warehouse.home, settings, "run")
    rows.append(amazon_row("3"))
    assert loaded(there, "amazon_all_orders", rows).column("order_ts") == [datetime(2026, 5, 8, 18, 36, 26)] * 3


def test_amazon_cancellations_and_orders_of_other_shops_need_no_price_and_pending_ones_come_again(
    warehouse: Warehouse,
) -> None:
    nothing = {"currency": "", "item-price": ""}
    rows = [
        amazon_row("1", **{**nothing, "order-status": "Cancelled", "item-status": "Cancelled", "quantity": 0}),
        amazon_row("2", **{"item-status": "Cancelled", "quantity": 1, "item-price": "25.0"}),
        amazon_row("3", **{**nothing, "sales-channel": "Non-Amazon", "product-name": "."}),
        amazon_row("4", **{**nothing, "order-status": "Pending", "item-status": "Unshipped"}),
        amazon_row("5", **{"sales-channel": "Amazon.de", "currency": "EUR", "item-price": "1,019.90"}),
    ]
    outcome = loaded(warehouse, "amazon_all_orders", rows)
    assert values(outcome, "status", "unit_price", "currency") == [
        ("Cancelled", 0, None),
        ("Cancelled", Decimal(25), "USD"),
        ("Non-Amazon", 0, None),
        ("Shipped", Decimal("254.975"), "EUR"),
    ]
    assert outcome.reasons() == {5: "item-price is empty"}


def test_amazon_new_orders_have_a_buyer(warehouse: Warehouse) -> None:
    row = {
        "order-id": "234-5678901-2345678", "order-item-id": "22222222222222", "sku": "2", "product-name": "item two",
        "purchase-date": "2026-01-01T10:50:49-08:00", "buyer-email": "zjzhk7@marketplace.amazon.com",
        "buyer-name": "Bob Example", "quantity-purchased": 2, "currency": "USD", "item-price": "2.58",
        "ship-country": "US", "sales-channel": "Amazon.com",
    }  # fmt: skip
    outcome = loaded(warehouse, "amazon_new_orders", [row])
    assert values(outcome, "order_ts", "unit_price", "amount", "customer_id") == [
        (datetime(2026, 1, 1, 18, 50, 49), *money("1.29", "2.58"), hashed(warehouse, "zjzhk7@marketplace.amazon.com"))
    ]


# Square


def square_row(transaction: str, **columns: object) -> Row:
    row = {
        "Date": "2026-07-11", "Time": "11:46:09", "Time Zone": "Eastern Time (US & Canada)", "Category": "None",
        "Item": "Lemon Dream ", "Qty": "1.0", "Price Point Name": "Regular", "Gross Sales": "$7.00",
        "Discounts": "$0.00", "Net Sales": "$7.00", "Tax": "$0.40", "Transaction ID": transaction,
        "Event Type": "Payment", "Location": "Main", "Customer Name": "Dee Example", "Unit": "ea", "Count": 1,
    }  # fmt: skip
    return {**row, **columns}


def test_square_lines_are_worth_their_net_sales(warehouse: Warehouse) -> None:
    rows = [
        square_row("GPqr6", **{"Discounts": "-$1.82", "Net Sales": "$5.18", "Customer ID": "ZWX3"}),
        square_row("gOF2f", **{"Gross Sales": "$1,008.00", "Net Sales": "$1,008.00", "SKU": "0042"}),
        square_row("kilo1", **{"Qty": "0.375", "Gross Sales": "$3.75", "Net Sales": "$3.75", "Category": "Tea"}),
    ]
    outcome = loaded(warehouse, "square", rows)
    assert values(outcome, "quantity", "unit_price", "discount", "amount") == [
        money("1", "7", "1.82", "5.18"),
        money("1", "1008", "0", "1008"),
        money("0.375", "10", "0", "3.75"),
    ]
    assert values(outcome, "product_id", "customer_id", "store", "category") == [
        ("Lemon Dream", "ZWX3", "Main", None),
        ("0042", None, "Main", None),
        ("Lemon Dream", None, "Main", "Tea"),
    ]
    assert outcome.column("order_ts") == [datetime(2026, 7, 11, 11, 46, 9)] * 3


@pytest.mark.parametrize("amount", ["-$9.00", "($9.00)", "$-9.00", "$9.00-", "\u2212$9.00"])
def test_square_refunds_have_negative_quantities_and_a_price_above_zero(warehouse: Warehouse, amount: str) -> None:
    row = square_row(
        "I2Xck", **{"Qty": "-1.0", "Gross Sales": amount, "Net Sales": amount, "Event Type": "Refund", "Count": -1}
    )
    outcome = loaded(warehouse, "square", [row])
    assert values(outcome, "quantity", "unit_price", "amount", "status") == [(*money("-1", "9", "-9"), "Refund")]


@pytest.mark.parametrize(
    ("date", "time"),
    [("07/11/26", "11:46:09"), ("07/11/2026", "11:46:09"), ("7/11/26", "11:46"), ("2026-07-11", "11:46")],
)
def test_square_dates_of_older_files_put_the_month_first(warehouse: Warehouse, date: str, time: str) -> None:
    outcome = loaded(warehouse, "square", [square_row("1", Date=date, Time=time)])
    assert str(outcome.column("order_ts")[0])[:16] == "2026-07-11 11:46"


def test_square_prices_that_include_tax_are_read_from_product_sales(warehouse: Warehouse) -> None:
    text = export("square", [square_row("1", **{"Gross Sales": "\u00a312.00", "Net Sales": "\u00a310.00"})])
    text = text.replace("Modifiers Applied,Gross Sales", "Modifiers Applied,Product Sales").replace(
        "Net Sales,Tax", "Net Sales,Gross Sales"
    )
    text = text.replace("\u00a312.00", "\u00a310.00").replace("$0.40", "\u00a312.00")
    assert values(load(warehouse, text), "unit_price", "amount") == [money("10", "10")]


def test_square_headers_of_2017_are_known(warehouse: Warehouse) -> None:
    later = [
        "Unit",
        "Count",
        "GTIN",
        "Itemization Type",
        "Commission",
        "Employee",
        "Fulfillment Note",
        "Channel",
        "Token",
        "Card Brand",
        "PAN Suffix",
    ]
    assert loaded(warehouse, "square", [square_row("1")], leave_out=later).rows_read == 1


# Numbers that cannot be held

TOO_MUCH = "99999999999999"


@pytest.mark.parametrize(
    ("kind", "rows", "reason"),
    [
        (
            "amazon_all_orders",
            [amazon_row("1"), amazon_row("2", **{"quantity": "0.0001", "item-price": "99999999999"})],
            "item-price makes a unit_price that is not a number up to 100,000,000,000",
        ),
        (
            "amazon_all_orders",
            [amazon_row("1"), amazon_row("2", **{"item-price": f"-{TOO_MUCH}", "item-promotion-discount": TOO_MUCH})],
            f"item-price '-{TOO_MUCH}' is not a number up to 100,000,000,000",
        ),
        (
            "square",
            [square_row("1"), square_row("2", **{"Qty": "0.0001", "Gross Sales": "$99,999,999,999.00"})],
            "Gross Sales makes a unit_price that is not a number up to 100,000,000,000",
        ),
        (
            "woocommerce",
            [woocommerce_order(1, TV), woocommerce_order(2, woocommerce_item("Cup", 9, 1, f"-{TOO_MUCH}", TOO_MUCH))],
            f"total '-{TOO_MUCH}' is not a number up to 100,000,000,000",
        ),
        (
            "woocommerce",
            [woocommerce_order(1, TV), woocommerce_order(2, TV, refund_items=f"amount:{'9' * 30}|reason:")],
            "refund_items '1e+30' is not a number up to 100,000,000,000",
        ),
        (
            "woocommerce",
            [woocommerce_order(1, TV), woocommerce_order(2, TV, refund_items=f"amount:{'9' * 500}|reason:")],
            "refund_items 'inf' is not a number up to 100,000,000,000",
        ),
    ],
)
def test_a_line_whose_amounts_are_too_large_is_rejected_and_holds_up_no_other(
    warehouse: Warehouse, kind: str, rows: list[Row], reason: str
) -> None:
    outcome = loaded(warehouse, kind, rows)
    assert list(outcome.rows) == [2]
    assert outcome.reasons() == {3: reason}


# What is refused


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        (
            "Date,Order #,N. Revenue (formatted),Status,Customer,Product(s),Items sold,Coupon(s),Net Sales",
            "WebToffee",
        ),
        ("Sale Date,Order ID,Buyer User ID,Full Name,First Name,Last Name,Number of Items", "EtsySoldOrderItems.csv"),
        ("order-id\torder-item-id\tpurchase-date\tbuyer-email\tsku\tquantity-to-ship", "All Orders"),
    ],
)
def test_exports_without_lines_are_refused_and_point_to_those_with(
    warehouse: Warehouse, header: str, advice: str
) -> None:
    refusal = load(warehouse, f"{header}\n").refusal
    assert refusal is not None
    assert advice in refusal


# Who it was


NAMED = {
    "shopify": ("Email", "Billing Name", "Shipping Name", "Billing Address1", "Notes", "Note Attributes", "Phone"),
    "woocommerce": ("customer_email", "billing_email", "billing_first_name", "shipping_last_name", "customer_note"),
    "etsy": ("Buyer", "Ship Name", "Ship Address1", "Variations"),
    "amazon_all_orders": ("ship-city", "purchase-order-number", "cpf"),
    "amazon_new_orders": ("buyer-email", "buyer-name", "recipient-name", "ship-address-1", "delivery-Instructions"),
    "square": ("Customer Name", "Customer Reference ID", "Device Name", "Notes"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_can_be_told_from_what_is_rejected(warehouse: Warehouse, kind: str) -> None:
    bad = {name: f"Jane Example {name} jane@mail.example" for name in NAMED[kind]}
    outcome = load(warehouse, export(kind, [bad, bad]) + "broken, line of Jane Example\n", suffix_of(kind))
    assert outcome.rows == {}
    assert len(outcome.rejects) == outcome.rows_read == 3
    for reason, raw in outcome.rejects.values():
        assert "jane" not in f"{reason} {raw}".lower()


def test_who_it_was_is_kept_where_the_settings_say_so(warehouse: Warehouse) -> None:
    settings = Settings(privacy={"customer_ids": "keep"})  # type: ignore[arg-type]
    there = Warehouse(warehouse.connection, warehouse.home, settings, "run")
    rows = shopify_order("#1", TWO_LINES[:1], Email="Ada@Example.com")
    outcome = loaded(there, "shopify", [*rows, {"Name": "#2", "Email": "bo@example.com"}])
    assert outcome.column("customer_id") == ["ada@example.com"]
    assert "bo@example.com" in outcome.rejects[3][1]


def test_the_key_is_for_its_owners_eyes_and_the_hash_is_that_of_the_standard(warehouse: Warehouse) -> None:
    outcome = loaded(warehouse, "shopify", shopify_order("#1", TWO_LINES[:1], Email="ada@example.com"))
    path = warehouse.home.privacy_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = bytes.fromhex(path.read_text())
    expected = hmac.new(key, b"ada@example.com", hashlib.sha256).hexdigest()[:32]
    assert outcome.column("customer_id") == [expected]


def test_a_damaged_key_is_named_and_not_replaced(home: Home) -> None:
    home.privacy_key.write_text("nonsense\n")
    with pytest.raises(SettingsError, match=r"privacy\.key holds no key"):
        read_key(home)
    assert home.privacy_key.read_text() == "nonsense\n"


def test_addresses_are_hashed_in_any_format_and_other_ids_are_not(warehouse: Warehouse) -> None:
    outcome = load(warehouse, text(line(1, customer_id="Ada@Example.com"), line(2, customer_id="C-17")))
    assert outcome.column("customer_id") == [hashed(warehouse, "ada@example.com"), "C-17"]
