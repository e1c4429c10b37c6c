"""What the working database remembers of itself, in its schema ``pipeline``.

Every change gets the next *generation*, a counter written in the same transaction as the change. By generations
the warehouse knows what changed since a table was last built, which checks have not seen a table's newest rows,
and whether the published snapshot is behind. Readers never see this schema; the snapshot's ``meta`` schema is
made from it.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from retail_pipeline.warehouse.working_database import utc_now

KEPT_RUNS = 500

LAYOUT = """
create schema if not exists pipeline;
create table if not exists pipeline.state (database_id varchar, generation bigint);
create table if not exists pipeline.tables (
    table_name varchar, row_is varchar, rows bigint, generation bigint, seen_generation bigint,
    rebuilt_generation bigint, materialised_at timestamp, run_id varchar, upstream varchar[],
    fingerprint varchar, failure varchar
);
create table if not exists pipeline.changed_keys (
    table_name varchar, key_name varchar, key_value varchar, generation bigint
);
create table if not exists pipeline.checks (
    check_name varchar, table_name varchar, passed boolean, severity varchar, blocking boolean, message varchar,
    checked_at timestamp, run_id varchar, generation bigint
);
create table if not exists pipeline.runs (
    run varchar, started timestamp, seconds double, status varchar, started_by varchar, message varchar
);
"""


def first_row(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = None) -> tuple[Any, ...] | None:
    """The first row of a query, None if there is none.

    Fetches all of the result: one that is not fetched to its end keeps its connection busy.
    """
    rows = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


@dataclass(frozen=True)
class TableState:
    """A table as the pipeline last left it.

    ``generation`` is when its rows last changed, ``seen_generation`` when it was last found current,
    ``rebuilt_generation`` when it was last replaced as a whole.
    """

    name: str
    row_is: str
    rows: int
    generation: int
    seen_generation: int
    rebuilt_generation: int
    materialised_at: datetime
    run_id: str
    upstream: list[str]
    fingerprint: str
    failure: str | None


@dataclass(frozen=True)
class CheckOutcome:
    """One check's result; ``severity`` is 'WARN' or 'ERROR', ``check_name`` is unique within its table."""

    check_name: str
    table_name: str
    passed: bool
    severity: str
    blocking: bool
    message: str


class Bookkeeping:
    """Reads and writes the ``pipeline`` schema through the run's connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
        self._connection = connection
        self._run_id = run_id
        connection.execute(LAYOUT)
        if not first_row(connection, "select 1 from pipeline.state"):
            connection.execute("insert into pipeline.state values (?, 0)", [uuid.uuid4().hex])

    def generation(self) -> int:
        """The counter of changes."""
        return int(self._one("select generation from pipeline.state"))

    def version(self) -> str:
        """Names this database's contents: equal versions hold equal tables."""
        return str(self._one("select database_id || '-' || generation from pipeline.state"))

    def next_generation(self) -> int:
        """Count a change; call it inside the transaction that makes the change."""
        return int(self._one("update pipeline.state set generation = generation + 1 returning generation"))

    def tables(self) -> dict[str, TableState]:
        rows = self._connection.execute(
            "select table_name, row_is, rows, generation, seen_generation, rebuilt_generation, materialised_at, "
            "run_id, upstream, fingerprint, failure from pipeline.tables order by table_name"
        ).fetchall()
        return {row[0]: TableState(*row) for row in rows}

    def record_table(
        self,
        name: str,
        *,
        row_is: str,
        rows: int,
        upstream: Iterable[str],
        fingerprint: str,
        changed: bool,
        rebuilt: bool,
    ) -> int:
        """Note that a table is current now; returns its generation."""
        before = self.tables().get(name)
        generation = self.next_generation() if changed or before is None else before.generation
        rebuilt_generation = generation if rebuilt or before is None else before.rebuilt_generation
        self._connection.execute("delete from pipeline.tables where table_name = ?", [name])
        self._connection.execute(
            "insert into pipeline.tables values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null)",
            [
                name, row_is, rows, generation, self.generation(), rebuilt_generation, utc_now(), self._run_id,
                list(upstream), fingerprint,
            ],
        )  # fmt: skip
        return generation

    def record_failure(self, name: str, reason: str) -> None:
        """Note that a table could not be built; its last good rows stay and count as stale."""
        if name in self.tables():
            self.next_generation()
            self._connection.execute(
                "update pipeline.tables set failure = ? where table_name = ?", [reason[:1000], name]
            )

    def log_changed_keys(self, table: str, key_name: str, keys_select: str, generation: int) -> None:
        """Log the keys a select of one column returns as changed in ``table``."""
        self._connection.execute(
            f"insert into pipeline.changed_keys select distinct $table, $key, k::varchar, $generation "
            f"from ({keys_select}) as changed(k) where k is not null",
            {"table": table, "key": key_name, "generation": generation},
        )

    def forget_seen_changes(self) -> None:
        """Drop logged keys that every table has seen."""
        self._connection.execute(
            "delete from pipeline.changed_keys where generation <= (select min(seen_generation) from pipeline.tables)"
        )

    def checks(self) -> list[tuple[CheckOutcome, int]]:
        """The last outcome of every check, with the generation it has seen."""
        rows = self._connection.execute(
            "select check_name, table_name, passed, severity, blocking, message, generation from pipeline.checks "
            "order by table_name, check_name"
        ).fetchall()
        return [(CheckOutcome(*row[:6]), row[6]) for row in rows]

    def record_check(self, outcome: CheckOutcome) -> None:
        before = first_row(
            self._connection,
            "delete from pipeline.checks where check_name = ? and table_name = ? returning passed, severity, message",
            [outcome.check_name, outcome.table_name],
        )
        if before != (outcome.passed, outcome.severity, outcome.message):
            self.next_generation()
        self._connection.execute(
            "insert into pipeline.checks values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                outcome.check_name, outcome.table_name, outcome.passed, outcome.severity, outcome.blocking,
                outcome.message, utc_now(), self._run_id, self.generation(),
            ],
        )  # fmt: skip

    def record_run_start(self, started_by: str) -> None:
        self._connection.execute("delete from pipeline.runs where run = ?", [self._run_id])
        self._connection.execute(
            "insert into pipeline.runs values (?, ?, null, 'running', ?, '')", [self._run_id, utc_now(), started_by]
        )
        self._connection.execute(
            "delete from pipeline.runs where run not in (select run from pipeline.runs order by started desc limit ?)",
            [KEPT_RUNS],
        )

    def record_run_end(self, run_id: str, status: str, seconds: float | None, message: str = "") -> None:
        self._connection.execute(
            "update pipeline.runs set status = ?, seconds = ?, message = ? where run = ? and status = 'running'",
            [status, seconds, message, run_id],
        )

    def _one(self, sql: str) -> Any:
        row = first_row(self._connection, sql)
        assert row is not None
        return row[0]


def stale_tables(tables: Mapping[str, TableState]) -> dict[str, str]:
    """The tables that are older than what they are made from, each with the reason in words."""
    reasons: dict[str, str] = {}

    def reason(name: str, path: tuple[str, ...] = ()) -> str | None:
        if name in reasons:
            return reasons[name]
        state = tables[name]
        found = f"the last attempt failed: {state.failure}" if state.failure else None
        for source in state.upstream:
            if found or source not in tables or source in path:
                continue
            if tables[source].generation > state.seen_generation:
                found = f"{source} changed after it was built"
            elif reason(source, (*path, name)):
                found = f"{source} is stale"
        if found:
            reasons[name] = found
        return found

    for name in tables:
        reason(name)
    return reasons
