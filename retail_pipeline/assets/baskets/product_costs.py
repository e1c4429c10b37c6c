"""``baskets.product_costs``: what a unit of a product costs, from a file in the home."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retail_pipeline.assets import listed_products
from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.listed_products import by_known_code
from retail_pipeline.ingest import costs, product_lists
from retail_pipeline.ingest.costs import read_costs
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "baskets.product_costs"


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """The costs in the file, if the settings name one."""
    import pandas as pd

    name = warehouse.settings.bundles.costs_file
    if not name:
        return pd.DataFrame(columns=list(TABLE.columns), dtype="object")
    path = warehouse.home.root / name
    found = by_known_code(warehouse, read_costs(path, "bundles.costs_file"), path)
    rows = [(product, str(cost)) for product, cost in sorted(found.items())]
    return pd.DataFrame(rows, columns=list(TABLE.columns), dtype="object")


def _tell(warehouse: Warehouse) -> Mapping[str, Any]:
    if not warehouse.settings.bundles.costs_file:
        return {"no costs": "bundles.costs_file names no file"}
    unknown = warehouse.value(f"select count(*) from {NAME} anti join core.products using (product_id)")
    return {"costs of products that were never sold": unknown}


TABLE = FrameTable(
    name=NAME,
    row="a product whose unit cost is known",
    about="From the csv file that bundles.costs_file names, read anew in each run; empty if it names none. "
    "A code that was never sold is that of the product whose code is the same in upper case, if there is one.",
    key=("product_id",),
    columns={
        "product_id": ("varchar", "the product"),
        "unit_cost": ("decimal(18, 4)", "what a unit costs the shop [reporting currency]"),
    },
    upstream=("core.products",),
    make=_make,
    code=(costs, product_lists, listed_products),
    parameters=("bundle_costs_file",),
    is_whole=lambda _: False,  # the file may have changed
    tell=_tell,
)
