"""Building a table from its file: as a whole, only the affected keys' rows, or not at all."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from retail_pipeline.errors import WarehouseError
from retail_pipeline.warehouse.chunks import build_in_chunks, needs_chunks, take_over
from retail_pipeline.warehouse.incremental import compute_fresh_rows, find_affected_keys, replace_affected_rows
from retail_pipeline.warehouse.sql_file import SqlTable
from retail_pipeline.warehouse.warehouse import Materialisation, Warehouse

SMALL = 100_000
"""Rows up to which a rebuilt table is compared with what it was."""


def build_table(warehouse: Warehouse, table: SqlTable, parameters: Mapping[str, Any]) -> Materialisation:
    """Build a table from its file: as a whole, or only what changed where its header says how.

    It stays as it is if nothing it is made from has changed: none of its upstream tables, nor its code, nor a
    parameter.

    Parameters
    ----------
    parameters
        Values by name; those the SELECT uses are bound.

    Raises
    ------
    SqlFileError
        when the columns that come out are not the header's; the old table stays.
    WarehouseError
        when a parameter is not given, or a column is of a type that a snapshot cannot hold; the old table stays.
    duckdb.Error
        when the SELECT fails; the old table stays.
    """
    started = time.perf_counter()
    with warehouse.remembered_failure(table.name), warehouse.any_order():
        bound = _bind(table, parameters)
        made_by = f"{table.code_version} {table.incremental} {sorted(bound.items())}"
        fingerprint = hashlib.sha256(made_by.encode()).hexdigest()[:16]
        affected = _count_affected_keys(warehouse, table, fingerprint)
        if affected != 0:
            columns = warehouse.result_columns(table.name, table.query, bound)
            table.check_columns([name for name, _ in columns])
            if affected and columns != list(warehouse.columns(table.name).items()):
                affected = None  # a type upstream has changed
            if affected and needs_chunks(warehouse, table, affected=True):
                affected = None  # too much for one piece
        if affected:
            compute_fresh_rows(warehouse, table, bound)
        in_chunks = affected is None and needs_chunks(warehouse, table)
        if in_chunks:
            build_in_chunks(warehouse, table, bound)
        with warehouse.transaction():
            if affected is None:
                _rebuild(warehouse, table, bound, fingerprint, in_chunks=in_chunks)
            else:
                _replace_affected(warehouse, table, affected, fingerprint)
    mode = "full" if affected is None else "incremental" if affected else "unchanged"
    keys = affected if table.incremental else None
    return Materialisation(table.name, warehouse.count(table.name), time.perf_counter() - started, mode, keys)


def _bind(table: SqlTable, parameters: Mapping[str, Any]) -> dict[str, Any]:
    missing = set(table.parameters) - set(parameters)
    if missing:
        raise WarehouseError(f"{table.path}: nothing is bound to ${', $'.join(sorted(missing))}.")
    return {name: parameters[name] for name in table.parameters}


def _count_affected_keys(warehouse: Warehouse, table: SqlTable, fingerprint: str) -> int | None:
    """How many keys' rows must be replaced; None asks for a full build."""
    tables = warehouse.books.tables()
    state = tables.get(table.name)
    if warehouse.full or table.is_volatile or state is None or state.fingerprint != fingerprint:
        return None
    if list(warehouse.columns(table.name)) != list(table.columns):
        return None
    if table.incremental:
        return find_affected_keys(warehouse, table, state, tables)
    unchanged = all(
        source in tables and tables[source].generation <= state.seen_generation for source in table.upstream
    )
    return 0 if unchanged else None


def _rebuild(
    warehouse: Warehouse, table: SqlTable, bound: dict[str, Any], fingerprint: str, *, in_chunks: bool
) -> None:
    """Build a table as a whole.

    Small tables, and those that log their changes, are compared with what they were, so that what is made from them is
    not built again for nothing.
    """
    before = warehouse.described_columns(table.name)
    compare = (
        not in_chunks
        and [name for name, *_ in before] == list(table.columns)
        and (table.log_changes or warehouse.count(table.name) <= SMALL)
    )
    if compare:
        warehouse.execute(f"create or replace temp table rows_before as from {table.name}")
    if in_chunks:
        take_over(warehouse, table)
    else:
        warehouse.replace(table.name, table.query, bound)
    warehouse.describe(table.name, table.row, table.columns)
    if not compare:
        _record(warehouse, table, fingerprint, changed=True, rebuilt=True)
        return
    added = f"from {table.name} except all from temp.rows_before"
    removed = f"from temp.rows_before except all from {table.name}"
    differing = f"from ({added}) union all from ({removed})"
    is_described_otherwise = before != warehouse.described_columns(table.name)
    changed = is_described_otherwise or bool(warehouse.value(f"select count(*) from ({differing})"))
    generation = _record(warehouse, table, fingerprint, changed=changed, rebuilt=changed and not table.log_changes)
    if changed and table.log_changes:
        key = table.key[0]
        warehouse.books.log_changed_keys(table.name, key, f"select {key} from ({differing})", generation)
    warehouse.execute("drop table temp.rows_before")


def _replace_affected(warehouse: Warehouse, table: SqlTable, affected: int, fingerprint: str) -> None:
    changes = replace_affected_rows(warehouse, table) if affected else {}
    warehouse.keep_described(table.name, table.row, table.columns)
    generation = _record(warehouse, table, fingerprint, changed=affected > 0, rebuilt=False)
    for column, values in changes.items():
        warehouse.books.log_changed_keys(table.name, column, values, generation)


def _record(warehouse: Warehouse, table: SqlTable, fingerprint: str, *, changed: bool, rebuilt: bool) -> int:
    return warehouse.books.record_table(
        table.name,
        row_is=table.row,
        rows=warehouse.count(table.name),
        upstream=table.upstream,
        fingerprint=fingerprint,
        changed=changed,
        rebuilt=rebuilt,
    )
