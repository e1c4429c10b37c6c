"""Etsy's EtsySoldOrderItems.csv: a row a line; the order's discount stands on the first of them."""

import re

from retail_pipeline.ingest.formats.base import POINT_MONEY, Format, LineRules, Made

US_DATES = (
    (r"^\d{1,2}/\d{1,2}/[1-9]\d{3}$", "%m/%d/%Y"),
    (r"^\d{1,2}/\d{1,2}/\d{2}$", "%m/%d/%y"),
)


def unescaped(text: str) -> str:
    """SQL for a text in which the HTML entities that Etsy writes are characters."""
    for entity, character in (("&quot;", '"'), ("&#39;", "''"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = f"replace({text}, '{entity}', '{character}')"
    return text


ETSY = Format(
    name="etsy",
    title="Etsy sold order items",
    required={
        "order_id": "Order ID",
        "order_ts": "Sale Date",
        "item_name": "Item Name",
        "quantity": "Quantity",
        "unit_price": "Price",
        "transaction_id": "Transaction ID",
    },
    optional={
        "buyer": "Buyer",
        "order_discount": "Discount Amount",
        "currency": "Currency",
        "country": ("Ship Country", "Delivery Country"),
        "listing_id": "Listing ID",
        "sku": "SKU",
        "channel": "Order Type",
    },
    made={
        "customer_id": Made(r"lower(trim(regexp_replace(buyer, '^.*\(([^()]+)\)\s*$', '\1')))", "Buyer"),
        "product_id": Made(
            f"coalesce(nullif(trim(sku), ''), nullif(trim(listing_id), ''), {unescaped('item_name')})",
            "SKU, Listing ID or Item Name",
        ),
        "product_name": Made(unescaped("item_name"), "Item Name"),
    },
    number_style=POINT_MONEY,
    timestamp_patterns=US_DATES,
    timestamp_example="05/31/26",
    has_personal_ids=True,
    personal_headers=re.compile(
        r"^(buyer|coupon code|coupon details|variations|inperson location|(ship|delivery) (?!country).*)$"
    ),
    rules=LineRules(same_order="replace"),
)
