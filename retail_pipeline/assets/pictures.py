"""Pictures that the materialisations of table files show in the Dagster UI, by table."""

import base64
from collections.abc import Callable, Mapping

import dagster as dg

from retail_pipeline.reports.charts import rfm_heatmap
from retail_pipeline.reports.files import read_rows
from retail_pipeline.warehouse.warehouse import Warehouse

RFM_CELLS = """
    select r_score, f_score, count(*) as customers, sum(monetary) as revenue
    from customers.rfm_scores
    group by r_score, f_score
    order by r_score, f_score
"""


def pictures(warehouse: Warehouse, table: str) -> dict[str, dg.MetadataValue]:
    """What a table shows, by the metadata's name; nothing for most tables, and for an empty one."""
    drawings = PICTURES.get(table, {})
    if not drawings or not warehouse.count(table):
        return {}
    return {name: dg.MetadataValue.md(image(name, draw(warehouse))) for name, draw in drawings.items()}


def image(name: str, svg: str) -> str:
    """An SVG text as a Markdown image that carries itself."""
    return f"![{name}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _draw_rfm(warehouse: Warehouse) -> str:
    return rfm_heatmap(read_rows(warehouse.connection)(RFM_CELLS))


PICTURES: Mapping[str, Mapping[str, Callable[[Warehouse], str]]] = {
    "customers.rfm_scores": {"recency by frequency": _draw_rfm}
}
