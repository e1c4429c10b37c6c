"""``retail sql``: a query on the snapshot, printed as a table, csv or JSON."""

import csv
import json
import sys
from decimal import Decimal
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from retail_pipeline.errors import RetailPipelineError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot

SHOWN_ROWS = 1000


class QueryError(RetailPipelineError):
    """The query cannot be answered as it is asked."""


def run_query(home: Home, console: Console, sql: str, style: str) -> None:
    """Print a query's result.

    Parameters
    ----------
    style
        'table' (at most 1,000 rows), 'csv' or 'json' (all rows).

    Raises
    ------
    QueryError
        with DuckDB's reason.
    """
    if not sql.strip():
        raise QueryError('The query is empty. Ask for instance: retail sql "select * from meta.tables"')
    with open_snapshot(home) as snapshot:
        try:
            result = snapshot.execute(sql)
            names = [column[0] for column in result.description or []]
            rows = result.fetchmany(SHOWN_ROWS + 1) if style == "table" else result.fetchall()
        except duckdb.Error as error:
            raise QueryError(f"{str(error).strip()}\n{_known_tables(snapshot)}") from error
    if style == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
    elif style == "json":
        for row in rows:
            print(json.dumps(dict(zip(names, row, strict=True)), default=str))
    else:
        _print_table(console, names, rows)


def _print_table(console: Console, names: list[str], rows: list[Any]) -> None:
    table = Table()
    for place, name in enumerate(names):
        is_number = bool(rows) and isinstance(rows[0][place], (int, float, Decimal))
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table, markup=False)
    if len(rows) > SHOWN_ROWS:
        console.print(f"The first {SHOWN_ROWS:,} rows are shown; --csv and --json print all.")


def _known_tables(snapshot: duckdb.DuckDBPyConnection) -> str:
    names = snapshot.execute("select schema_name || '.' || table_name from duckdb_tables() order by 1").fetchall()
    return f"Tables: {', '.join(name for (name,) in names)}."
