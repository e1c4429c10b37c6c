"""The pipeline's own format: each line when it happens, with all that is known of it."""

from retail_pipeline.simulator.exports.base import Cells, Export

COLUMNS = {
    "order_id": "order_id",
    "order_ts": "ts",
    "customer_id": "customer_id",
    "product_id": "product_id",
    "product_name": "product_name",
    "quantity": "units",
    "unit_price": "price",
    "country": "region",
    "line_no": "line_no",
    "currency": "currency",
    "channel": "channel",
    "discount": "discount",
    "status": "status",
    "category": "category",
}
CANONICAL = Export(
    name="canonical",
    header=tuple(COLUMNS),
    columns=COLUMNS,
    cells=Cells(order="order_id", date="order_ts", units="quantity", price="unit_price"),
    may_repeat=True,
)
