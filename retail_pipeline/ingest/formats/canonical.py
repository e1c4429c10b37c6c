"""The pipeline's own format: one line an order line, ISO timestamps in store time."""

from retail_pipeline.ingest.formats.base import RAW_FIELDS, Format, LineRules

REQUIRED = ("order_id", "order_ts", "customer_id", "product_id", "product_name", "quantity", "unit_price", "country")

CANONICAL = Format(
    name="canonical",
    title="this pipeline's own csv",
    required={name: name for name in REQUIRED},
    optional={name: name for name in RAW_FIELDS if name not in REQUIRED},
    rules=LineRules(cancellation_statuses=("cancelled", "canceled"), void_statuses=("test", "correction")),
)
