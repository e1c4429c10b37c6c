"""The registry of export formats. A new format is one more entry here."""

from retail_pipeline.ingest.formats.base import Format, LineRules, Recognised, recognise
from retail_pipeline.ingest.formats.canonical import CANONICAL
from retail_pipeline.ingest.formats.online_retail import ONLINE_RETAIL, ONLINE_RETAIL_II

FORMATS: tuple[Format, ...] = (CANONICAL, ONLINE_RETAIL, ONLINE_RETAIL_II)

__all__ = ["FORMATS", "Format", "LineRules", "Recognised", "recognise"]
