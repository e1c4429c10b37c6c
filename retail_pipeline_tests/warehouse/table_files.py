"""Tables made for a test: table files written to a folder and read as the pipeline reads its own, and their sources."""

from collections.abc import Sequence
from pathlib import Path

from retail_pipeline.warehouse.sql_file import SqlTable, read_sql_table
from retail_pipeline.warehouse.warehouse import Warehouse


def table_file(
    folder: Path, name: str, select: str, columns: Sequence[str], key: Sequence[str] = (), *, more: str = ""
) -> SqlTable:
    """Write ``<folder>/<schema>/<table>.sql`` and read it.

    Parameters
    ----------
    more
        Further lines of the header, such as ``log_changes: true``.
    """
    schema, table = name.split(".")
    described = "\n".join(f"  {column}: what {column} holds" for column in columns)
    header = f"row: a row of {name}\nkey: [{', '.join(key)}]\n{more}\ncolumns:\n{described}"
    return read_sql_table(write_file(folder / schema / f"{table}.sql", f"/*\n{header}\n*/\n{select}\n"))


def write_file(path: Path, text: str) -> Path:
    """Write a file and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def put(warehouse: Warehouse, table: str, select: str) -> None:
    """Make an upstream table as a whole, as any asset that is no table file does."""
    with warehouse.transaction():
        warehouse.replace(table, select)
        warehouse.books.record_table(
            table,
            row_is=f"a row of {table}",
            rows=warehouse.count(table),
            upstream=(),
            fingerprint="",
            changed=True,
            rebuilt=True,
        )
