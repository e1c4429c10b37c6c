"""``retail export``: the snapshot's tables as files, or the customers of a segment as a list to act on."""

import contextlib
from collections.abc import Iterator
from math import isinf
from pathlib import Path

import duckdb

from retail_pipeline.errors import RetailPipelineError, SelectionError, SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.bookkeeping import first_row
from retail_pipeline.warehouse.reader import cannot_open_snapshot
from retail_pipeline.warehouse.snapshot import current_snapshot

FILE_KINDS = ("csv", "parquet", "xlsx")
EXCEL_ROWS = 1_048_575
LIST_TABLES = ("customers.rfm_scores", "customers.features", "customers.segment_actions")
SEGMENT_LIST = """
    select
        scores.customer_id,
        scores.segment,
        scores.rfm_score,
        scores.churn_risk,
        features.lifecycle_stage,
        scores.recency_days,
        scores.frequency,
        scores.monetary,
        features.avg_order_value,
        features.usual_gap_days,
        features.country,
        actions.priority,
        actions.action,
        actions.channel
    from customers.rfm_scores as scores
    join customers.segment_actions as actions on scores.segment = actions.segment
    left join customers.features as features on scores.customer_id = features.customer_id
"""
FORMULA_STARTS = "=+-@\t\r\n"
"""A spreadsheet takes text that begins so for a formula, or looks for one behind it."""


def export_tables(home: Home, folder: Path, kind: str, tables: tuple[str, ...]) -> list[tuple[Path, int]]:
    """Write tables to ``<folder>/<schema>.<table>.<kind>``, each file at one stroke.

    In csv and xlsx, text that a spreadsheet would take for a formula gets an apostrophe in front.

    Parameters
    ----------
    kind
        'csv', 'parquet' or 'xlsx'.
    tables
        ``schema.table`` names; all but ``raw`` and ``meta`` if empty.

    Returns
    -------
    The files and their rows.

    Raises
    ------
    SelectionError
        when a table is unknown.
    RetailPipelineError
        when a table is too long for a worksheet, the snapshot is damaged, or the folder is no folder.
    """
    with _published(home, folder) as connection:
        chosen = _choose(connection, tables)
        return [(_write(connection, name, folder / f"{name}.{kind}", kind)) for name in chosen]


def export_segment(home: Home, folder: Path, kind: str, segment: str) -> tuple[Path, int]:
    """Write the customers of an RFM segment, with what to do about them, to ``<folder>/segment-at-risk.<kind>``.

    Parameters
    ----------
    kind
        'csv', 'parquet' or 'xlsx'.
    segment
        One of the ten, in whatever case.

    Returns
    -------
    The file and its customers.

    Raises
    ------
    SelectionError
        when there is no such segment, or the tables of the list are not published yet.
    RetailPipelineError
        as :func:`export_tables` does.
    """
    with _published(home, folder) as connection:
        missing = [name for name in LIST_TABLES if name not in _known_tables(connection)]
        if missing:
            raise SelectionError(f"{missing[0]} is not published in {home.root} yet; run 'retail run' first.")
        rows = connection.execute("select segment from customers.segment_actions order by priority").fetchall()
        known = {name.casefold(): name for (name,) in rows}
        name = known.get(" ".join(segment.split()).casefold())
        if name is None:
            raise SelectionError(f"There is no segment {segment!r}. Segments: {', '.join(known.values())}.")
        literal = name.replace("'", "''")
        connection.execute(f"create temp view segment_list as {SEGMENT_LIST} where scores.segment = '{literal}'")
        target = folder / f"segment-{name.lower().replace(' ', '-')}.{kind}"
        return _write(connection, "segment_list", target, kind)


@contextlib.contextmanager
def _published(home: Home, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The snapshot, opened to be written from into a folder, which is made."""
    snapshot = current_snapshot(home)
    if snapshot is None:
        raise SnapshotMissingError(f"Nothing is published in {home.root} yet; run 'retail run' first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RetailPipelineError(f"{folder} cannot be used as a folder ({error.strerror}). Name another.") from error
    try:
        with duckdb.connect(str(snapshot), read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        raise WarehouseError(cannot_open_snapshot(snapshot, error)) from error


def _choose(connection: duckdb.DuckDBPyConnection, tables: tuple[str, ...]) -> tuple[str, ...]:
    known = _known_tables(connection)
    unknown = [name for name in tables if name not in known]
    if unknown:
        raise SelectionError(f"There is no table {unknown[0]}. Tables: {', '.join(known)}.")
    return tables or tuple(name for name in known if not name.startswith(("raw.", "meta.")))


def _known_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("select schema_name || '.' || table_name from duckdb_tables() order by 1").fetchall()
    return [name for (name,) in rows]


def _write(connection: duckdb.DuckDBPyConnection, table: str, target: Path, kind: str) -> tuple[Path, int]:
    row = first_row(connection, f"select count(*) from {table}")
    count = int(row[0]) if row else 0
    temporary = target.with_name(f".{target.name}")
    try:
        if kind == "xlsx":
            _write_workbook(connection, table, temporary, count)
        else:
            columns = "*" if kind == "parquet" else _defused_columns(connection, table)
            options = "format parquet" if kind == "parquet" else "format csv, header"
            name = str(temporary).replace("'", "''")
            connection.execute(f"copy (select {columns} from {table} order by all) to '{name}' ({options})")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target, count


def _defused_columns(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The columns of a table to select, the text ones so that no value begins as a formula does."""
    columns = []
    for name, type_, *_ in connection.execute(f"describe {table}").fetchall():
        column = '"' + name.replace('"', '""') + '"'
        if type_ == "VARCHAR":
            is_formula = f"{column} <> '' and contains('{FORMULA_STARTS}', left({column}, 1))"
            column = f"case when {is_formula} then concat(chr(39), {column}) else {column} end as {column}"
        columns.append(column)
    return ", ".join(columns)


def _write_workbook(connection: duckdb.DuckDBPyConnection, table: str, target: Path, count: int) -> None:
    import xlsxwriter

    if count > EXCEL_ROWS:
        raise RetailPipelineError(
            f"{table} has {count:,} rows, a worksheet holds {EXCEL_ROWS:,}. Export it as csv or parquet."
        )
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "nan_inf_to_errors": True,
    }
    with xlsxwriter.Workbook(str(target), {**options, "default_date_format": "yyyy-mm-dd hh:mm:ss"}) as book:
        sheet = book.add_worksheet(table[:31])
        result = connection.execute(f"from {table} order by all")
        sheet.write_row(0, 0, [column[0] for column in result.description or []])
        place = 0
        while rows := result.fetchmany(10_000):
            for row in rows:
                place += 1
                sheet.write_row(place, 0, [_cell(value) for value in row])


def _cell(value: object) -> object:
    text = ", ".join(map(str, value)) if isinstance(value, list) else value
    if isinstance(text, float) and isinf(text):
        return str(text)  # a worksheet knows no infinity
    return f"'{text}" if isinstance(text, str) and text.startswith(tuple(FORMULA_STARTS)) else text
