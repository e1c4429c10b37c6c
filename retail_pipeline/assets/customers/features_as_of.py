"""The features of customers as of any days, by the SELECT that makes ``customers.features``."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.assets.sql_parameters import sql_parameters
from retail_pipeline.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

TABLE = "customers.features"


def features_as_of(warehouse: Warehouse, *as_of: date, one_in: int = 1) -> "pd.DataFrame":
    """What was known of each customer before each of the days, in the columns of ``customers.features``.

    Nothing that happened on the day or later is in it: labels begin at ``as_of``. Several days at once cost less than
    one after the other.

    Parameters
    ----------
    as_of
        The cut-offs, each the start of that day.
    one_in
        Of so many customers one, the same at each cut-off, drawn by a hash of their ids.

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
    drawn = f"where md5_number_lower(customer_id) % {int(one_in)} = 0" if one_in > 1 else ""
    return warehouse.read(f"from ({table.query}) {drawn} order by as_of, customer_id", bound)


def _distinct(days: Sequence[date]) -> list[date]:
    return sorted(set(days))
