"""Codes in a shop's own lists of products, and the products they mean."""

from pathlib import Path
from typing import TypeVar

from retail_pipeline.errors import SettingsError
from retail_pipeline.warehouse.warehouse import Warehouse

Listed = TypeVar("Listed")
SAME_IN_UPPER_CASE = """
    with listed as (select unnest(cast($listed as varchar[])) as product_id)

    select listed.product_id as listed_as, products.product_id
    from listed
    anti join core.products as exactly on listed.product_id = exactly.product_id
    join core.products as products on upper(listed.product_id) = products.product_id
    order by listed_as
"""
"""Formats that say that case means nothing have their codes in upper case."""


def by_known_code(warehouse: Warehouse, listed: dict[str, Listed], path: Path) -> dict[str, Listed]:
    """What is listed by code, under the code that the product is sold by where only the case is another.

    Raises
    ------
    SettingsError
        when two rows are the same product.
    """
    found = dict(listed)
    for listed_as, product in warehouse.execute(SAME_IN_UPPER_CASE, {"listed": list(found)}).fetchall():
        if product in found:
            raise SettingsError(
                f"{path}: product_id {listed_as!r} and another row are both the product {product!r}. Keep one of them."
            )
        found[product] = found.pop(listed_as)
    return found
