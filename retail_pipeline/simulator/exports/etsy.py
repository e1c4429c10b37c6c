"""The shop in the manner of Etsy's sold order items: sales only, by days.

What became of an order later is not in it: orders that were cancelled still stand there as sales. The order's discount
stands on the first of its rows. Buyer c00000012 is customer C00000012; guests have no name. No line is repeated in a
file: the pipeline takes the rows of an order in a file for its lines.
"""

from retail_pipeline.simulator.exports.base import Cells, Export, on_first_row

HEADER = (
    "Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Coupon Details,Discount Amount,Shipping Discount,"
    "Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,Listing ID,Date Paid,Date Shipped,Ship Name,"
    "Ship Address1,Ship Address2,Ship City,Ship State,Ship Zipcode,Ship Country,Order ID,Variations,Order Type,"
    "Listings Type,Payment Type,InPerson Discount,InPerson Location,VAT Paid by Buyer,SKU"
)
NAME = "product_name"
for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("''", "&#39;"), ("<", "&lt;"), (">", "&gt;")):
    NAME = f"replace({NAME}, '{character}', '{entity}')"

ETSY = Export(
    name="etsy",
    header=tuple(HEADER.split(",")),
    columns={
        "Sale Date": "strftime(ts, '%m/%d/%y')",
        "Item Name": NAME,
        "Buyer": "lower(customer_id)",
        "Quantity": "units",
        "Price": "price",
        **on_first_row({"Discount Amount": "order_discount"}, otherwise="0.00"),
        "Shipping Discount": "'0.00'",
        "Order Shipping": "'0'",
        "Order Sales Tax": "'0'",
        "Item Total": "gross",
        "Currency": "currency",
        "Transaction ID": "replace(placed_id, '-', '') || format('{:03d}', line_no)",
        "Listing ID": "'4' || lpad(product_number, 9, '0')",
        "Date Paid": "strftime(ts, '%m/%d/%Y')",
        "Ship Country": "region",
        "Order ID": "order_id",
        "Order Type": "'online'",
        "Payment Type": "'online_cc'",
        "SKU": "product_id",
    },
    cells=Cells(order="Order ID", date="Sale Date", units="Quantity", price="Price"),
    kinds=("sale",),
    knows_orders=True,
    line_end="\r\n",
    prefix="EtsySoldOrderItems",
)
