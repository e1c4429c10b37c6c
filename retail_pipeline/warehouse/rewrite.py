"""Writing database files anew, so that what was taken out of their tables is not in their bytes either."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import STORAGE_VERSION, current_snapshot, point_link, snapshots
from retail_pipeline.warehouse.working_database import WorkingDatabase

CUSTOMER, FORGOTTEN = "customer_id", "forgotten"
FREE_TEXTS = ("raw.rejected_rows", "meta.checks", "meta.runs", "meta.tables")
"""Tables whose texts may quote what a file said."""


def rewrite_snapshots(home: Home, names: Sequence[str], pseudonym: str) -> list[Path]:
    """Put a pseudonym in the place of a customer's names in every kept snapshot that holds them.

    A file that readers may have open is not written to: each is copied under a new name, the link moves where it led to
    the old one, and that goes. Who has it open keeps reading what it held until closing it.

    Returns
    -------
    The new files.
    """
    published = current_snapshot(home)
    rewritten = []
    for path in snapshots(home):
        if not _holds_names(path, names):
            continue
        target = path.with_name(f"{path.stem}-{FORGOTTEN}.duckdb")
        _rewrite_snapshot(path, target, names, pseudonym)
        if path == published:
            point_link(home.warehouse_link, target)
        path.unlink()
        rewritten.append(target)
    return rewritten


def _holds_names(path: Path, names: Sequence[str]) -> bool:
    with duckdb.connect(str(path), read_only=True) as connection:
        for table, column in _text_columns(connection):
            condition = _condition(table, column, len(names))
            query = f"select count(*) from {table} where {condition}"
            if condition and connection.execute(query, list(names)).fetchall() != [(0,)]:
                return True
    return False


def _rewrite_snapshot(path: Path, target: Path, names: Sequence[str], pseudonym: str) -> None:
    changed, clean = path.with_name(f"{path.name}.changed.tmp"), path.with_name(f"{path.name}.clean.tmp")
    try:
        _copy(path, changed)
        with duckdb.connect(str(changed)) as connection:
            for table, column in _text_columns(connection):
                condition = _condition(table, column, len(names))
                if condition:
                    value = pseudonym if column == CUSTOMER else f"[{FORGOTTEN}]"
                    connection.execute(f'update {table} set "{column}" = ? where {condition}', [value, *names])
        _copy(changed, clean)
        clean.chmod(0o444)
        clean.replace(target)
    finally:
        changed.unlink(missing_ok=True)
        clean.unlink(missing_ok=True)


def _text_columns(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where not internal and data_type = 'VARCHAR'"
    ).fetchall()


def _condition(table: str, column: str, names: int) -> str:
    """What tells that a column holds one of so many names, bound as parameters; empty where none can be."""
    if column == CUSTOMER:
        return f'"{column}" in ({", ".join("?" * names)})'
    if table in FREE_TEXTS:
        return " or ".join([f'contains(lower("{column}"), lower(?))'] * names)
    return ""


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{_literal(source)}' as source (read_only)")
        connection.execute(f"attach '{_literal(target)}' as target (storage_version '{STORAGE_VERSION}')")
        connection.execute("copy from database source to target")


def rewrite_working_database(database: WorkingDatabase) -> None:
    """Copy the working database into a new file in its place; to be called by who holds it, before letting go.

    Whoever waits for it opens it by its name, and so gets the new file.
    """
    path = database.home.working_database
    target = path.with_name(f"{path.name}.clean.tmp")
    target.unlink(missing_ok=True)
    try:
        database.connection.execute("checkpoint")
        database.connection.execute(f"attach '{_literal(target)}' as clean")
        database.connection.execute("copy from database warehouse to clean")
        database.connection.execute("detach clean")
        target.replace(path)
    finally:
        target.unlink(missing_ok=True)


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
