"""Small exports in the exact headers and quirks of the stores they are said to come from; the persons are invented."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHOPIFY = (
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
WOOCOMMERCE = (
    "order_id,order_number,order_date,paid_date,status,shipping_total,shipping_tax_total,fee_total,fee_tax_total,"
    "tax_total,cart_discount,order_discount,discount_total,order_total,order_subtotal,order_key,order_currency,"
    "payment_method,payment_method_title,transaction_id,customer_ip_address,customer_user_agent,shipping_method,"
    "customer_id,customer_user,customer_email,billing_first_name,billing_last_name,billing_company,billing_email,"
    "billing_phone,billing_address_1,billing_address_2,billing_postcode,billing_city,billing_state,billing_country,"
    "shipping_first_name,shipping_last_name,shipping_company,shipping_phone,shipping_address_1,shipping_address_2,"
    "shipping_postcode,shipping_city,shipping_state,shipping_country,customer_note,wt_import_key,tax_items,"
    "shipping_items,fee_items,coupon_items,refund_items,order_notes,download_permissions,"
    "meta:_wc_order_attribution_source_type,meta:_wc_order_attribution_utm_source,line_item_1,line_item_2,line_item_3"
)
ETSY = (
    "Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Coupon Details,Discount Amount,Shipping Discount,"
    "Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,Listing ID,Date Paid,Date Shipped,Ship Name,"
    "Ship Address1,Ship Address2,Ship City,Ship State,Ship Zipcode,Ship Country,Order ID,Variations,Order Type,"
    "Listings Type,Payment Type,InPerson Discount,InPerson Location,VAT Paid by Buyer,SKU"
)
AMAZON_ALL = (
    "amazon-order-id,merchant-order-id,purchase-date,last-updated-date,order-status,fulfillment-channel,sales-channel,"
    "order-channel,ship-service-level,product-name,sku,asin,item-status,quantity,currency,item-price,item-tax,"
    "shipping-price,shipping-tax,gift-wrap-price,gift-wrap-tax,item-promotion-discount,ship-promotion-discount,"
    "ship-city,ship-state,ship-postal-code,ship-country,promotion-ids ,cpf,is-business-order,purchase-order-number,"
    "price-designation,signature-confirmation-recommended"
)
AMAZON_NEW = (
    "order-id,order-item-id,purchase-date,payments-date,buyer-email,buyer-name,buyer-phone-number,sku,product-name,"
    "quantity-purchased,currency,item-price,item-tax,shipping-price,shipping-tax,ship-service-level,recipient-name,"
    "ship-address-1,ship-address-2,ship-address-3,ship-city,ship-state,ship-postal-code,ship-country,"
    "ship-phone-number,delivery-start-date,delivery-end-date,delivery-time-zone,delivery-Instructions,sales-channel"
)
SQUARE = (
    "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,Net Sales,Tax,"
    "Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,Customer ID,Customer Name,"
    "Customer Reference ID,Unit,Count,GTIN,Itemization Type,Commission,Employee,Fulfillment Note,Channel,Token,"
    "Card Brand,PAN Suffix"
)

Row = Mapping[str, object]


@dataclass(frozen=True)
class Kind:
    """How a store writes its export: the header, what stands between columns, and whether columns are quoted."""

    name: str
    header: str
    delimiter: str = ","
    is_quoted: bool = True
    line_end: str = "\n"
    mark: str = ""


KINDS = {
    kind.name: kind
    for kind in (
        Kind("shopify", SHOPIFY),
        Kind("woocommerce", WOOCOMMERCE, mark="\ufeff"),
        Kind("etsy", ETSY, line_end="\r\n"),
        Kind("amazon_all_orders", AMAZON_ALL, "\t", is_quoted=False, line_end="\r\n", mark="\ufeff"),
        Kind("amazon_new_orders", AMAZON_NEW, "\t", is_quoted=False, line_end="\r\n"),
        Kind("square", SQUARE),
    )
}


def export(kind: str, rows: Sequence[Row], *, leave_out: Sequence[str] = ()) -> str:
    """An export; columns that a row does not name are empty.

    Parameters
    ----------
    leave_out
        Headers that this release of the store does not write.
    """
    as_written = KINDS[kind]
    names = [name for name in as_written.header.split(",") if name not in leave_out]
    strangers = {name for row in rows for name in row} - set(as_written.header.split(","))
    assert not strangers, f"{kind} has no columns {strangers}"
    text = io.StringIO()
    text.write(as_written.mark)
    if as_written.is_quoted:
        writer = csv.writer(text, delimiter=as_written.delimiter, lineterminator=as_written.line_end)
        writer.writerow(names)
        writer.writerows([row.get(name, "") for name in names] for row in rows)
    else:
        for values in (names, *([str(row.get(name, "")) for name in names] for row in rows)):
            text.write(as_written.delimiter.join(values) + as_written.line_end)
    return text.getvalue()


def shopify_order(name: str, lines: Sequence[Row], **order: object) -> list[Row]:
    """An order of Shopify: what is the order's stands on its first row only."""
    created = order.pop("created", "2026-03-03 10:14:00 -0500")
    every = {"Name": name, "Created at": created}
    if "Email" in order:
        every["Email"] = order["Email"]
    first = {
        "Financial Status": "paid", "Fulfillment Status": "fulfilled", "Currency": "USD", "Shipping": "0.00",
        "Taxes": "0.00", "Discount Amount": "0.00", "Shipping Country": "US", "Billing Country": "US",
        "Shipping Zip": "'02139", "Refunded Amount": "0.00", "Source": "web", "Payment Method": "Shopify Payments",
        "Id": "5550000000001", **order,
    }  # fmt: skip
    return [
        {
            **(first if number == 0 else {}),
            **every,
            "Lineitem discount": "0.00",
            "Lineitem requires shipping": "true",
            **line,
        }
        for number, line in enumerate(lines)
    ]


def shopify_line(name: str, quantity: int, price: str, sku: str = "", discount: str = "0.00") -> Row:
    return {
        "Lineitem name": name,
        "Lineitem quantity": quantity,
        "Lineitem price": price,
        "Lineitem sku": sku,
        "Lineitem discount": discount,
    }


def woocommerce_item(
    name: str, product: int, quantity: int, total: str, sub_total: str, sku: str = "", **more: str
) -> str:
    """A packed line as the plug-in writes it, nothing escaped."""
    parts = [
        f"name:{name}", f"product_id:{product}", f"sku:{sku}", f"quantity:{quantity}", f"total:{total}",
        f"sub_total:{sub_total}", "tax:0.00", 'tax_data:{"total":[],"subtotal":[]}', "meta:_reduced_stock:1",
    ]  # fmt: skip
    return "|".join([*parts, *(f"{name}:{value}" for name, value in more.items())])
