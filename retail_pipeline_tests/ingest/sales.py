"""The same sales as the exports of each format: what is written, and what of it must be found in ``raw``."""

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from retail_pipeline.ingest.formats.online_retail import ONLINE_RETAIL, ONLINE_RETAIL_II
from retail_pipeline_tests.ingest.exports import KINDS, Row, shopify_line, shopify_order, woocommerce_item
from retail_pipeline_tests.stores import CANONICAL_HEADER

TILL = """
[[formats]]
name = "till"
dates = ["%d.%m.%Y %H:%M:%S"]
decimal = ","
personal_ids = true

[formats.columns]
order_id = ["Filiale", "Bon"]
order_ts = ["Datum", "Uhrzeit"]
product_id = "Artikelnr"
product_name = "Artikel"
quantity = "Menge"
unit_price = "Preis"
customer_id = "Kunde"
country = "Land"
"""
"""A shop's own format, for ``retail.toml``."""

WITH_PERSONAL_IDS = ("shopify", "etsy", "amazon_new_orders", "till")


@dataclass(frozen=True)
class Sale:
    """A line of an order; orders have one time, customer and country."""

    order: str
    time: datetime
    customer: str
    product: str
    name: str
    quantity: int
    price: Decimal
    country: str = "UK"


@dataclass(frozen=True)
class Sheet:
    """A table of text: the header and the rows below it."""

    header: list[str]
    rows: list[list[str]]

    def as_csv(self, delimiter: str = ",", line_end: str = "\n", *, is_quoted: bool = True) -> str:
        """Its delimited text; without quotes, no cell may hold a delimiter or a line break."""
        text = io.StringIO()
        if is_quoted:
            writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
            writer.writerow(self.header)
            writer.writerows(self.rows)
        else:
            text.writelines(delimiter.join(row) + line_end for row in (self.header, *self.rows))
        return text.getvalue()


@dataclass(frozen=True)
class Kind:
    """How sales are written in a format: ``replaces`` says that orders which come again replace what they were."""

    name: str
    sheet: Callable[[Sequence[Sale]], Sheet]
    replaces: bool = False
    delimiter: str = ","
    is_quoted: bool = True
    suffix: str = ".csv"

    def text(self, sales: Sequence[Sale]) -> str:
        """The export as its store writes it."""
        return self.sheet(sales).as_csv(self.delimiter, is_quoted=self.is_quoted)


def in_raw(kind: str, sale: Sale, hashed: Callable[[str], str]) -> Mapping[str, object]:
    """What ``raw.transactions`` must hold of a line.

    Parameters
    ----------
    hashed
        The pseudonym of a customer id that tells who it is.
    """
    customer: str | None = sale.customer or None
    if kind == "amazon_all_orders":
        customer = None
    elif customer and (kind in WITH_PERSONAL_IDS or "@" in customer):
        customer = hashed(customer)
    return {
        "order_id": f"12-{sale.order}" if kind == "till" else sale.order,
        "order_ts": sale.time.replace(hour=0, minute=0, second=0) if kind == "etsy" else sale.time,
        "customer_id": customer,
        "product_id": sale.product,
        "product_name": (sale.name.strip(" ") if kind == "square" else sale.name) or None,
        "quantity": Decimal(sale.quantity),
        "unit_price": sale.price,
        "country": None if kind == "square" else sale.country,
    }


def _lines(header: str, time_format: str) -> Callable[[Sequence[Sale]], Sheet]:
    """A sheet with a row a line, its columns in the order of the canonical format's."""

    def sheet(sales: Sequence[Sale]) -> Sheet:
        return Sheet(
            header.split(","),
            [
                [
                    sale.order, sale.time.strftime(time_format), sale.customer, sale.product, sale.name,
                    str(sale.quantity), str(sale.price), sale.country,
                ]
                for sale in sales
            ],
        )  # fmt: skip

    return sheet


def _online_retail(format_: Mapping[str, object], time_format: str) -> Callable[[Sequence[Sale]], Sheet]:
    return _lines(",".join(str(format_[name]) for name in CANONICAL_HEADER.split(",")), time_format)


def _in_columns(kind: str, rows: Callable[[Sequence[Sale]], Sequence[Row]]) -> Callable[[Sequence[Sale]], Sheet]:
    """A sheet with the columns of a store's export."""

    def sheet(sales: Sequence[Sale]) -> Sheet:
        header = KINDS[kind].header.split(",")
        return Sheet(header, [[str(row.get(name, "")) for name in header] for row in rows(sales)])

    return sheet


def _orders(sales: Sequence[Sale]) -> list[list[Sale]]:
    return [list(lines) for _, lines in groupby(sales, attrgetter("order"))]


def _shopify(sales: Sequence[Sale]) -> list[Row]:
    return [
        row
        for lines in _orders(sales)
        for row in shopify_order(
            lines[0].order,
            [shopify_line(line.name, line.quantity, str(line.price), line.product) for line in lines],
            created=f"{lines[0].time:%Y-%m-%d %H:%M:%S} +0100",
            Email=lines[0].customer,
            **{"Shipping Country": lines[0].country},
        )
    ]


def _woocommerce(sales: Sequence[Sale]) -> list[Row]:
    """Orders of up to three lines, as many as there are columns for them."""
    return [
        {
            "order_id": lines[0].order, "order_date": f"{lines[0].time:%Y-%m-%d %H:%M:%S}", "status": "completed",
            "customer_id": lines[0].customer if lines[0].customer.isdigit() else 0, "order_currency": "USD",
            "customer_email": lines[0].customer,
            "shipping_country": lines[0].country,
        }
        | {
            f"line_item_{number}": woocommerce_item(
                line.name, 7, line.quantity, str(line.price * line.quantity), str(line.price * line.quantity),
                line.product,
            )
            for number, line in enumerate(lines, start=1)
        }
        for lines in _orders(sales)
    ]  # fmt: skip


def _etsy(sales: Sequence[Sale]) -> list[Row]:
    return [
        {
            "Sale Date": f"{sale.time:%m/%d/%y}", "Item Name": _with_entities(sale.name), "Quantity": sale.quantity,
            "Buyer": f"Jane Example ({sale.customer})" if sale.customer else "", "Price": sale.price,
            "Discount Amount": "0", "Currency": "USD", "Transaction ID": number, "Listing ID": "4347340001",
            "Ship Country": sale.country, "Order ID": sale.order, "Order Type": "online", "SKU": sale.product,
        }
        for number, sale in enumerate(sales)
    ]  # fmt: skip


def _with_entities(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;")


def _amazon_all(sales: Sequence[Sale]) -> list[Row]:
    return [
        {
            "amazon-order-id": sale.order, "purchase-date": f"{sale.time:%Y-%m-%dT%H:%M:%S}+00:00",
            "order-status": "Shipped", "product-name": sale.name, "sku": sale.product, "item-status": "Shipped",
            "quantity": sale.quantity, "currency": "USD", "item-price": sale.price * sale.quantity,
            "ship-country": sale.country,
        }
        for sale in sales
    ]  # fmt: skip


def _amazon_new(sales: Sequence[Sale]) -> list[Row]:
    return [
        {
            "order-id": sale.order, "order-item-id": number, "purchase-date": f"{sale.time:%Y-%m-%dT%H:%M:%S}Z",
            "product-name": sale.name, "sku": sale.product, "quantity-purchased": sale.quantity, "currency": "USD",
            "item-price": sale.price * sale.quantity, "buyer-email": sale.customer, "ship-country": sale.country,
        }
        for number, sale in enumerate(sales)
    ]  # fmt: skip


def _square(sales: Sequence[Sale]) -> list[Row]:
    return [
        {
            "Date": f"{sale.time:%Y-%m-%d}", "Time": f"{sale.time:%H:%M:%S}", "Category": "None", "Item": sale.name,
            "Qty": f"{sale.quantity}.0", "SKU": sale.product, "Gross Sales": f"${sale.price * sale.quantity:,}",
            "Discounts": "$0.00", "Net Sales": f"${sale.price * sale.quantity:,}", "Transaction ID": sale.order,
            "Event Type": "Payment", "Location": "Main", "Customer ID": sale.customer,
        }
        for sale in sales
    ]  # fmt: skip


def _till(sales: Sequence[Sale]) -> Sheet:
    return Sheet(
        ["Filiale", "Bon", "Datum", "Uhrzeit", "Artikelnr", "Artikel", "Menge", "Preis", "Kunde", "Land"],
        [
            [
                "12", sale.order, f"{sale.time:%d.%m.%Y}", f"{sale.time:%H:%M:%S}", sale.product, sale.name,
                str(sale.quantity), f"{sale.price:,}".translate(str.maketrans(",.", ".,")), sale.customer, sale.country,
            ]
            for sale in sales
        ],
    )  # fmt: skip


SALES_KINDS = {
    kind.name: kind
    for kind in (
        Kind("canonical", _lines(CANONICAL_HEADER, "%Y-%m-%d %H:%M:%S")),
        Kind("online_retail", _online_retail(ONLINE_RETAIL.required, "%m/%d/%Y %H:%M:%S")),
        Kind("online_retail_ii", _online_retail(ONLINE_RETAIL_II.required, "%Y-%m-%d %H:%M:%S")),
        Kind("shopify", _in_columns("shopify", _shopify), replaces=True),
        Kind("woocommerce", _in_columns("woocommerce", _woocommerce), replaces=True),
        Kind("etsy", _in_columns("etsy", _etsy), replaces=True),
        Kind("amazon_all_orders", _in_columns("amazon_all_orders", _amazon_all), True, "\t", False, ".txt"),
        Kind("amazon_new_orders", _in_columns("amazon_new_orders", _amazon_new), True, "\t", False, ".txt"),
        Kind("square", _in_columns("square", _square), replaces=True),
        Kind("till", _till, delimiter=";"),
    )
}
"""All formats that hold sales, by name."""
