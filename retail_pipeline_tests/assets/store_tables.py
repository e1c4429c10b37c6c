"""All tables of a store without Dagster, and single table files over hand-made upstream tables.

:func:`built` takes the real path (drops, loading, every ``.sql`` file in the order of its lineage); :class:`Tables`
puts rows straight into upstream tables in memory, for tests that need hundreds of small stores.
"""

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import duckdb

from retail_pipeline.assets.frame_assets import FrameTable
from retail_pipeline.assets.sql_assets import find_sql_tables
from retail_pipeline.definitions import CHECKS, FRAME_TABLES
from retail_pipeline.home import Home
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import LOADED, opened
from retail_pipeline_tests.tables import build_tables

Row = dict[str, Any]

SQL_TABLES = {table.name: table for table in find_sql_tables()}
BUILD_ORDER = [
    name
    for name in TopologicalSorter({name: table.upstream for name, table in SQL_TABLES.items()}).static_order()
    if name in SQL_TABLES
]


def _is_sql_alone(name: str) -> bool:
    return name.startswith("raw.") or (name in SQL_TABLES and all(map(_is_sql_alone, SQL_TABLES[name].upstream)))


SQL_ALONE = [name for name in BUILD_ORDER if _is_sql_alone(name)]
"""The tables that SQL makes from what SQL made; those made in Python take longer, and are tested for themselves."""

TABLES: dict[str, SqlTable | FrameTable] = {**SQL_TABLES, **{table.name: table for table in FRAME_TABLES}}


def upstream_of(table: str) -> set[str]:
    """A table and all that it is made from."""
    found, waiting = set[str](), [table]
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += set(TABLES[name].upstream if name in TABLES else ()) - found
    return found


def up_to(*tables: str) -> list[str]:
    """What a run makes on the way to some tables and to those that their checks read, and all that loading makes."""
    needed = set[str]()
    more = set(tables)
    while more:
        needed |= more
        beside = {name for check in CHECKS if check.table in needed for name in check.beside}
        more = beside.union(*map(upstream_of, needed)) - needed
    return sorted(needed.union(LOADED))


ONLINE_RETAIL_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
MONEY = "decimal(18, 4)"
TO_ORDER_STATES = ("customers.undone_lines", "customers.order_states")
TO_FEATURES = (*TO_ORDER_STATES, "customers.product_changes", "customers.category_changes", "customers.features")

TO_ORDER_LINES = (
    "core.product_names", "core.order_versions", "core.order_shares", "core.reporting_currency", "core.exchange_rates",
    "core.order_lines",
)  # fmt: skip

LINES = {
    "order_id": "varchar", "line_no": "bigint", "line_type": "varchar", "order_ts": "timestamp", "order_date": "date",
    "customer_id": "varchar", "product_id": "varchar", "quantity": MONEY, "unit_price": MONEY, "amount": MONEY,
    "reporting_amount": MONEY, "currency": "varchar", "is_duplicate": "boolean", "is_allocated": "boolean",
    "drop_id": "varchar", "source_row": "bigint", "source_part": "bigint",
}  # fmt: skip
PURCHASES = {
    "customer_id": "varchar", "order_id": "varchar", "line_no": "bigint", "order_ts": "timestamp", "order_date": "date",
    "product_id": "varchar", "quantity": MONEY, "amount": MONEY, "discount": MONEY, "category": "varchar",
    "country": "varchar", "channel": "varchar",
}  # fmt: skip
MATCHES = {
    "sale_order_id": "varchar", "sale_line_no": "bigint", "cancelled_at": "timestamp", "quantity": MONEY,
    "amount": MONEY,
}  # fmt: skip


@contextlib.contextmanager
def built(home: Home, *, only: Iterable[str] | None = None, full: bool = False) -> Iterator[Warehouse]:
    """A home's working database with all of its tables built, or only some."""
    with opened(home, full=full) as warehouse:
        build_tables(warehouse, only)
        yield warehouse


def online_retail_csv(lines: Sequence[Sequence[object]], header: str = ONLINE_RETAIL_HEADER) -> str:
    """Lines as a csv of UCI Online Retail."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header.split(","))
    writer.writerows(lines)
    return text.getvalue()


def rows_of(source: Warehouse | duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> list[Row]:
    """A query's rows by column name; a plain ``schema.table`` is read whole, in the order of its columns."""
    sql = query if " " in query else f"from {query} order by all"
    result = source.execute(sql, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def one_row(source: Warehouse | duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> Row:
    """The only row of a query."""
    (row,) = rows_of(source, query, parameters)
    return row


class Tables:
    """Upstream tables in memory, filled by hand, and the table files run over them."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("create schema core; create schema customers")

    def fill(self, table: str, types: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace a table's rows; columns that a row does not name are null."""
        columns = ", ".join(f"{name} {type_}" for name, type_ in types.items())
        self.connection.execute(f"create or replace table {table} ({columns})")
        values = [tuple(row.get(name) for name in types) for row in rows]
        if values:
            row_text = "(" + ", ".join("?" for _ in types) + ")"
            placed = ", ".join([row_text] * len(values))
            self.connection.execute(f"insert into {table} values {placed}", [value for row in values for value in row])

    def select(self, table: str, **parameters: Any) -> list[Row]:
        """What a table's file selects from the upstream tables as they are now, sorted."""
        text = SQL_TABLES[table].text
        bound = {name: parameters.get(name) for name in SQL_TABLES[table].parameters}
        self.connection.execute(f"create or replace table {table} as {text}", bound or None)
        return rows_of(self.connection, table)
