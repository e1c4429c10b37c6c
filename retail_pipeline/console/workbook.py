"""Tables as a formatted Excel workbook: a sheet each, and what stands where in front."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from retail_pipeline.errors import RetailPipelineError
from retail_pipeline.warehouse.bookkeeping import first_row

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

EXCEL_ROWS = 1_048_575
"""Rows of a worksheet below its header."""
MOST_ROWS = 100_000
"""Rows of a table with which it has a sheet among all others: what opens within seconds, and can be mailed."""
LONGEST_SHEET_NAME = 31
CONTENTS, COLUMNS = "Contents", "Columns"
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
FETCHED_ROWS = 10_000
FORMULA_STARTS = "=+-@\t\r\n"
"""A spreadsheet takes text that begins so for a formula, or looks for one behind it."""
MONEY, SHARE = "[reporting currency]", "[0 to 1]"
"""Units in the description of a column."""
NARROWEST, WIDEST = 9, 42


@dataclass(frozen=True)
class _Column:
    name: str
    type_: str
    told: str

    @property
    def number_format(self) -> str:
        """How Excel shows the values, '' for as they are."""
        if self.type_.startswith("TIMESTAMP"):
            return "yyyy-mm-dd hh:mm:ss"
        if self.type_ == "DATE":
            return "yyyy-mm-dd"
        if MONEY in self.told:
            return "#,##0.00"
        if SHARE in self.told and self.type_ == "DOUBLE":
            return "0.0%"
        return ""

    @property
    def width(self) -> int:
        """In characters."""
        least = {"TIMESTAMP": 19, "DATE": 11, "VARCHAR": 18}.get(self.type_, NARROWEST)
        return min(WIDEST, max(least, len(self.name) + 3))


def write_workbook(connection: duckdb.DuckDBPyConnection, tables: Sequence[str], target: Path) -> list[tuple[str, int]]:
    """Write a sheet a table, with the contents and the meaning of all columns in front of them.

    Tables of more than ``MOST_ROWS`` are named in the contents, with what to do.

    Returns
    -------
    The tables that got a sheet, and their rows.
    """
    counts = {table: _count(connection, table) for table in tables}
    sheets = _sheet_names([table for table in tables if counts[table] <= MOST_ROWS])
    with _open(target) as book:
        _write_contents(book.add_worksheet(CONTENTS), book, connection, counts, sheets)
        _write_columns(book.add_worksheet(COLUMNS), book, connection, sheets)
        for table, sheet in sheets.items():
            _write_sheet(book.add_worksheet(sheet), book, connection, table)
    return [(table, counts[table]) for table in sheets]


def write_table(connection: duckdb.DuckDBPyConnection, table: str, target: Path) -> None:
    """Write a workbook of one table.

    Raises
    ------
    RetailPipelineError
        when it has more rows than a worksheet holds.
    """
    rows = _count(connection, table)
    if rows > EXCEL_ROWS:
        raise RetailPipelineError(
            f"{table} has {rows:,} rows, a worksheet holds {EXCEL_ROWS:,}. Export it as csv or parquet."
        )
    with _open(target) as book:
        _write_sheet(book.add_worksheet(table[:LONGEST_SHEET_NAME]), book, connection, table)


def _open(target: Path) -> "Workbook":
    import xlsxwriter

    return xlsxwriter.Workbook(str(target), OPTIONS)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = first_row(connection, f"select count(*) from {table}")
    return int(row[0]) if row else 0


def _sheet_names(tables: Sequence[str]) -> dict[str, str]:
    """A name for each table's sheet: its own, cut so that it fits and no two are the same to Excel."""
    names: dict[str, str] = {}
    taken = {CONTENTS.casefold(), COLUMNS.casefold()}
    for table in tables:
        name = table[:LONGEST_SHEET_NAME]
        for number in count(2):
            if name.casefold() not in taken:
                break
            name = f"{table[: LONGEST_SHEET_NAME - len(str(number)) - 1]}~{number}"
        taken.add(name.casefold())
        names[table] = name
    return names


def _write_contents(
    sheet: "Worksheet",
    book: "Workbook",
    connection: duckdb.DuckDBPyConnection,
    counts: dict[str, int],
    sheets: dict[str, str],
) -> None:
    told = connection.execute(
        "select schema_name || '.' || table_name, coalesce(comment, '') from duckdb_tables()"
    ).fetchall()
    row_is = dict(told)
    _write_head(sheet, book, [("table", 36), ("rows", 12), ("a row is", 100)])
    number, link = book.add_format({"num_format": "#,##0"}), book.add_format({"font_color": "#0563C1", "underline": 1})
    for place, (table, rows) in enumerate(counts.items(), start=1):
        if table in sheets:
            sheet.write_url(place, 0, f"internal:'{sheets[table]}'!A1", link, string=table)
        else:
            sheet.write_string(place, 0, table)
        sheet.write_number(place, 1, rows, number)
        missing = "" if table in sheets else f"Too long for this workbook: 'retail export --table {table}' writes it. "
        sheet.write_string(place, 2, missing + row_is.get(table, ""))
    sheet.freeze_panes(1, 0)


def _write_columns(
    sheet: "Worksheet", book: "Workbook", connection: duckdb.DuckDBPyConnection, sheets: dict[str, str]
) -> None:
    _write_head(sheet, book, [("table", 36), ("column", 28), ("type", 16), ("what it holds", 100)])
    place = 0
    for table in sheets:
        for column in _columns(connection, table):
            place += 1
            sheet.write_row(place, 0, [table, column.name, column.type_, column.told])
    sheet.autofilter(0, 0, max(place, 1), 3)


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[_Column]:
    """A table's or view's columns, in order; a view has no descriptions of its own."""
    schema, _, name = table.rpartition(".")
    told = connection.execute(
        "select column_name, comment from duckdb_columns() where table_name = ? and schema_name = ?",
        [name, schema or "main"],
    ).fetchall()
    comments = {column: comment or "" for column, comment in told}
    described = connection.execute(f"from {table} limit 0").description or []
    return [_Column(column, str(type_), comments.get(column, "")) for column, type_, *_ in described]


def _write_sheet(sheet: "Worksheet", book: "Workbook", connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """A table's rows below a header that stays in view, with a filter on each column."""
    columns = _columns(connection, table)
    formats = {
        text: book.add_format({"num_format": text}) for text in {column.number_format for column in columns} if text
    }
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width, formats.get(column.number_format))
    _write_head(sheet, book, [(column.name, None) for column in columns])
    result = connection.execute(f"from {table} order by all")
    place = 0
    while rows := result.fetchmany(FETCHED_ROWS):
        for row in rows:
            place += 1
            sheet.write_row(place, 0, [_cell(value) for value in row])
    sheet.autofilter(0, 0, max(place, 1), len(columns) - 1)


def _write_head(sheet: "Worksheet", book: "Workbook", titles: Sequence[tuple[str, int | None]]) -> None:
    head = book.add_format({"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "valign": "top"})
    for place, (title, width) in enumerate(titles):
        if width:
            sheet.set_column(place, place, width)
        sheet.write_string(0, place, title, head)
    sheet.freeze_panes(1, 0)


def _cell(value: Any) -> Any:
    """What a worksheet can hold of a value, text so that it is no formula."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else value
    if isinstance(text, float) and isinf(text):
        return str(text)  # a worksheet knows no infinity
    return f"'{text}" if isinstance(text, str) and text.startswith(tuple(FORMULA_STARTS)) else text
