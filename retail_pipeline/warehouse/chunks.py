"""Building a large table as a whole, in parts that fit into memory.

The rows of its largest source are cut where they stand, so that each part reads its own stretch of the file only. The
keys whose rows lie in more than one stretch come together in a last part.
"""

import contextlib
from collections.abc import Iterator

import duckdb

from retail_pipeline.errors import WarehouseError
from retail_pipeline.warehouse.incremental import AFFECTED, is_among, keyed_sources, narrowed
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.warehouse import CATALOG, Warehouse

CHUNK_ROWS = 6_000_000
"""Rows of the source that are taken at once; for each, ``core.order_lines`` needs about 800 bytes of memory."""

SCATTERED = "temp.scattered_keys"
SUFFIX = "__in_progress"


def needs_chunks(warehouse: Warehouse, table: SqlTable, *, affected: bool = False) -> bool:
    """Whether a table says of which source's rows it is to be built part by part, and these are many.

    Parameters
    ----------
    affected
        Count those of the affected keys only.
    """
    if table.incremental is None or table.incremental.chunks_of is None:
        return False
    source = table.incremental.chunks_of
    if not warehouse.exists(source) or warehouse.count(source) <= 2 * CHUNK_ROWS:
        return False
    if not affected:
        return True
    rows = warehouse.value(
        f"select count(*) from {source} where {is_among(warehouse, table.incremental.key, AFFECTED)}"
    )
    return bool(rows > 2 * CHUNK_ROWS)


def build_in_chunks(warehouse: Warehouse, table: SqlTable, bound: dict[str, object]) -> None:
    """Run the SELECT part by part into a table beside the one to build; to be used outside of transactions.

    Raises
    ------
    WarehouseError
        when the parts do not hold all rows of the source.
    """
    source, taken = _main_source(table), 0
    new = f"{CATALOG}.{in_progress(table.name)}"
    warehouse.execute(f"create schema if not exists {table.schema}")
    warehouse.execute(f"drop table if exists {new}")
    into = f"create table {new} as"
    with _rows_stay_in_their_places(warehouse):
        for conditions in _chunks(warehouse, table):
            with narrowed(warehouse, table, conditions):
                warehouse.execute(f"{into} {table.query}", bound)
                taken += warehouse.count(source)
            into = f"insert into {new}"
    rows = warehouse.count(source)
    if taken != rows:
        raise WarehouseError(
            f"{table.name}: its parts hold {taken:,} of the {rows:,} rows of {source}, so it was not built. This is an "
            "error of the pipeline: please report it."
        )


def take_over(warehouse: Warehouse, table: SqlTable) -> None:
    """Put what was built part by part in the table's place; call it inside a transaction."""
    warehouse.execute(f"drop table if exists {table.name}")
    warehouse.execute(f"alter table {in_progress(table.name)} rename to {table.name.split('.')[1]}")


def in_progress(table: str) -> str:
    """The table in which another is built part by part."""
    return f"{table}{SUFFIX}"


def drop_unfinished(warehouse: Warehouse) -> None:
    """Drop what a build that did not come to its end left behind."""
    rows = warehouse.execute(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where database_name = ? and ends_with(table_name, ?)",
        [CATALOG, SUFFIX],
    )
    for (name,) in rows.fetchall():
        warehouse.execute(f"drop table {name}")


@contextlib.contextmanager
def _rows_stay_in_their_places(warehouse: Warehouse) -> Iterator[None]:
    """Keep DuckDB from numbering rows anew, as it does at a checkpoint where many have been deleted."""
    warehouse.execute("checkpoint")
    warehouse.execute("set max_vacuum_tasks = 0")
    warehouse.execute("set wal_autocheckpoint = '1TB'")
    try:
        yield
    finally:
        with contextlib.suppress(duckdb.Error):  # only a broken connection gets here, and has raised before
            warehouse.execute("reset wal_autocheckpoint")


def _main_source(table: SqlTable) -> str:
    assert table.incremental is not None
    assert table.incremental.chunks_of is not None
    return table.incremental.chunks_of


def _chunks(warehouse: Warehouse, table: SqlTable) -> Iterator[dict[str, str]]:
    """For each part, the rows of each source that has the table's key, as a condition."""
    assert table.incremental is not None
    key, main = table.incremental.key, _main_source(table)
    warehouse.execute(
        f"create or replace temp table {SCATTERED.removeprefix('temp.')} as "
        f"select {key}::varchar as key_value from {main} group by {key} "
        f"having min(rowid // {CHUNK_ROWS}) <> max(rowid // {CHUNK_ROWS})"
    )
    is_scattered = f"coalesce({is_among(warehouse, key, SCATTERED)}, false)"
    end = int(warehouse.value(f"select max(rowid) + 1 from {main}"))
    stretches = [
        f"rowid >= {start} and rowid < {start + CHUNK_ROWS} and not {is_scattered}"
        for start in range(0, end, CHUNK_ROWS)
    ]
    for stretch in [*stretches, is_scattered]:
        its_keys = f"{key} in (select {key} from {CATALOG}.{main} where {stretch})"
        yield {source: stretch if source == main else its_keys for source in keyed_sources(table)}
    warehouse.execute(f"drop table {SCATTERED}")
