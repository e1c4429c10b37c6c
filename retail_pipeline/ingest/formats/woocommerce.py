"""WooCommerce orders as the WebToffee plug-in exports them: a row an order, its lines packed into numbered columns.

A line's totals are without tax, before (sub_total) and after (total) coupons; ``refunded`` is what was given back of
it. ``refund_items`` says when, and also holds what was given back for no line in particular, with tax.
"""

import re

from retail_pipeline.ingest.formats.base import POINT_MONEY, Format, LineRules, Made, Packed

USER = r"^[1-9]\d*$"

WOOCOMMERCE = Format(
    name="woocommerce",
    title="WooCommerce orders by the WebToffee export plug-in",
    required={"order_id": "order_id", "order_ts": "order_date", "order_status": "status"},
    optional={
        "currency": "order_currency",
        "customer": "customer_id",
        "wordpress_user": "customer_user",
        "email": "customer_email",
        "billing_email": "billing_email",
        "shipping_country": "shipping_country",
        "billing_country": "billing_country",
        "refund_items": "refund_items",
        "utm_source": "meta:_wc_order_attribution_utm_source",
        "source_type": "meta:_wc_order_attribution_source_type",
    },
    packed=Packed(
        header=re.compile(r"line_item_(\d+)"),
        parts=(
            "name",
            "product_id",
            "sku",
            "quantity",
            "total",
            "sub_total",
            "tax",
            "tax_data",
            "meta",
            "refunded",
            "_variation_id",
        ),
        columns={
            "product_name": "name",
            "item_product": "product_id",
            "sku": "sku",
            "quantity": "quantity",
            "total": "total",
            "sub_total": "sub_total",
            "refunded": "refunded",
        },
    ),
    numbers=("total", "sub_total"),
    made={
        "customer_id": Made(
            f"case when regexp_matches(customer, '{USER}') then customer "
            f"when regexp_matches(wordpress_user, '{USER}') then wordpress_user "
            "else lower(trim(coalesce(nullif(email, ''), ltrim(billing_email, '''')))) end",
            "customer_id",
        ),
        "product_id": Made("coalesce(nullif(trim(sku), ''), item_product)", "line_item: sku or product_id"),
        "status": Made("regexp_replace(order_status, '^wc-', '')", "status"),
        "country": Made("coalesce(nullif(shipping_country, ''), billing_country)", "shipping_country"),
        "channel": Made("coalesce(nullif(utm_source, ''), source_type)", "meta:_wc_order_attribution_utm_source"),
        "order_refunded": Made(
            r"case when source_part = 1 then round(list_sum(list_transform("
            r"regexp_extract_all(refund_items, '(?:^|;)amount:(\d+(?:\.\d+)?)', 1), "
            r"lambda x: coalesce(try_cast(x as double), 'inf'::double))), 4)::varchar end",
            "refund_items",
        ),
        "refunded_ts": Made(
            r"list_max(regexp_extract_all(refund_items, '\|date:(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})', 1))",
            "refund_items",
        ),
    },
    worked_out={
        "unit_price": Made(
            "case when quantity = 0 then coalesce(sub_total, total, 0) "
            "else round(coalesce(sub_total, total) / quantity, 4) end",
            "line_item: sub_total",
        ),
        "discount": Made("cast(sub_total as decimal(19, 4)) - total", "line_item: total"),
        "amount": Made("total", "line_item: total"),
    },
    number_style=POINT_MONEY,
    personal_headers=re.compile(
        r"^(customer_(ip_address|user_agent|email|note)|order_notes|refund_items|transaction_id|order_key"
        r"|(billing|shipping)_(?!country|total|tax_total|method|items).*"
        r"|meta:_wc_order_attribution_(user_agent|referrer|session_entry))$"
    ),
    rules=LineRules(
        void_statuses=("pending", "failed", "cancelled", "checkout-draft", "auto-draft", "trash"),
        refunded_statuses=("refunded",),
        same_order="replace",
    ),
)
