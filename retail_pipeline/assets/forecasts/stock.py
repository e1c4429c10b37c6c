"""``forecasts.stock``: what a shop has of each product and how it can be ordered, from a file in the home."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retail_pipeline.assets import listed_products
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.listed_products import by_known_code
from retail_pipeline.ingest import product_lists
from retail_pipeline.ingest.product_lists import read_product_list
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "forecasts.stock"
COLUMNS = ("on_hand", "on_order", "lead_time_days", "min_order", "pack_size", "unit_cost")


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """The file's rows, if the settings name one."""
    import pandas as pd

    name = warehouse.settings.reorder.stock_file
    if not name:
        return pd.DataFrame(columns=list(TABLE.columns), dtype="object")
    path = warehouse.home.root / name
    listed = read_product_list(path, "reorder.stock_file", [], possible=COLUMNS, above_zero=["pack_size"])
    found = by_known_code(warehouse, listed, path)
    rows = [
        (product, *(None if (value := of_one.get(column)) is None else str(value) for column in COLUMNS))
        for product, of_one in sorted(found.items())
    ]
    return pd.DataFrame(rows, columns=list(TABLE.columns), dtype="object")


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    if not warehouse.settings.reorder.stock_file:
        return {"no stock": "reorder.stock_file names no file"}
    unknown = warehouse.value(f"select count(*) from {NAME} anti join core.products using (product_id)")
    return {"stock of products that were never sold": unknown}


TABLE = FrameTable(
    name=NAME,
    row="a product of which the stock, or how it can be ordered, is known",
    about="From the csv file that reorder.stock_file names, read anew in each run; empty if it names none. What a cell "
    "leaves empty is not known. A code that was never sold is that of the product whose code is the same in upper "
    "case, if there is one.",
    key=("product_id",),
    columns={
        "product_id": ("varchar", "the product"),
        "on_hand": ("decimal(18, 4)", "on the shelf, less what is promised to customers [units]"),
        "on_order": ("decimal(18, 4)", "ordered and not yet there [units]"),
        "lead_time_days": ("decimal(18, 4)", "from order to shelf [days]"),
        "min_order": ("decimal(18, 4)", "the least that can be ordered [units]"),
        "pack_size": ("decimal(18, 4)", "orders are for a multiple of it [units]"),
        "unit_cost": ("decimal(18, 4)", "what a unit costs the shop [reporting currency]"),
    },
    upstream=("core.products",),
    make=_make,
    code=(product_lists, listed_products),
    parameters=("reorder_stock_file",),
    is_whole=lambda _: False,  # the file may have changed
    tell=_tell,
)
