"""``baskets.product_costs``: what a unit of a product costs, from a file in the home."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.errors import SettingsError
from retail_pipeline.ingest import costs
from retail_pipeline.ingest.costs import read_costs
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

NAME = "baskets.product_costs"
SAME_IN_UPPER_CASE = """
    with listed as (select unnest(cast($listed as varchar[])) as product_id)

    select listed.product_id as listed_as, products.product_id
    from listed
    anti join core.products as exactly on listed.product_id = exactly.product_id
    join core.products as products on upper(listed.product_id) = products.product_id
    order by listed_as
"""
"""Formats that say that case means nothing have their codes in upper case."""


def _make(warehouse: Warehouse) -> "pd.DataFrame":
    """The costs in the file, if the settings name one."""
    import pandas as pd

    name = warehouse.settings.bundles.costs_file
    if not name:
        return pd.DataFrame(columns=list(TABLE.columns), dtype="object")
    path = warehouse.home.root / name
    found = read_costs(path, "bundles.costs_file")
    for listed_as, product in warehouse.execute(SAME_IN_UPPER_CASE, {"listed": list(found)}).fetchall():
        if product in found:
            raise SettingsError(
                f"{path}: product_id {listed_as!r} and another row are both the product {product!r}. Keep one of them."
            )
        found[product] = found.pop(listed_as)
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
    code=(costs,),
    parameters=("bundle_costs_file",),
    is_whole=lambda _: False,  # the file may have changed
    tell=_tell,
)
