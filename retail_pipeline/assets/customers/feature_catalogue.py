"""``customers.feature_catalogue``: what each feature means, read off the file that makes the features."""

import re
from typing import TYPE_CHECKING

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

UNIT = re.compile(r"\s*\[(?P<unit>[^\]]*)\]$")
LAST_DAYS = re.compile(r"\blast (?P<days>\d+) days(?P<before> less that of the (?P=days) before)?")
SPAN = re.compile(r"\bin the \d+ days that began \d+ days before as_of\b")
(FEATURES,) = (table for table in find_sql_tables() if table.name == "customers.features")


def make(warehouse: Warehouse) -> "pd.DataFrame":
    """A row a column of ``customers.features``."""
    import pandas as pd

    upstream = {name: warehouse.columns(name) for name in FEATURES.upstream}
    return pd.DataFrame(catalogue(FEATURES, upstream), columns=list(TABLE.columns))


def catalogue(features: SqlTable, upstream_columns: dict[str, dict[str, str]]) -> list[dict[str, object]]:
    """For each column its place, name, meaning, unit, window and source, from the header and the SELECT.

    The column by which the cut-off is found where none is given is named as the source of the cut-off only.
    """
    sources = features.column_sources(upstream_columns)
    cutoff = sources.get("as_of", [])
    return [
        {
            "place": place,
            "feature": name,
            "meaning": UNIT.sub("", text),
            "unit": unit["unit"] if (unit := UNIT.search(text)) else None,
            "window": _window(name, text),
            "source": ", ".join(
                f"{source[0]}.{source[1]}"
                for source in sources.get(name, [])
                if name == "as_of" or source not in cutoff
            )
            or None,
        }
        for place, (name, text) in enumerate(features.columns.items(), start=1)
    ]


def _window(name: str, text: str) -> str | None:
    """The time that a feature looks back on, as its description says it; the key and the cut-off have none."""
    if name in ("customer_id", "as_of"):
        return None
    if found := LAST_DAYS.search(text):
        return f"the last {int(found['days']) * (2 if found['before'] else 1)} days"
    if found := SPAN.search(text):
        return found[0].removeprefix("in ")
    return "all days before as_of"


TABLE = FrameTable(
    name="customers.feature_catalogue",
    row="a column of customers.features",
    about="Read off the header and the SELECT of that table, so that it cannot say anything else.",
    key=("feature",),
    columns={
        "place": ("bigint", "its place among the columns"),
        "feature": ("varchar", "its name"),
        "meaning": ("varchar", "what it says of a customer"),
        "unit": ("varchar", "its unit, null where it has none"),
        "window": ("varchar", "the days it looks back on, null for key and cut-off"),
        "source": ("varchar", "the columns it is worked out from, null where rows are counted only"),
    },
    upstream=(FEATURES.name, *FEATURES.upstream),
    make=make,
    texts=(FEATURES.text,),
)
