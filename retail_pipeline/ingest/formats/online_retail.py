"""The two UCI Online Retail sets, in the many copies that go around.

Source: D. Chen (2015), Online Retail, UCI Machine Learning Repository, https://doi.org/10.24432/C5BW33.
"""

from dataclasses import replace

from retail_pipeline.ingest.formats.base import Format, LineRules

US_TIMESTAMPS = (
    (r"^\d{1,2}/\d{1,2}/[1-9]\d{3} \d{1,2}:\d{2}$", "%m/%d/%Y %H:%M"),
    (r"^\d{1,2}/\d{1,2}/\d{2} \d{1,2}:\d{2}$", "%m/%d/%y %H:%M"),
    (r"^\d{1,2}/\d{1,2}/[1-9]\d{3} \d{1,2}:\d{2}:\d{2}$", "%m/%d/%Y %H:%M:%S"),
)

ONLINE_RETAIL = Format(
    name="online_retail",
    title="UCI Online Retail",
    required={
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "product_name": "Description",
        "quantity": "Quantity",
        "order_ts": "InvoiceDate",
        "unit_price": "UnitPrice",
        "customer_id": "CustomerID",
        "country": "Country",
    },
    timestamp_patterns=US_TIMESTAMPS,
    timestamp_example="12/31/2010 8:26",
    rules=LineRules(
        cancellation_order_prefix="C",
        adjustment_order_prefix="A",
        negative_quantity_type="adjustment",
        zero_price_type="adjustment",
        charge_products=("POST", "DOT", "D", "M", "C2", "CRUK", "PADS", "S", "B", "BANK CHARGES", "AMAZONFEE"),
        charge_product_prefixes=("GIFT_", "TEST"),
        upper_case_products=True,
    ),
)

ONLINE_RETAIL_II = replace(
    ONLINE_RETAIL,
    name="online_retail_ii",
    title="UCI Online Retail II",
    required={
        "order_id": "Invoice",
        "product_id": "StockCode",
        "product_name": "Description",
        "quantity": "Quantity",
        "order_ts": "InvoiceDate",
        "unit_price": "Price",
        "customer_id": "Customer ID",
        "country": "Country",
    },
)
