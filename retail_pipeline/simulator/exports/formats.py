"""The formats a shop can be written in."""

from retail_pipeline.simulator.exports.amazon import AMAZON_ALL_ORDERS, AMAZON_NEW_ORDERS
from retail_pipeline.simulator.exports.base import Export, Per
from retail_pipeline.simulator.exports.canonical import CANONICAL
from retail_pipeline.simulator.exports.etsy import ETSY
from retail_pipeline.simulator.exports.online_retail import ONLINE_RETAIL, ONLINE_RETAIL_II
from retail_pipeline.simulator.exports.shopify import SHOPIFY
from retail_pipeline.simulator.exports.square import SQUARE
from retail_pipeline.simulator.exports.woocommerce import WOOCOMMERCE

EXPORTS = {
    export.name: export
    for export in (
        CANONICAL,
        ONLINE_RETAIL,
        ONLINE_RETAIL_II,
        SHOPIFY,
        WOOCOMMERCE,
        ETSY,
        AMAZON_ALL_ORDERS,
        AMAZON_NEW_ORDERS,
        SQUARE,
    )
}

__all__ = ["EXPORTS", "Export", "Per"]
