"""A run's hold on the warehouse: build tables in the working database, read them, remember what was done."""

import contextlib
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from retail_pipeline.errors import SelectionError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.bookkeeping import Bookkeeping, first_row, transaction
from retail_pipeline.warehouse.sql_header import IDENTIFIER

if TYPE_CHECKING:
    import pandas as pd

CATALOG = "warehouse"
LARGE, MOST_DELETED = 200_000, 0.1
"""Rows from which a table counts as large, and the share of them that may be deleted before their room is won back."""
UNREADABLE_TYPES = re.compile(r"\b(TIMESTAMPTZ_NS|VARIANT|TUPLE)\b")
"""Types that a snapshot cannot hold: older DuckDB clients could not open the file, or the copy is refused."""


@dataclass(frozen=True)
class Materialisation:
    """What building a table did. ``mode`` is 'full', 'incremental' or 'unchanged'."""

    table: str
    rows: int
    seconds: float
    mode: str
    affected_keys: int | None = None


class Warehouse:
    """The working database of one run.

    Parameters
    ----------
    connection
        An open, locked connection, from :class:`~retail_pipeline.warehouse.working_database.WorkingDatabase`.
    full
        Build every table as a whole, whether anything changed or not.
    training
        Fit models anew, also where a saved one would do.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        home: Home,
        settings: Settings,
        run_id: str,
        *,
        full: bool = False,
        training: bool = False,
    ) -> None:
        self.connection = connection
        self.home = home
        self.settings = settings
        self.run_id = run_id
        self.full = full
        self.training = training
        self.books = Bookkeeping(connection, run_id)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what happens inside is committed at the end, or rolled back if it raises."""
        with transaction(self.connection):
            yield

    @contextlib.contextmanager
    def any_order(self) -> Iterator[None]:
        """Tables made inside may have their rows in any order, so that each thread writes its own.

        To be used outside of transactions: nothing can be set in one that has failed.
        """
        self.execute("set preserve_insertion_order = false")
        try:
            yield
        finally:
            with contextlib.suppress(duckdb.Error):  # only a broken connection gets here, and has raised before
                self.execute("reset preserve_insertion_order")

    def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Run SQL with bound parameters; fetch from what is returned."""
        return self.connection.execute(sql, parameters)

    def value(self, sql: str, parameters: Any = None) -> Any:
        """The first column of the first row of a query, None if there is no row."""
        row = self.row(sql, parameters)
        return row[0] if row else None

    def row(self, sql: str, parameters: Any = None) -> tuple[Any, ...] | None:
        """The first row of a query, None if there is none."""
        return first_row(self.connection, sql, parameters)

    def exists(self, table: str) -> bool:
        """Whether ``schema.table`` is there."""
        return bool(self.columns(table))

    def columns(self, table: str) -> dict[str, str]:
        """The columns of ``schema.table`` and their types, in order; empty if there is no such table."""
        return {column: type_ for column, type_, _ in self.described_columns(table)}

    def described_columns(self, table: str) -> list[tuple[str, str, str | None]]:
        """The columns of ``schema.table`` in order: name, type and what it says to hold."""
        schema, name = table.split(".")
        return self.connection.execute(
            "select column_name, data_type, comment from duckdb_columns() where database_name = ? and schema_name = ? "
            "and table_name = ? order by column_index",
            [CATALOG, schema, name],
        ).fetchall()

    def read(self, query: str, parameters: Any = None) -> "pd.DataFrame":
        """A table (``schema.table``) or a query as a DataFrame."""
        sql = f"from {query}" if is_table_name(query) else query
        return self.connection.execute(sql, parameters).df()

    def write(
        self,
        table: str,
        frame: "pd.DataFrame",
        *,
        row_is: str,
        columns: Mapping[str, str],
        types: Mapping[str, str] | None = None,
        upstream: tuple[str, ...] = (),
        fingerprint: str = "",
    ) -> Materialisation:
        """Replace a table by a DataFrame whose columns are those described, in one transaction.

        A table that holds just these rows already stays as it is.

        Parameters
        ----------
        types
            The SQL types of the columns; those that DuckDB reads off the DataFrame if not given.
        fingerprint
            Of what the table is made by, for :meth:`is_current`.
        """
        with self.remembered_failure(table):
            given = list(frame.columns)
            if given != list(columns):
                raise WarehouseError(f"{table}: the columns {given} are not the described {list(columns)}.")
            try:
                self.connection.register("incoming_frame", frame)
            except duckdb.Error:
                self.connection.register("incoming_frame", frame.copy())  # DuckDB 2.0 cannot read a reversed view
        try:
            select = "from incoming_frame"
            if types:
                casts = ", ".join(
                    f"cast({_quoted(name)} as {type_}) as {_quoted(name)}" for name, type_ in types.items()
                )
                select = f"select {casts} from incoming_frame"
            return self._write(table, select, None, row_is, columns, upstream, fingerprint)
        finally:
            self.connection.unregister("incoming_frame")

    def write_rows(
        self,
        table: str,
        rows: list[dict[str, Any]],
        *,
        types: Mapping[str, str],
        row_is: str,
        columns: Mapping[str, str],
    ) -> Materialisation:
        """Replace a small table by rows whose values are of the SQL types given, as :meth:`write` does."""
        struct = ", ".join(f"{_quoted(name)} {type_}" for name, type_ in types.items())
        select = f"select row_.* from (select unnest($rows::struct({struct})[]) as row_)"
        return self._write(table, select, {"rows": rows}, row_is, columns, ())

    def _write(
        self,
        table: str,
        select: str,
        parameters: Any,
        row_is: str,
        columns: Mapping[str, str],
        upstream: tuple[str, ...],
        fingerprint: str = "",
    ) -> Materialisation:
        started = time.perf_counter()
        with self.remembered_failure(table), self.transaction():
            columns_change = self.result_columns(table, select, parameters) != list(self.columns(table).items())
            changed = self.full or columns_change or not self._holds_already(table, select, parameters)
            if changed:
                self.replace(table, select, parameters)
            self.keep_described(table, row_is, columns)
            rows = self.count(table)
            self.books.record_table(
                table,
                row_is=row_is,
                rows=rows,
                upstream=upstream,
                fingerprint=fingerprint,
                changed=changed,
                rebuilt=changed,
            )
        return Materialisation(table, rows, time.perf_counter() - started, "full" if changed else "unchanged")

    def is_current(self, table: str, upstream: Iterable[str], fingerprint: str) -> bool:
        """Whether a table need not be made anew: it was made by the same, and nothing it is made from has changed."""
        tables = self.books.tables()
        state = tables.get(table)
        if self.full or state is None or state.fingerprint != fingerprint or not self.exists(table):
            return False
        return all(source in tables and tables[source].generation <= state.seen_generation for source in upstream)

    def leave(self, table: str, *, row_is: str, upstream: tuple[str, ...], fingerprint: str) -> Materialisation:
        """Note that a table is current as it is."""
        rows = self.count(table)
        with self.transaction():
            self.books.record_table(
                table,
                row_is=row_is,
                rows=rows,
                upstream=upstream,
                fingerprint=fingerprint,
                changed=False,
                rebuilt=False,
            )
        return Materialisation(table, rows, 0.0, "unchanged")

    def _holds_already(self, table: str, select: str, parameters: Any) -> bool:
        if table not in self.books.tables():
            return False
        if self.count(table) != self.value(f"select count(*) from ({select})", parameters):
            return False
        return not self.value(f"select count(*) from (from {table} except all ({select}))", parameters)

    def result_columns(self, table: str, select: str, parameters: Any) -> list[tuple[str, str]]:
        """Names and types of what a SELECT returns: the names as they are written, not as a table would have them."""
        columns = [(name, type_) for name, type_, *_ in self.execute(f"describe {select}", parameters).fetchall()]
        for column, type_ in columns:
            if UNREADABLE_TYPES.search(type_):
                raise WarehouseError(
                    f"{table}: the column {column} is of type {type_}, which DuckDB 1.4 cannot read; cast it."
                )
        return columns

    @contextlib.contextmanager
    def remembered_failure(self, *tables: str) -> Iterator[None]:
        """A build whose failure is noted, so that readers learn that the tables are stale."""
        try:
            yield
        except SelectionError:
            raise  # asked wrongly, which says nothing of the tables
        except Exception as error:
            with contextlib.suppress(duckdb.Error):
                for table in tables:
                    self.books.record_failure(table, str(error))
            raise

    def replace(self, table: str, select: str, parameters: Any = None) -> None:
        """Create or replace ``schema.table`` from a SELECT; call it inside a transaction."""
        self.execute(f"create schema if not exists {table.split('.')[0]}")
        self.execute(f"create or replace table {table} as {select}", parameters)

    def delete(self, table: str, condition: str, parameters: Any = None) -> int:
        """Delete rows of ``schema.table`` and return how many; call it inside a transaction.

        Once they are a tenth of a large table, their room is won back at the next checkpoint. Until then it is not:
        DuckDB would pack rows of other tables anew as well, in one thread.
        """
        deleted = int(self.value(f"delete from {table} where {condition}", parameters))
        if not deleted:
            return 0
        schema, name = table.split(".")
        held = self.value(
            "select estimated_size from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?",
            [CATALOG, schema, name],
        )
        if held > LARGE and held > (1 + MOST_DELETED) * self.count(table):
            self.execute("reset max_vacuum_tasks")
        return deleted

    def describe(self, table: str, row_is: str, columns: Mapping[str, str]) -> None:
        """Set the comments that readers see on a table and its columns."""
        self.execute(f"comment on table {table} is {_literal(_table_comment(row_is))}")
        for column, text in columns.items():
            self.execute(f"comment on column {table}.{_quoted(column)} is {_literal(text)}")

    def keep_described(self, table: str, row_is: str, columns: Mapping[str, str]) -> None:
        """Set the comments if they are not there, or are others."""
        schema, name = table.split(".")
        comment = self.value(
            "select comment from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?",
            [CATALOG, schema, name],
        )
        present = {column: text for column, _, text in self.described_columns(table)}
        if comment != _table_comment(row_is) or present != dict(columns):
            self.describe(table, row_is, columns)
            self.books.next_generation()

    def drop_tables_but(self, known: Collection[str]) -> list[str]:
        """Drop the tables that the pipeline once made and that are no more among those it makes; returns them."""
        gone = [name for name in self.books.tables() if name not in known]
        for name in gone:
            with self.transaction():
                self.execute(f"drop table if exists {name}")
                self.books.forget_table(name)
        return gone

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.value(f"select count(*) from {table}"))


def is_table_name(text: str) -> bool:
    """Whether a text is a plain ``schema.table``."""
    parts = text.split(".")
    return len(parts) == 2 and all(IDENTIFIER.match(part) for part in parts)


def _table_comment(row_is: str) -> str:
    return f"A row is {row_is}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
