"""Writing database files anew, so that what was taken out of their tables is not in their bytes either."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from retail_pipeline.home import Home
from retail_pipeline.warehouse.snapshot import current_snapshot, point_link, snapshots
from retail_pipeline.warehouse.working_database import STORAGE_VERSION, WorkingDatabase

REWRITTEN = "-rewritten"
QUOTING_META = ("meta.checks", "meta.runs", "meta.tables")
"""Tables of a snapshot whose texts may quote rows."""


@dataclass(frozen=True)
class Replacement:
    """What takes the place of names: ``pseudonym`` in every column ``column``, ``blank`` in texts that mention one.

    ``texts`` are tables, beside those of ``meta``, all of whose texts may do so.
    """

    names: tuple[str, ...]
    column: str
    pseudonym: str
    texts: tuple[str, ...]
    blank: str


def mentions(text: str) -> str:
    """SQL for whether a text holds the name bound to the one parameter, as a word of its own, in whatever case."""
    return rf"regexp_matches({text}, '(?i)(?:^|[^\w@.+-])' || regexp_escape(?) || '\.?(?:[^\w@.-]|$)')"


def rewrite_snapshots(home: Home, replacement: Replacement) -> list[Path]:
    """Replace names in every kept snapshot, and leave out what earlier changes left of them in its file's bytes.

    A file that readers may have open is not written to: each is copied under a new name, the link moves where it led to
    the old one, and that goes. Who has it open keeps reading what it held until closing it.

    Returns
    -------
    The new files.
    """
    published = current_snapshot(home)
    rewritten = []
    for path in snapshots(home):
        stem, _, times = path.stem.partition(REWRITTEN)
        target = path.with_name(f"{stem}{REWRITTEN}{int(times or 0) + 1}.duckdb")
        _rewrite_snapshot(path, target, replacement)
        if path == published:
            point_link(home.warehouse_link, target)
        path.unlink()
        rewritten.append(target)
    return rewritten


def _rewrite_snapshot(path: Path, target: Path, replacement: Replacement) -> None:
    changed, clean = path.with_name(f"{path.name}.changed.tmp"), path.with_name(f"{path.name}.clean.tmp")
    try:
        _copy(path, changed)
        with duckdb.connect(str(changed)) as connection:
            for table, column, condition, value in _places(connection, replacement):
                connection.execute(f"update {table} set {column} = ? where {condition}", [value, *replacement.names])
        _copy(changed, clean)
        clean.chmod(0o444)
        clean.replace(target)
    finally:
        changed.unlink(missing_ok=True)
        clean.unlink(missing_ok=True)


def _places(connection: duckdb.DuckDBPyConnection, replacement: Replacement) -> Iterator[tuple[str, str, str, str]]:
    """Where names can be: table, column, the condition under which one is, and what takes its place."""
    columns = connection.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where not internal and data_type = 'VARCHAR'"
    ).fetchall()
    for table, column in columns:
        if column == replacement.column:
            yield table, column, f"{column} in ({', '.join('?' * len(replacement.names))})", replacement.pseudonym
        elif table in (*replacement.texts, *QUOTING_META):
            quoted = f'"{column}"'
            yield table, quoted, " or ".join([mentions(quoted)] * len(replacement.names)), replacement.blank


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
    path, run = database.home.working_database, database.connection.execute
    target = path.with_name(f"{path.name}.clean.tmp")
    target.unlink(missing_ok=True)
    try:
        run("checkpoint")
        run(f"attach '{_literal(target)}' as clean (storage_version '{STORAGE_VERSION}')")
        run("copy from database warehouse to clean")
        run("update clean.pipeline.state set holds_removed = false")
        run("detach clean")
        target.replace(path)
    finally:
        target.unlink(missing_ok=True)


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
