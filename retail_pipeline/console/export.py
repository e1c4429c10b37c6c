"""``retail export``: the snapshot's tables as files, or the customers of a segment as a list to act on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from retail_pipeline.console.classic_files import CLASSIC_FILES
from retail_pipeline.console.workbook import FORMULA_STARTS, write_table, write_workbook
from retail_pipeline.errors import RetailPipelineError, SelectionError, SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.reports.files import read_rows
from retail_pipeline.reports.summary import render_summary
from retail_pipeline.warehouse.bookkeeping import first_row
from retail_pipeline.warehouse.reader import cannot_open_snapshot
from retail_pipeline.warehouse.snapshot import current_snapshot

FILE_KINDS = ("csv", "parquet", "xlsx")
WORKBOOK, SUMMARY = "tables.xlsx", "project_summary.html"
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


def export_tables(home: Home, folder: Path, kind: str, tables: tuple[str, ...]) -> list[tuple[Path, int]]:
    """Write tables to ``<folder>/<schema>.<table>.<kind>``, each file at one stroke.

    All tables as xlsx are one workbook, ``tables.xlsx``, with a sheet for each that is not large. In csv and xlsx,
    text that a spreadsheet would take for a formula gets an apostrophe in front.

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
        if kind == "xlsx" and not tables:
            return _write_all(connection, chosen, folder / WORKBOOK)
        return [_write(connection, name, folder / f"{name}.{kind}", kind) for name in chosen]


def export_classic_files(home: Home, folder: Path) -> list[tuple[Path, int]]:
    """Write the four csv files of :mod:`retail_pipeline.console.classic_files` whose tables are published.

    Returns
    -------
    The files and their rows.

    Raises
    ------
    RetailPipelineError
        when the snapshot is damaged, or the folder is no folder.
    """
    with _published(home, folder) as connection:
        known = _known_tables(connection)
        written = []
        for file in CLASSIC_FILES:
            if all(table in known for table in file.tables):
                connection.execute(f"create temp view {file.name} as {file.select}")
                written.append(_write(connection, file.name, folder / f"{file.name}.csv", "csv"))
        return written


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


def export_summary(home: Home, folder: Path) -> Path:
    """Write the project's summary, one printable page; returns its path.

    Raises
    ------
    RetailPipelineError
        when the snapshot is damaged, or the folder is no folder.
    """
    target = folder / SUMMARY
    with _published(home, folder) as connection, _at_one_stroke(target) as temporary:
        temporary.write_text(render_summary(read_rows(connection), _known_tables(connection)), encoding="utf-8")
    return target


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
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        reason = str(error).splitlines()[0]
        raise WarehouseError(
            f"The snapshot lacks what is asked for ({reason}): another release made it. "
            "Run 'retail run', then ask again."
        ) from error
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
    with _at_one_stroke(target) as temporary:
        if kind == "xlsx":
            write_table(connection, table, temporary)
        else:
            columns = "*" if kind == "parquet" else _defused_columns(connection, table)
            options = "format parquet" if kind == "parquet" else "format csv, header"
            name = str(temporary).replace("'", "''")
            connection.execute(f"copy (select {columns} from {table} order by all) to '{name}' ({options})")
    return target, int(row[0]) if row else 0


def _write_all(connection: duckdb.DuckDBPyConnection, tables: tuple[str, ...], target: Path) -> list[tuple[Path, int]]:
    with _at_one_stroke(target) as temporary:
        written = write_workbook(connection, tables, temporary)
    return [(target, sum(rows for _, rows in written))]


@contextlib.contextmanager
def _at_one_stroke(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes the file when all is written, and is removed when not."""
    temporary = target.with_name(f".{target.name}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _defused_columns(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The columns of a table to select, the text ones so that no value begins as a formula does."""
    columns = []
    for name, type_, *_ in connection.execute(f"from {table} limit 0").description or []:
        column = '"' + name.replace('"', '""') + '"'
        if str(type_) == "VARCHAR":
            is_formula = f"{column} <> '' and contains('{FORMULA_STARTS}', left({column}, 1))"
            column = f"case when {is_formula} then concat(chr(39), {column}) else {column} end as {column}"
        columns.append(column)
    return ", ".join(columns)
