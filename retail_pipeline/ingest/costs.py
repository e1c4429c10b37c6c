"""A shop's list of unit costs: a csv file with ``product_id,unit_cost``."""

from decimal import Decimal
from pathlib import Path

from retail_pipeline.ingest.product_lists import read_product_list


def read_costs(path: Path, setting: str) -> dict[str, Decimal]:
    """What a unit of each product costs.

    Parameters
    ----------
    setting
        The setting that names the file, for errors.

    Raises
    ------
    SettingsError
        naming the file and, where there is one, the row and the column.
    """
    found = read_product_list(path, setting, ["unit_cost"])
    return {product: cost for product, of_one in found.items() if (cost := of_one["unit_cost"]) is not None}
