"""Shopify's orders_export.csv: a row a line, the order's own values on its first row only.

Money of the order (discount codes, refunds) stays on that row; core spreads it over the order's lines. The subtotal is
what the lines come to after all discounts, so it tells how much an order's codes took off its lines (a code for
free shipping takes nothing off them).
"""

import re

from retail_pipeline.ingest.formats.base import POINT_MONEY, Format, LineRules, Made

OFFSET = r" ?(UTC|[+-]\d{2}:?\d{2})$"

SHOPIFY = Format(
    name="shopify",
    title="Shopify orders export",
    required={
        "order_id": "Name",
        "created_at": "Created at",
        "financial_status": "Financial Status",
        "quantity": "Lineitem quantity",
        "product_name": "Lineitem name",
        "unit_price": "Lineitem price",
    },
    optional={
        "email": "Email",
        "phone": "Phone",
        "billing_name": "Billing Name",
        "currency": "Currency",
        "order_subtotal": "Subtotal",
        "order_discount": "Discount Amount",
        "order_refunded": "Refunded Amount",
        "discount": "Lineitem discount",
        "sku": "Lineitem sku",
        "shipping_country": "Shipping Country",
        "billing_country": "Billing Country",
        "cancelled_at": ("Cancelled at", "Canceled at"),
        "channel": "Source",
        "store": "Location",
        "payment_method": "Payment Method",
    },
    order_columns=(
        "created_at",
        "financial_status",
        "email",
        "phone",
        "billing_name",
        "currency",
        "shipping_country",
        "billing_country",
        "cancelled_at",
        "channel",
        "store",
        "payment_method",
    ),
    made={
        # the store's own time; the offset only says how far from UTC that was on the day
        "order_ts": Made(f"regexp_replace(created_at, '{OFFSET}', '')", "Created at"),
        "cancelled_ts": Made(f"regexp_replace(cancelled_at, '{OFFSET}', '')", "Cancelled at"),
        "customer_id": Made(
            "coalesce(nullif(lower(trim(email)), ''), nullif(ltrim(trim(phone), ''''), ''), "
            "nullif(lower(trim(billing_name)), ''))",
            "Email",
        ),
        "product_id": Made("coalesce(nullif(trim(sku), ''), trim(product_name))", "Lineitem sku or Lineitem name"),
        "status": Made(
            "case when contains(payment_method, 'Bogus Gateway') then 'test order' else financial_status end",
            "Financial Status",
        ),
        "country": Made("coalesce(nullif(shipping_country, ''), billing_country)", "Shipping Country"),
    },
    number_style=POINT_MONEY,
    timestamp_example="2026-05-14 11:23:45 +0100",
    has_personal_ids=True,
    personal_headers=re.compile(
        r"^(email|phone|notes|note attributes|tags|employee|device id|payment (reference|id).*|receipt number"
        r"|(billing|shipping) (?!country|method).*)$"
    ),
    rules=LineRules(void_statuses=("test order", "voided", "expired"), charge_products=("TIP",), same_order="replace"),
)
