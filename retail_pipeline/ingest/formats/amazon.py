"""Amazon's order reports, separated by tabs and without quotes: all orders (no buyer), and new orders (with one).

``item-price`` is the line's total before promotions. Timestamps have an offset from UTC. Cancelled lines have no price;
'Non-Amazon' orders are those of other shops that Amazon only ships.
"""

import re

from retail_pipeline.ingest.formats.base import POINT_MONEY, Format, LineRules, Made

WORKED_OUT = {
    "unit_price": Made(
        "case when quantity = 0 then coalesce(item_price, 0) "
        "when lower(status) in ('cancelled', 'non-amazon') then coalesce(round(item_price / quantity, 4), 0) "
        "else round(item_price / quantity, 4) end",
        "item-price",
    ),
    "discount": Made("abs(promotion)", "item-promotion-discount"),
    "amount": Made("cast(coalesce(item_price, 0) as decimal(19, 4)) - coalesce(abs(promotion), 0)", "item-price"),
}

AMAZON_ALL_ORDERS = Format(
    name="amazon_all_orders",
    title="Amazon all orders report",
    required={
        "order_id": "amazon-order-id",
        "order_ts": "purchase-date",
        "order_status": "order-status",
        "product_id": "sku",
        "product_name": "product-name",
        "quantity": "quantity",
        "item_price": "item-price",
    },
    optional={
        "item_status": "item-status",
        "promotion": "item-promotion-discount",
        "currency": "currency",
        "channel": "sales-channel",
        "country": "ship-country",
    },
    numbers=("item_price", "promotion"),
    made={
        "status": Made(
            "case when lower(channel) = 'non-amazon' then 'Non-Amazon' "
            "when lower(item_status) = 'cancelled' then item_status else order_status end",
            "order-status",
        )
    },
    worked_out=WORKED_OUT,
    has_no_quotes=True,
    number_style=POINT_MONEY,
    timestamp_example="2026-05-31T17:45:00+00:00",
    has_offsets=True,
    personal_headers=re.compile(
        r"^(ship-(city|state|postal-code)|cpf|buyer-.*|purchase-order-number|customized-(url|page)|merchant-order-id)$"
    ),
    rules=LineRules(void_statuses=("cancelled", "non-amazon"), same_order="replace"),
)

AMAZON_NEW_ORDERS = Format(
    name="amazon_new_orders",
    title="Amazon new orders report",
    required={
        "order_id": "order-id",
        "order_item_id": "order-item-id",
        "order_ts": "purchase-date",
        "product_id": "sku",
        "product_name": "product-name",
        "quantity": "quantity-purchased",
        "item_price": "item-price",
    },
    optional={
        "email": "buyer-email",
        "promotion": "item-promotion-discount",
        "currency": "currency",
        "channel": "sales-channel",
        "country": "ship-country",
    },
    numbers=("item_price", "promotion"),
    made={"customer_id": Made("lower(trim(email))", "buyer-email")},
    worked_out=WORKED_OUT,
    has_no_quotes=True,
    number_style=POINT_MONEY,
    timestamp_example="2026-05-31T17:45:00-08:00",
    has_offsets=True,
    has_personal_ids=True,
    personal_headers=re.compile(
        r"^(buyer-.*|recipient-name|ship-(address-\d|city|state|postal-code|phone-number)|bill-(?!country).*"
        r"|delivery-instructions|purchase-order-number|cpf|customized-(url|page))$"
    ),
    rules=LineRules(same_order="replace"),
)
