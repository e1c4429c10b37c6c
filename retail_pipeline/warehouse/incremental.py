"""Replacing only the rows that a change upstream can have touched.

What must be replaced is found by the keys that were logged as changed since the table was last built. The SELECT's
own text then runs in a catalog of views in which its keyed sources are reduced to those keys; its result takes the
place of the affected rows in one transaction.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from retail_pipeline.warehouse.bookkeeping import TableState
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.sql_header import Incremental
from retail_pipeline.warehouse.warehouse import Warehouse

AFFECTED, CHANGED, FRESH = "temp.affected_keys", "temp.changed_values", "temp.fresh_rows"
TOUCHED = "temp.touched"


def find_affected_keys(
    warehouse: Warehouse, table: SqlTable, state: TableState, tables: Mapping[str, TableState]
) -> int | None:
    """Collect the affected keys in a temporary table and count them; None asks for a full build.

    Parameters
    ----------
    state
        The table as it was last built.
    tables
        All tables there are.
    """
    incremental = _incremental(table)
    warehouse.execute(f"create or replace temp table {_name(AFFECTED)} (key_value varchar)")
    for source, column in incremental.sources.items():
        if source not in tables:
            return None
        changed_wholly = tables[source].generation if column is None else tables[source].rebuilt_generation
        if changed_wholly > state.seen_generation:
            return None
        if column is not None and tables[source].generation > state.seen_generation:
            if not warehouse.books.logs_changes_by(source, column):
                return None  # what changed cannot be known by this column
            _collect(warehouse, table, source, column, state.seen_generation)
    return int(warehouse.value(f"select count(*) from (select distinct key_value from {AFFECTED})"))


def _collect(warehouse: Warehouse, table: SqlTable, source: str, column: str, seen: int) -> None:
    key = _incremental(table).key
    warehouse.execute(
        f"create or replace temp table {_name(CHANGED)} as select distinct key_value from pipeline.changed_keys "
        "where table_name = $source and key_name = $column and generation > $seen",
        {"source": source, "column": column, "seen": seen},
    )
    holding = f"select key_value from {CHANGED}"
    if column != key:
        holding = f"select distinct {key}::varchar from {table.name} where {is_among(warehouse, column, CHANGED)}"
    warehouse.execute(f"insert into {AFFECTED} {holding}")


def compute_fresh_rows(warehouse: Warehouse, table: SqlTable, bound: dict[str, Any]) -> None:
    """Run the SELECT for the affected keys into a temporary table."""
    condition = is_among(warehouse, _incremental(table).key, AFFECTED)
    with narrowed(warehouse, table, dict.fromkeys(keyed_sources(table), condition)):
        warehouse.execute(f"create or replace temp table {_name(FRESH)} as {table.query}", bound)


def keyed_sources(table: SqlTable) -> list[str]:
    """The sources whose rows are confined by the table's own key."""
    incremental = _incremental(table)
    return [source for source, column in incremental.sources.items() if column == incremental.key]


def replace_affected_rows(warehouse: Warehouse, table: SqlTable) -> dict[str, str]:
    """Put the fresh rows in the place of the affected ones; call it inside a transaction.

    Returns
    -------
    By the column: a SELECT of the keys that were affected, and one for each further column by which changes are logged,
    of its values in the rows that went and in those that came.
    """
    incremental = _incremental(table)
    affected = is_among(warehouse, incremental.key, AFFECTED)
    changes = {incremental.key: f"select key_value from {AFFECTED}"}
    for column in incremental.log:
        touched = f"{TOUCHED}_{column}"
        warehouse.execute(
            f"create or replace temp table {_name(touched)} as select {column}::varchar from {table.name} "
            f"where {affected} union select {column}::varchar from {FRESH} where {affected}"
        )
        changes[column] = f"from {touched}"
    warehouse.delete(table.name, affected)
    # a SELECT whose sources are not all keyed makes rows of other keys too, which are there already
    warehouse.execute(f"insert into {table.name} from {FRESH} where {affected}")
    warehouse.execute(f"drop table {FRESH}")
    return changes


@contextlib.contextmanager
def narrowed(warehouse: Warehouse, table: SqlTable, conditions: Mapping[str, str]) -> Iterator[None]:
    """Make the default a catalog in which sources are reduced to the rows that meet a condition.

    To be used outside of transactions: ``use`` is refused in one that has failed, and no rollback takes it back.

    Parameters
    ----------
    conditions
        For each source that is to be reduced.
    """
    catalog = warehouse.value("select current_database()")
    warehouse.execute("attach or replace ':memory:' as narrowed")
    try:
        for source in table.upstream:
            warehouse.execute(f"create schema if not exists narrowed.{source.split('.')[0]}")
            rows = f"where {conditions[source]}" if source in conditions else ""
            warehouse.execute(f"create view narrowed.{source} as select * from {catalog}.{source} {rows}")
        warehouse.execute("use narrowed")
        yield
    finally:
        with contextlib.suppress(duckdb.Error):  # only a broken connection gets here, and has raised before
            warehouse.execute(f"use {catalog}")
            warehouse.execute("detach narrowed")


def is_among(warehouse: Warehouse, column: str, keys: str) -> str:
    """A condition on a column: its value is in a table of keys, where null is a key like others."""
    condition = f"{column}::varchar in (select key_value from {keys})"
    holds_null = warehouse.value(f"select count(*) from {keys} where key_value is null")
    return f"({condition} or {column} is null)" if holds_null else condition


def _incremental(table: SqlTable) -> Incremental:
    assert table.incremental is not None
    return table.incremental


def _name(temporary: str) -> str:
    return temporary.removeprefix("temp.")
