"""The shop in the manner of the two UCI Online Retail sets.

What comes back is an invoice with a C before the number of the one it undoes; a part of it says which line. Stock
corrections are invoices with a negative quantity, no price and no customer; test orders sell a TEST product. There is
no column for discounts, so prices are net: where a line's money does not divide by its units, one unit stands on a line
of its own at what is left (see :func:`retail_pipeline.simulator.exports.net_prices.with_net_prices`). Customer
C00000012 is 12.
"""

from dataclasses import replace

from retail_pipeline.simulator.exports.base import Cells, Export

INVOICE = """
    case when kind in ('return', 'cancellation') then 'C' else '' end
    || placed_id
    || case kind when 'return' then '-' || part when 'test' then '-T' when 'correction' then '-L' || part else '' end
"""
KNOWN = "case when customer_id is not null then customer + 1 end"

COLUMNS = {
    "InvoiceNo": INVOICE,
    "StockCode": "product_id",
    "Description": "product_name",
    "Quantity": "units",
    "InvoiceDate": "strftime(ts, '%-m/%-d/%Y %-H:%M')",
    "UnitPrice": "price",
    "CustomerID": KNOWN,
    "Country": "region",
}
ONLINE_RETAIL = Export(
    name="online_retail",
    header=tuple(COLUMNS),
    columns=COLUMNS,
    cells=Cells(order="InvoiceNo", date="InvoiceDate", units="Quantity", price="UnitPrice"),
    may_repeat=True,
    has_net_prices=True,
    folds_case=True,
    line_end="\r\n",
    encoding="latin-1",
    prefix="online-retail",
)

COLUMNS_II = {
    "Invoice": INVOICE,
    "StockCode": "product_id",
    "Description": "product_name",
    "Quantity": "units",
    "InvoiceDate": "ts",
    "Price": "price",
    "Customer ID": f"({KNOWN})::varchar || '.0'",
    "Country": "region",
}
ONLINE_RETAIL_II = replace(
    ONLINE_RETAIL,
    name="online_retail_ii",
    header=tuple(COLUMNS_II),
    columns=COLUMNS_II,
    cells=Cells(order="Invoice", date="InvoiceDate", units="Quantity", price="Price"),
    line_end="\n",
    encoding="utf-8",
    prefix="online-retail-ii",
)
