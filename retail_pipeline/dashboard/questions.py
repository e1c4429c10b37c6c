"""A question in SQL from a page: one SELECT, read-only, closed to files, given up after a time."""

import threading

import duckdb
import pandas as pd

from retail_pipeline.console.query import QueryError, ask, distinct_names
from retail_pipeline.dashboard.snapshot import Snapshot

MOST_SECONDS = 60.0
ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
EXAMPLES = {
    "The last months": "select month, orders, customers, net_sales, growth_previous, is_partial\n"
    "from sales.monthly\norder by month desc",
    "Best customers": "select customer_id, segment, frequency, monetary, recency_days\n"
    "from customers.rfm_scores\norder by monetary desc\nlimit 50",
    "Products that make four fifths of sales": "select rank, product_name, net_sales, cumulative_share\n"
    "from sales.by_product\nwhere abc_class = 'A'\norder by rank",
    "Countries by return rate": "select country, orders, net_sales, return_rate\n"
    "from sales.by_country\nwhere orders >= 20\norder by return_rate desc",
    "What was rejected, and why": "select reason, count(*) as lines\n"
    "from raw.rejected_rows\ngroup by reason\norder by 2 desc",
    "All columns and what they mean": "select schema_name || '.' || table_name as table_name, column_name, comment\n"
    "from duckdb_columns()\nwhere not internal\norder by 1, column_index",
}


def answer(snapshot: Snapshot, sql: str, most: int, seconds: float = MOST_SECONDS) -> pd.DataFrame:
    """The rows of one SELECT.

    Within the dashboard's process all share one database, so nothing but SELECT (and EXPLAIN) is let through: another
    statement could take the snapshot away from other pages.

    Parameters
    ----------
    most
        Rows that are read at most.
    seconds
        The time after which the query is given up.

    Raises
    ------
    QueryError
        saying what is wrong with it.
    """
    _require_select(sql)
    with snapshot.cursor() as cursor:
        watch = threading.Timer(seconds, cursor.interrupt)
        watch.start()
        try:
            names, rows = ask(cursor, sql, most)
        except QueryError as error:
            if not watch.is_alive():
                raise QueryError(f"The query was given up after {seconds:g} seconds. Ask for less.") from error
            raise
        finally:
            watch.cancel()
    return pd.DataFrame(rows, columns=distinct_names(names))


def _require_select(sql: str) -> None:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(str(error).strip()) from error
    if len(statements) > 1:
        raise QueryError("Ask one query at a time.")
    if statements and statements[0].type not in ALLOWED:
        raise QueryError("Only SELECT is answered here: the snapshot is read-only.")
