"""A run's hold on the warehouse: build tables in the working database, read them, remember what was done."""

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from retail_pipeline.errors import WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.bookkeeping import Bookkeeping, first_row
from retail_pipeline.warehouse.sql_file import IDENTIFIER, SqlTable

if TYPE_CHECKING:
    import pandas as pd

CATALOG = "warehouse"


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
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, home: Home, settings: Settings, run_id: str, *, full: bool = False
    ) -> None:
        self.connection = connection
        self.home = home
        self.settings = settings
        self.run_id = run_id
        self.full = full
        self.books = Bookkeeping(connection, run_id)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what happens inside is committed at the end, or rolled back if it raises."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

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
        schema, name = table.split(".")
        return bool(
            self.value(
                "select count(*) from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?",
                [CATALOG, schema, name],
            )
        )

    def columns(self, table: str) -> dict[str, str]:
        """The columns of ``schema.table`` and their types, in order; empty if there is no such table."""
        schema, name = table.split(".")
        rows = self.connection.execute(
            "select column_name, data_type from duckdb_columns() where database_name = ? and schema_name = ? "
            "and table_name = ? order by column_index",
            [CATALOG, schema, name],
        ).fetchall()
        return {column: str(type_) for column, type_ in rows}

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
        upstream: tuple[str, ...] = (),
    ) -> Materialisation:
        """Replace a table by a DataFrame whose columns are those described, in one transaction."""
        if list(frame.columns) != list(columns):
            raise WarehouseError(f"{table}: the columns {list(frame.columns)} are not the described {list(columns)}.")
        self.connection.register("incoming_frame", frame)
        try:
            return self._write(table, "from incoming_frame", None, row_is, columns, upstream)
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
        """Replace a small table by rows whose values are of the SQL types given; rows that are there already stay."""
        struct = ", ".join(f"{name} {type_}" for name, type_ in types.items())
        select = f"select row_.* from (select unnest($rows::struct({struct})[]) as row_)"
        if self.exists(table) and table in self.books.tables():
            differing = f"(from {table} except all ({select})) union all (({select}) except all from {table})"
            if not self.value(f"select count(*) from ({differing})", {"rows": rows}):
                self.books.record_table(
                    table, row_is=row_is, rows=len(rows), upstream=(), fingerprint="", changed=False, rebuilt=False
                )
                return Materialisation(table, len(rows), 0.0, "unchanged")
        return self._write(table, select, {"rows": rows}, row_is, columns, ())

    def _write(
        self,
        table: str,
        select: str,
        parameters: Any,
        row_is: str,
        columns: Mapping[str, str],
        upstream: tuple[str, ...],
    ) -> Materialisation:
        started = time.perf_counter()
        with self._building(table):
            self.replace(table, select, parameters)
            self.describe(table, row_is, columns)
            rows = self.count(table)
            self.books.record_table(
                table, row_is=row_is, rows=rows, upstream=upstream, fingerprint="", changed=True, rebuilt=True
            )
        return Materialisation(table, rows, time.perf_counter() - started, "full")

    def run_select(self, table: SqlTable, parameters: Mapping[str, Any]) -> Materialisation:
        """Build a table from its file: as a whole, or only what changed where its header says how.

        Parameters
        ----------
        parameters
            Values by name; those the SELECT uses are bound.

        Raises
        ------
        SqlFileError
            when the columns that come out are not the header's; the old table stays.
        duckdb.Error
            when the SELECT fails; the old table stays.
        """
        started = time.perf_counter()
        missing = set(table.parameters) - set(parameters)
        if missing:
            raise WarehouseError(f"{table.path}: nothing is bound to ${', $'.join(sorted(missing))}.")
        bound = {name: parameters[name] for name in table.parameters}
        fingerprint = hashlib.sha256(f"{table.code_version} {sorted(bound.items())}".encode()).hexdigest()[:16]
        affected = self._find_affected_keys(table, fingerprint)
        if affected:
            with self._narrowed(table), self._building(table.name):
                self._replace_affected(table, bound, fingerprint)
        else:
            with self._building(table.name):
                if affected is None:
                    self._rebuild(table, bound, fingerprint)
                else:
                    self._record(table, fingerprint, changed=False, rebuilt=False)
        mode = "full" if affected is None else "incremental" if affected else "unchanged"
        return Materialisation(table.name, self.count(table.name), time.perf_counter() - started, mode, affected)

    @contextlib.contextmanager
    def _building(self, table: str) -> Iterator[None]:
        """A transaction whose failure is remembered, so that readers learn that the table is stale."""
        try:
            with self.transaction():
                yield
        except Exception as error:
            with contextlib.suppress(duckdb.Error):
                self.books.record_failure(table, str(error))
            raise

    def replace(self, table: str, select: str, parameters: Any = None) -> None:
        """Create or replace ``schema.table`` from a SELECT; call it inside a transaction."""
        self.execute(f"create schema if not exists {table.split('.')[0]}")
        self.execute(f"create or replace table {table} as {select}", parameters)

    def describe(self, table: str, row_is: str, columns: Mapping[str, str]) -> None:
        """Set the comments that readers see on a table and its columns."""
        self.execute(f"comment on table {table} is {_literal(f'A row is {row_is}')}")
        for column, text in columns.items():
            self.execute(f"comment on column {table}.{column} is {_literal(text)}")

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.value(f"select count(*) from {table}"))

    def _rebuild(self, table: SqlTable, bound: dict[str, Any], fingerprint: str) -> None:
        compare = table.log_changes and list(self.columns(table.name)) == list(table.columns)
        if compare:
            self.execute(f"create or replace temp table rows_before as from {table.name}")
        self.replace(table.name, _query(table), bound)
        table.check_columns(list(self.columns(table.name)))
        self.describe(table.name, table.row, table.columns)
        generation = self._record(table, fingerprint, changed=True, rebuilt=not compare)
        if compare:
            added = f"from {table.name} except all from rows_before"
            removed = f"from rows_before except all from {table.name}"
            differing = f"({added}) union all ({removed})"
            self.books.log_changed_keys(
                table.name, table.key[0], f"select {table.key[0]} from ({differing})", generation
            )
            self.execute("drop table rows_before")

    def _find_affected_keys(self, table: SqlTable, fingerprint: str) -> int | None:
        """Collect the affected keys in a temporary table and count them; None asks for a full build."""
        state = self.books.tables().get(table.name)
        if self.full or table.incremental is None or state is None or not self.exists(table.name):
            return None
        if state.fingerprint != fingerprint or list(self.columns(table.name)) != list(table.columns):
            return None
        sources = self.books.tables()
        key = table.incremental.key
        self.execute("create or replace temp table affected_keys (key_value varchar)")
        for source, column in table.incremental.sources.items():
            if source not in sources or sources[source].rebuilt_generation > state.seen_generation:
                return None
            logged = (
                "select key_value from pipeline.changed_keys "
                "where table_name = $source and key_name = $column and generation > $seen"
            )
            if column != key:
                logged = f"select distinct {key}::varchar from {table.name} where {column}::varchar in ({logged})"
            self.execute(
                f"insert into affected_keys {logged}",
                {"source": source, "column": column, "seen": state.seen_generation},
            )
        return int(self.value("select count(distinct key_value) from affected_keys"))

    def _replace_affected(self, table: SqlTable, bound: dict[str, Any], fingerprint: str) -> None:
        assert table.incremental is not None
        key = table.incremental.key
        self.execute(f"create or replace temp table fresh_rows as from {table.name} limit 0")
        self.execute("use narrowed")
        try:
            self.execute(f"insert into temp.main.fresh_rows {_query(table)}", bound)
        finally:
            self.execute(f"use {CATALOG}")
        self.execute(f"delete from {table.name} where {key}::varchar in (select key_value from affected_keys)")
        self.execute(f"insert into {table.name} from fresh_rows")
        self.execute("drop table fresh_rows")
        generation = self._record(table, fingerprint, changed=True, rebuilt=False)
        self.books.log_changed_keys(table.name, key, "select key_value from affected_keys", generation)

    @contextlib.contextmanager
    def _narrowed(self, table: SqlTable) -> Iterator[None]:
        """A catalog in which the SELECT's own text finds its keyed sources reduced to the affected rows."""
        assert table.incremental is not None
        key = table.incremental.key
        self.execute("attach ':memory:' as narrowed")
        try:
            for source in table.upstream:
                keyed = table.incremental.sources.get(source) == key
                condition = f"where {key}::varchar in (select key_value from temp.main.affected_keys)" if keyed else ""
                self.execute(f"create schema if not exists narrowed.{source.split('.')[0]}")
                self.execute(f"create view narrowed.{source} as select * from {CATALOG}.{source} {condition}")
            yield
        finally:
            self.execute("detach narrowed")

    def _record(self, table: SqlTable, fingerprint: str, *, changed: bool, rebuilt: bool) -> int:
        return self.books.record_table(
            table.name,
            row_is=table.row,
            rows=self.count(table.name),
            upstream=table.upstream,
            fingerprint=fingerprint,
            changed=changed,
            rebuilt=rebuilt,
        )


def is_table_name(text: str) -> bool:
    """Whether a text is a plain ``schema.table``."""
    parts = text.split(".")
    return len(parts) == 2 and all(IDENTIFIER.match(part) for part in parts)


def _query(table: SqlTable) -> str:
    """The file's own text; a comment after its last line cannot swallow what follows."""
    return table.text.rstrip().removesuffix(";") + "\n"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
