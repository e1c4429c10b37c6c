"""``retail sql``: a query on the snapshot, printed as a table, csv or JSON."""

import csv
import itertools
import json
import math
import sys
from decimal import Decimal
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from retail_pipeline.errors import RetailPipelineError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import as_text
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
        with DuckDB's reason, or when there is no query.
    """
    with open_snapshot(home) as snapshot:
        names, rows = ask(snapshot, sql, SHOWN_ROWS + 1 if style == "table" else None)
    if style == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
    elif style == "json":
        distinct = distinct_names(names)
        for row in rows:
            print(json.dumps(_as_json(dict(zip(distinct, row, strict=True))), default=str, allow_nan=False))
    else:
        _print_table(console, names, rows)
    sys.stdout.flush()  # here, where a reader that has gone is noticed


def ask(snapshot: duckdb.DuckDBPyConnection, sql: str, most: int | None = None) -> tuple[list[str], list[Any]]:
    """What a query finds in an opened snapshot: the columns' names, and the rows.

    Parameters
    ----------
    most
        Rows that are read at most, the first ones.

    Raises
    ------
    QueryError
        with DuckDB's reason, or when there is no query.
    """
    if not sql.strip(" \t\r\n;"):
        raise QueryError('The query is empty. Ask for instance: retail sql "select * from meta.tables"')
    if as_text(sql) != sql:
        raise QueryError("The query is not UTF-8 text. Set the terminal to UTF-8, or write it without such letters.")
    try:
        result = snapshot.execute(sql)
        if result is None:
            raise QueryError('The query is a comment. Ask for instance: retail sql "select * from meta.tables"')
        names = [column[0] for column in result.description or []]
        return names, result.fetchall() if most is None else result.fetchmany(most)
    except duckdb.Error as error:
        raise QueryError(f"{str(error).strip()}\n{_known_tables(snapshot)}") from error


def distinct_names(names: list[str]) -> list[str]:
    """Column names of which no two are the same, so that an object can have them all."""
    distinct: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        distinct.append(next(free for free in itertools.chain([name], numbered) if free not in distinct))
    return distinct


def _as_json(value: Any) -> Any:
    """A value that JSON has: keys are texts, and a number that is none is null."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
