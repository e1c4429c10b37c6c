"""Square's item details csv: a row a line; refunds have a negative quantity and a transaction of their own.

Gross sales are a line's total before discounts, which are negative numbers; net sales are the sum of the two. Where
prices include tax, the column Product Sales holds what elsewhere is called Gross Sales.
"""

import re

from retail_pipeline.ingest.formats.base import POINT_MONEY, Format, LineRules, Made

DATE_AND_TIME = tuple(
    (rf"^\d{{1,2}}/\d{{1,2}}/{year} \d{{1,2}}:\d{{2}}{second}$", f"%m/%d/{year_format} %H:%M{second_format}")
    for year, year_format in ((r"[1-9]\d{3}", "%Y"), (r"\d{2}", "%y"))
    for second, second_format in ((r":\d{2}", ":%S"), ("", ""))
)

SQUARE = Format(
    name="square",
    title="Square item details",
    required={
        "order_id": "Transaction ID",
        "date": "Date",
        "time": "Time",
        "item": "Item",
        "quantity": "Qty",
        "gross": ("Product Sales", "Gross Sales"),
        "discounts": "Discounts",
        "net": "Net Sales",
    },
    optional={
        "sku": "SKU",
        "price_point": "Price Point Name",
        "category_name": "Category",
        "status": "Event Type",
        "customer_id": "Customer ID",
        "channel": "Channel",
        "store": "Location",
    },
    numbers=("gross", "discounts", "net"),
    made={
        "order_ts": Made("concat_ws(' ', trim(date), trim(time))", "Date, Time"),
        # refunds do not tell the price point, so it is no part of the product's id
        "product_id": Made("coalesce(nullif(trim(sku), ''), trim(item))", "SKU or Item"),
        "product_name": Made("trim(item)", "Item"),
        "category": Made("nullif(trim(category_name), 'None')", "Category"),
    },
    worked_out={
        "unit_price": Made("case when quantity = 0 then gross else round(gross / quantity, 4) end", "Gross Sales"),
        "discount": Made("-discounts", "Discounts"),
        "amount": Made("net", "Net Sales"),
    },
    number_style=POINT_MONEY,
    timestamp_patterns=DATE_AND_TIME,
    timestamp_example="2026-05-31 17:45:00",
    personal_headers=re.compile(
        r"^(customer (name|reference id)|pan suffix|card brand|employee|device name|notes|fulfillment note|details)$"
    ),
    rules=LineRules(same_order="replace"),
)
