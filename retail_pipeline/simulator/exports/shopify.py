"""The shop in the manner of Shopify's orders export: a row a line, the order's own values on its first row.

An order stands in the file of its day, and again, changed, in those of later returns or of its cancellation. Returns
are money given back of the order; discounts are those of its lines, and the subtotal is what is left. Test orders are
paid through the gateway for tests. Customer C00000012 is c00000012@example.com; guests have no address. No line is
repeated in a file: the pipeline takes the rows of an order in a file for its lines.
"""

from retail_pipeline.simulator.exports.base import Cells, Export, on_first_row

HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,"
    "Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,"
    "Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,"
    "Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,"
    "Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,"
    "Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,"
    "Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
)
REFUNDED = "case when cancelled_ts is null then order_returned else order_amount end"


def with_offset(moment: str) -> str:
    """SQL for a point in store time with its offset from UTC, in summer that of British summer time."""
    turns = [
        f"make_date(year({moment}), {month}, 31) - dayofweek(make_date(year({moment}), {month}, 31))::integer"
        for month in (3, 10)
    ]
    is_summer = f"{moment}::date >= {turns[0]} and {moment}::date < {turns[1]}"
    return f"strftime({moment}, '%Y-%m-%d %H:%M:%S') || case when {is_summer} then ' +0100' else ' +0000' end"


SHOPIFY = Export(
    name="shopify",
    header=tuple(HEADER.split(",")),
    columns={
        "Name": "'#' || order_id",
        "Email": "lower(customer_id) || '@example.com'",
        "Created at": with_offset("ts"),
        **on_first_row(
            {
                "Financial Status": "case when cancelled_ts is not null "
                "or (order_returned > 0 and order_returned >= order_amount) then 'refunded' "
                "when order_returned > 0 then 'partially_refunded' else 'paid' end",
                "Paid at": with_offset("ts"),
                "Fulfillment Status": "case when cancelled_ts is null then 'fulfilled' else 'unfulfilled' end",
                "Accepts Marketing": "'no'",
                "Currency": "currency",
                "Subtotal": "order_amount",
                "Shipping": "'0.00'",
                "Taxes": "'0.00'",
                "Total": "order_amount",
                "Discount Amount": "order_discount",
                "Shipping Method": "'Standard'",
                "Billing Country": "country",
                "Shipping Country": "country",
                "Cancelled at": with_offset("cancelled_ts"),
                "Payment Method": "case when kind = 'test' then '(for testing) Bogus Gateway' "
                "else 'Shopify Payments' end",
                "Refunded Amount": REFUNDED,
                "Outstanding Balance": "'0.00'",
                "Id": "'5' || replace(placed_id, '-', '')",
                "Risk Level": "'Low'",
                "Source": "channel",
            }
        ),
        "Lineitem quantity": "units",
        "Lineitem name": "product_name",
        "Lineitem price": "price",
        "Lineitem sku": "product_id",
        "Lineitem requires shipping": "'true'",
        "Lineitem taxable": "'false'",
        "Lineitem fulfillment status": "case when cancelled_ts is null then 'fulfilled' else 'pending' end",
        "Lineitem discount": "discount",
    },
    cells=Cells(order="Name", date="Created at", units="Lineitem quantity", price="Lineitem price"),
    kinds=("sale", "return", "cancellation", "test"),
    tells="states",
    knows_orders=True,
    prefix="orders_export",
)
