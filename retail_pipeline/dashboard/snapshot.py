"""What the dashboard reads: the published snapshot behind the link, read-only, its answers kept by the file's name.

A snapshot's file is never replaced, so an answer that was once read from it stays right. Each interaction resolves the
link anew and goes on with the newest snapshot; a refresh is never held up, since it writes to other files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import streamlit as st

from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import cannot_open_snapshot, open_snapshot
from retail_pipeline.warehouse.snapshot import connect_as_reader, current_snapshot

KEPT_ANSWERS = 1_000
KEPT_SNAPSHOTS = 2
MOST_ROWS = 200_000
"""Rows that the browser is given at most."""


@dataclass(frozen=True)
class TableWords:
    """What a table says of itself: its comment, and each column's."""

    about: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """One published file."""

    path: Path

    def frame(self, sql: str, **parameters: Any) -> pd.DataFrame:
        """A query's rows; amounts are floats. Parameters are bound by name, never pasted."""
        return _frame(str(self.path), sql, {name: _plain(value) for name, value in parameters.items()})

    def value(self, sql: str, **parameters: Any) -> Any:
        """The only value of a query, None if there is no row or nothing in it."""
        frame = self.frame(sql, **parameters)
        if frame.empty or pd.isna(frame.iloc[0, 0]):
            return None
        return frame.iloc[0, 0]

    def words(self) -> Mapping[str, TableWords]:
        """The tables with what they say of themselves."""
        return _words(str(self.path))

    def has(self, *tables: str) -> bool:
        """Whether all these tables are published."""
        return self.words().keys() >= set(tables)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own, for whoever must stop or read a query bit by bit; close it."""
        return _connection(str(self.path)).cursor()


def published(home: Home) -> Snapshot:
    """The newest snapshot, opened.

    Raises
    ------
    SnapshotMissingError
        when nothing has been published yet.
    WarehouseError
        when the snapshot cannot be read.
    """
    for _ in range(5):
        path = current_snapshot(home)
        if path is None:
            open_snapshot(home).close()  # says why there is none
            continue
        try:
            _connection(str(path))
        except duckdb.Error as error:
            if path.exists():
                raise WarehouseError(cannot_open_snapshot(path, error)) from error
            continue  # dropped between the look and the opening: the link leads elsewhere by now
        return Snapshot(path)
    raise SnapshotMissingError(f"The snapshot of {home.root} cannot be found; run 'retail run'.")


def _plain(value: Any) -> Any:
    """A parameter as something that has an order and can be kept by."""
    return sorted(value) if isinstance(value, (set, frozenset)) else list(value) if isinstance(value, tuple) else value


@st.cache_resource(max_entries=KEPT_SNAPSHOTS, show_spinner=False)
def _connection(path: str) -> duckdb.DuckDBPyConnection:
    return connect_as_reader(Path(path))


@st.cache_data(max_entries=KEPT_ANSWERS, show_spinner=False)
def _frame(path: str, sql: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
    with _connection(path).cursor() as cursor:
        return cursor.execute(sql, dict(parameters) or None).df()


@st.cache_data(max_entries=KEPT_SNAPSHOTS, show_spinner=False)
def _words(path: str) -> dict[str, TableWords]:
    with _connection(path).cursor() as cursor:
        tables = cursor.execute(
            "select schema_name || '.' || table_name, comment from duckdb_tables() where not internal"
        ).fetchall()
        columns = cursor.execute(
            "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
            "where not internal order by column_index"
        ).fetchall()
    texts: dict[str, dict[str, str]] = {name: {} for name, _ in tables}
    for name, column, comment in columns:
        texts.setdefault(name, {})[column] = comment or ""
    return {name: TableWords(comment or "", texts[name]) for name, comment in tables}
