"""Exchange rates as a small csv: what one unit of a currency is worth in the reporting currency, from a day on."""

from retail_pipeline.ingest.formats.base import CURRENCY_RATES as TARGET
from retail_pipeline.ingest.formats.base import Format

CURRENCY_RATES = Format(
    name="currency_rates",
    title="exchange rates",
    required={"rate_date": "date", "currency": "currency", "rate": "rate"},
    timestamp_example="2024-05-31",
    target=TARGET,
)
