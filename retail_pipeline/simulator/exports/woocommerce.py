"""The shop in the manner of WooCommerce orders exported by the WebToffee plug-in: a row an order, its lines packed.

An order stands in the file of its day, and again, changed, in those of later returns or of its cancellation. Returns
are money given back of lines, with their times; an order given back as a whole is ``refunded``. Cancelled orders are
``cancelled``, so the pipeline counts them as no sales at all; test orders are ``failed`` payments. Customer C00000012
is user 12; guests are user 0 and give no address. No row is repeated in a file: the pipeline takes the rows of an order
in a file for its lines.
"""

from retail_pipeline.simulator.exports.base import Cells, Export

HEADER = (
    "order_id,order_number,order_date,paid_date,status,shipping_total,shipping_tax_total,fee_total,fee_tax_total,"
    "tax_total,cart_discount,order_discount,discount_total,order_total,order_subtotal,order_key,order_currency,"
    "payment_method,payment_method_title,transaction_id,customer_ip_address,customer_user_agent,shipping_method,"
    "customer_id,customer_user,customer_email,billing_first_name,billing_last_name,billing_company,billing_email,"
    "billing_phone,billing_address_1,billing_address_2,billing_postcode,billing_city,billing_state,billing_country,"
    "shipping_first_name,shipping_last_name,shipping_company,shipping_phone,shipping_address_1,shipping_address_2,"
    "shipping_postcode,shipping_city,shipping_state,shipping_country,customer_note,wt_import_key,tax_items,"
    "shipping_items,fee_items,coupon_items,refund_items,order_notes,download_permissions,"
    "meta:_wc_order_attribution_source_type,meta:_wc_order_attribution_utm_source"
)
MOMENT = "strftime(ts, '%Y-%m-%d %H:%M:%S')"
NOTHING = dict.fromkeys(("shipping_total", "shipping_tax_total", "fee_total", "fee_tax_total", "tax_total"), "'0.00'")
USER = "case when customer_id is null then 0 else customer + 1 end"
ADDRESS = "lower(customer_id) || '@example.com'"
ITEM = """
    'name:' || coalesce(product_name, '') || '|product_id:' || product_number || '|sku:' || product_id
    || '|quantity:' || units || '|total:' || net || '|sub_total:' || gross
    || '|tax:0.00|tax_data:{"total":[],"subtotal":[]}|meta:_reduced_stock:' || units
    || case when returned > 0 then '|refunded:' || returned else '' end
"""
REFUND = """
    case when returned > 0
        then 'amount:' || returned || '|reason:sent back|date:' || strftime(returned_ts, '%Y-%m-%d %H:%M:%S') end
"""

WOOCOMMERCE = Export(
    name="woocommerce",
    header=tuple(HEADER.split(",")),
    columns={
        "order_id": "order_id",
        "order_number": "order_id",
        "order_date": MOMENT,
        "paid_date": f"case when kind = 'sale' then {MOMENT} end",
        "status": "case when kind = 'test' then 'failed' when cancelled_ts is not null then 'cancelled' "
        "when order_returned > 0 and order_returned >= order_amount then 'refunded' else 'completed' end",
        **NOTHING,
        "cart_discount": "order_discount",
        "order_discount": "'0.00'",
        "discount_total": "order_discount",
        "order_total": "order_amount",
        "order_subtotal": "order_amount + order_discount",
        "order_currency": "currency",
        "payment_method": "'stripe'",
        "payment_method_title": "'Card'",
        "shipping_method": "'Standard'",
        "customer_id": USER,
        "customer_user": USER,
        "customer_email": ADDRESS,
        "billing_email": ADDRESS,
        "billing_country": "country",
        "shipping_country": "country",
        "refund_items": "nullif(array_to_string(refunds, ';'), '')",
        "meta:_wc_order_attribution_source_type": "'utm'",
        "meta:_wc_order_attribution_utm_source": "channel",
    },
    lists={"items": ITEM, "refunds": REFUND},
    item_header="line_item_",
    cells=Cells(order="order_id", date="order_date"),
    kinds=("sale", "return", "cancellation", "test"),
    tells="states",
    knows_orders=True,
    mark="\ufeff",
    prefix="order_export",
)
