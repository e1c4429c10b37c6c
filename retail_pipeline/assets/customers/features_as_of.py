"""The features of customers as of any days, by the SELECT that makes ``customers.features``."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

TABLE = "customers.features"
OF_CUSTOMERS = ("customers.category_changes", "customers.order_states", "customers.product_changes")
"""Tables the SELECT reads that hold rows of single customers."""
DRAWN = "temp.drawn_"


def features_as_of(warehouse: Warehouse, *as_of: date, one_in: int = 1) -> "pd.DataFrame":
    """What was known of each customer before each of the days, in the columns of ``customers.features``.

    Nothing that happened on the day or later is in it: labels begin at ``as_of``. Several days at once cost less than
    one after the other.

    Parameters
    ----------
    as_of
        The cut-offs, each the start of that day.
    one_in
        Of so many customers one, the same at each cut-off, drawn by a hash of their ids. Of the others nothing is read,
        so that ``usual_gap_days`` of who has no gaps of their own is the mean of those drawn.

    Returns
    -------
    A row a cut-off and customer who had an order of which something was left, ordered by both.

    Examples
    --------
    ``features_as_of(warehouse, date(2011, 6, 1), date(2011, 9, 1))`` gives the rows to train and to validate on.
    """
    (table,) = (table for table in find_sql_tables() if table.name == TABLE)
    values = {**sql_parameters(warehouse.settings), "cutoffs": _distinct(as_of)}
    bound = {name: values[name] for name in table.parameters}
    with _drawn(warehouse, table.query, one_in) as query:
        return warehouse.read(f"from ({query}) order by as_of, customer_id", bound)


@contextmanager
def _drawn(warehouse: Warehouse, query: str, one_in: int) -> Iterator[str]:
    """The query, on copies of the tables that hold the customers drawn alone, which are there as long as it is used."""
    if one_in <= 1:
        yield query
        return
    copies = {table: f"{DRAWN}{table.split('.')[1]}" for table in OF_CUSTOMERS}
    try:
        for table, copy in copies.items():
            warehouse.execute(
                f"create or replace temp table {copy} as "
                f"from {table} where md5_number_lower(customer_id) % {int(one_in)} = 0"
            )
            query = re.sub(rf"\b{re.escape(table)}\b", copy, query)
        yield query
    finally:
        for copy in copies.values():
            warehouse.execute(f"drop table if exists {copy}")


def _distinct(days: Sequence[date]) -> list[date]:
    return sorted(set(days))
