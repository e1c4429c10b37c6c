"""The registry of export formats. A new format is one more entry here."""

from retail_pipeline.ingest.formats.amazon import AMAZON_ALL_ORDERS, AMAZON_NEW_ORDERS
from retail_pipeline.ingest.formats.base import Format, LineRules
from retail_pipeline.ingest.formats.canonical import CANONICAL
from retail_pipeline.ingest.formats.currency_rates import CURRENCY_RATES
from retail_pipeline.ingest.formats.etsy import ETSY
from retail_pipeline.ingest.formats.online_retail import ONLINE_RETAIL, ONLINE_RETAIL_II
from retail_pipeline.ingest.formats.recognise import Recognised, Refusal, recognise
from retail_pipeline.ingest.formats.shopify import SHOPIFY
from retail_pipeline.ingest.formats.square import SQUARE
from retail_pipeline.ingest.formats.woocommerce import WOOCOMMERCE

FORMATS: tuple[Format, ...] = (
    CANONICAL,
    ONLINE_RETAIL,
    ONLINE_RETAIL_II,
    SHOPIFY,
    WOOCOMMERCE,
    ETSY,
    AMAZON_ALL_ORDERS,
    AMAZON_NEW_ORDERS,
    SQUARE,
    CURRENCY_RATES,
)

REFUSALS = (
    Refusal(
        "a WooCommerce Analytics export, which holds orders without their lines and without customer ids",
        ("Date", "Order #", "Product(s)", "Items sold"),
        "Export orders with the plug-in 'Order Export & Order Import for WooCommerce' (WebToffee) instead.",
    ),
    Refusal(
        "Etsy's list of sold orders, which holds no lines",
        ("Sale Date", "Order ID", "Buyer User ID", "Full Name"),
        "Download 'Order Items' (EtsySoldOrderItems.csv) instead: Shop Manager, Settings, Options, Download Data.",
    ),
    Refusal(
        "Amazon's report of unshipped orders, which holds no prices",
        ("order-id", "order-item-id", "quantity-to-ship"),
        "Request the report 'All Orders' instead.",
    ),
    Refusal(
        "Square's list of transactions, which holds no items",
        ("Transaction ID", "Gross Sales", "Card Entry Methods"),
        "Export 'Items detail' instead.",
    ),
)

__all__ = ["FORMATS", "REFUSALS", "Format", "LineRules", "Recognised", "Refusal", "recognise"]
