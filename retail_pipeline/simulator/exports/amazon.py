"""The shop in the manner of Amazon's order reports, separated by tabs and without quotes.

The report of all orders tells what became of them as far as Amazon says it: cancelled lines have quantity 0 and no
price. It knows no buyers and no returns; a cancelled order is written again. That of new orders knows sales only, and
no discounts, so its prices are net of them: they are a line's total, which needs no rounding. The buyer of customer
C00000012 is c00000012@example.com; guests have no address. No line is repeated in a file: the pipeline takes the rows
of an order in a file for its lines.
"""

from retail_pipeline.simulator.exports.base import Cells, Export

ALL_HEADER = (
    "amazon-order-id,merchant-order-id,purchase-date,last-updated-date,order-status,fulfillment-channel,sales-channel,"
    "order-channel,ship-service-level,product-name,sku,asin,item-status,quantity,currency,item-price,item-tax,"
    "shipping-price,shipping-tax,gift-wrap-price,gift-wrap-tax,item-promotion-discount,ship-promotion-discount,"
    "ship-city,ship-state,ship-postal-code,ship-country,promotion-ids ,cpf,is-business-order,purchase-order-number,"
    "price-designation,signature-confirmation-recommended"
)
NEW_HEADER = (
    "order-id,order-item-id,purchase-date,payments-date,buyer-email,buyer-name,buyer-phone-number,sku,product-name,"
    "quantity-purchased,currency,item-price,item-tax,shipping-price,shipping-tax,ship-service-level,recipient-name,"
    "ship-address-1,ship-address-2,ship-address-3,ship-city,ship-state,ship-postal-code,ship-country,"
    "ship-phone-number,delivery-start-date,delivery-end-date,delivery-time-zone,delivery-Instructions,sales-channel"
)
SITE = """
    case country when 'GB' then 'Amazon.co.uk' when 'DE' then 'Amazon.de' when 'FR' then 'Amazon.fr'
        when 'NL' then 'Amazon.nl' when 'IT' then 'Amazon.it' when 'ES' then 'Amazon.es' else 'Amazon.com' end
"""


def timestamp(moment: str) -> str:
    """SQL for a point in time as Amazon writes it, in UTC."""
    return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S+00:00')"


def unless_cancelled(sql: str, otherwise: str = "null") -> str:
    """SQL for what a line says if its order stands."""
    return f"case when cancelled_ts is null then {sql} else {otherwise} end"


AMAZON_ALL_ORDERS = Export(
    name="amazon_all_orders",
    header=tuple(ALL_HEADER.split(",")),
    columns={
        "amazon-order-id": "order_id",
        "merchant-order-id": "order_id",
        "purchase-date": timestamp("ts"),
        "last-updated-date": timestamp("coalesce(cancelled_ts, ts)"),
        "order-status": unless_cancelled("'Shipped'", "'Cancelled'"),
        "fulfillment-channel": "'Merchant'",
        "sales-channel": SITE,
        "ship-service-level": "'Standard'",
        "product-name": "product_name",
        "sku": "product_id",
        "asin": "'B0' || lpad(product_number, 8, '0')",
        "item-status": unless_cancelled("'Shipped'", "'Cancelled'"),
        "quantity": unless_cancelled("units", "0"),
        "currency": "currency",
        "item-price": unless_cancelled("gross"),
        "item-tax": unless_cancelled("'0.0'"),
        "item-promotion-discount": unless_cancelled("nullif(discount, 0)"),
        "ship-country": "country",
        "is-business-order": "'false'",
        "signature-confirmation-recommended": "'false'",
    },
    cells=Cells(order="amazon-order-id", date="purchase-date", units="quantity", price="item-price"),
    kinds=("sale", "cancellation"),
    tells="states",
    knows_orders=True,
    delimiter="\t",
    is_quoted=False,
    line_end="\r\n",
    mark="\ufeff",
    prefix="all-orders",
    suffix=".txt",
)

AMAZON_NEW_ORDERS = Export(
    name="amazon_new_orders",
    header=tuple(NEW_HEADER.split(",")),
    columns={
        "order-id": "order_id",
        "order-item-id": "replace(placed_id, '-', '') || format('{:03d}', line_no)",
        "purchase-date": timestamp("ts"),
        "payments-date": timestamp("ts"),
        "buyer-email": "lower(customer_id) || '@example.com'",
        "sku": "product_id",
        "product-name": "product_name",
        "quantity-purchased": "units",
        "currency": "currency",
        "item-price": "net",
        "item-tax": "'0.0'",
        "shipping-price": "'0.0'",
        "shipping-tax": "'0.0'",
        "ship-service-level": "'Standard'",
        "ship-country": "country",
        "sales-channel": SITE,
    },
    cells=Cells(order="order-id", date="purchase-date", units="quantity-purchased", price="item-price"),
    kinds=("sale",),
    delimiter="\t",
    is_quoted=False,
    line_end="\r\n",
    prefix="new-orders",
    suffix=".txt",
)
