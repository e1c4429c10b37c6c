"""The shop in the manner of Square's item details.

Refunds are rows of their own transaction with negative quantities; a cancelled order is refunded as a whole. Test
orders and stock corrections are not in it. No line is repeated in a file: the pipeline takes the rows of a
transaction in a file for its lines, so the same row twice would be sold twice.
"""

from retail_pipeline.simulator.exports.base import Cells, Export

HEADER = (
    "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,Net Sales,Tax,"
    "Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,Customer ID,Customer Name,"
    "Customer Reference ID,Unit,Count,GTIN,Itemization Type,Commission,Employee,Fulfillment Note,Channel,Token,"
    "Card Brand,PAN Suffix"
)
SIGN = "case currency when 'GBP' then '£' when 'EUR' then '€' when 'USD' then '$' else currency || ' ' end"


def money(amount: str) -> str:
    """SQL for an amount as Square writes it: ``$1,008.00``, ``-$8.00``."""
    whole, pence = f"format('{{:,}}', trunc(abs({amount}))::bigint)", f"right(({amount})::decimal(18, 2)::varchar, 3)"
    return f"case when {amount} < 0 then '-' else '' end || {SIGN} || {whole} || {pence}"


SQUARE = Export(
    name="square",
    header=tuple(HEADER.split(",")),
    columns={
        "Date": "strftime(ts, '%Y-%m-%d')",
        "Time": "strftime(ts, '%H:%M:%S')",
        "Time Zone": "'London'",
        "Category": "category",
        "Item": "product_name",
        "Qty": "units || '.0'",
        "Price Point Name": "'Regular'",
        "SKU": "product_id",
        "Gross Sales": money("gross"),
        "Discounts": money("(-discount)"),
        "Net Sales": money("net"),
        "Tax": money("0.00"),
        "Transaction ID": "order_id",
        "Payment ID": "'P' || order_id",
        "Event Type": "case when kind = 'sale' then 'Payment' else 'Refund' end",
        "Customer ID": "customer_id",
        "Unit": "'ea'",
        "Count": "units",
        "Itemization Type": "'Physical Good'",
        "Channel": "channel",
    },
    cells=Cells(order="Transaction ID", date="Date", units="Qty", price="Gross Sales"),
    kinds=("sale", "return", "cancellation"),
    prefix="items",
)
