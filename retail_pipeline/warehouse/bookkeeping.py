"""What the working database remembers of itself, in its schema ``pipeline``.

Every change gets the next *generation*, a counter written in the same transaction as the change. By generations
the warehouse knows what changed since a table was last built, which checks have not seen a table's newest rows,
and whether the published snapshot is behind. Readers never see this schema; the snapshot's ``meta`` schema is
made from it.
"""

import contextlib
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from retail_pipeline.warehouse.working_database import utc_now

KEPT_RUNS = 500
ENDED_SILENTLY = "its process ended without saying so (killed, or out of memory)"

LAYOUT = """
create schema if not exists pipeline;
create table if not exists pipeline.state (database_id varchar, generation bigint);
alter table pipeline.state add column if not exists changed_by varchar;
alter table pipeline.state add column if not exists holds_removed boolean;
create table if not exists pipeline.tables (
    table_name varchar, row_is varchar, rows bigint, generation bigint, seen_generation bigint,
    rebuilt_generation bigint, materialised_at timestamp, run_id varchar, upstream varchar[],
    fingerprint varchar, failure varchar
);
create table if not exists pipeline.changed_keys (
    table_name varchar, key_name varchar, key_value varchar, generation bigint
);
create table if not exists pipeline.logged_keys (table_name varchar, key_name varchar, generation bigint);
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


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing: what happens inside is committed at the end, or rolled back if it raises."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # a failed commit has ended it already, and must not be hidden
            connection.rollback()
        raise


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


@dataclass(frozen=True)
class RunEnd:
    """How a run ended; ``status`` is 'success' or 'failed'."""

    status: str
    seconds: float
    message: str = ""


class Bookkeeping:
    """Reads and writes the ``pipeline`` schema through the run's connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
        self._connection = connection
        self._run_id = run_id
        connection.execute(LAYOUT)
        if not first_row(connection, "select 1 from pipeline.state"):
            connection.execute("insert into pipeline.state values (?, 0, ?, false)", [uuid.uuid4().hex, run_id])

    def generation(self) -> int:
        """The counter of changes."""
        return int(self._one("select generation from pipeline.state"))

    def database_id(self) -> str:
        """Names this database, whatever is in it; :meth:`version` begins with it."""
        return str(self._one("select database_id from pipeline.state"))

    def version(self) -> str:
        """Names this database's contents: equal versions hold equal tables.

        The run that made the last change is part of it: a database that was put back from a backup counts its
        generations a second time, and the same number then stands for other contents.
        """
        return str(self._one("select concat_ws('-', database_id, generation, changed_by) from pipeline.state"))

    def note_removal(self) -> None:
        """Note that rows of ``raw`` were taken out: until the file is written anew, its bytes may still hold them."""
        self._connection.execute("update pipeline.state set holds_removed = true")

    def holds_removed(self) -> bool:
        """Whether the file's unused bytes may hold rows that were taken out of ``raw``."""
        return bool(self._one("select holds_removed from pipeline.state"))

    def next_generation(self) -> int:
        """Count a change; call it inside the transaction that makes the change."""
        return int(
            self._one(
                "update pipeline.state set generation = generation + 1, changed_by = ? returning generation",
                [self._run_id],
            )
        )

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
        tables = self.tables()
        before = tables.get(name)
        if changed or before is None:
            generation = self.next_generation()
        else:
            generation = before.generation
            if before.row_is != row_is or before.failure or changed_sources(before, tables):
                self.next_generation()  # its rows are the same, but readers must learn that it is no longer stale
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
        reason = reason[:1000]
        before = self.tables().get(name)
        if before is None or before.failure == reason:
            return
        with transaction(self._connection):
            self.next_generation()
            self._connection.execute("update pipeline.tables set failure = ? where table_name = ?", [reason, name])

    def log_changed_keys(self, table: str, key_name: str, keys_select: str, generation: int) -> None:
        """Log the keys a select of one column returns as changed in ``table``."""
        self._connection.execute(
            f"insert into pipeline.changed_keys select distinct $table, $key, k::varchar, $generation "
            f"from ({keys_select}) as changed(k)",
            {"table": table, "key": key_name, "generation": generation},
        )
        self._connection.execute(
            "delete from pipeline.logged_keys where table_name = ? and key_name = ?", [table, key_name]
        )
        self._connection.execute("insert into pipeline.logged_keys values (?, ?, ?)", [table, key_name, generation])

    def logs_changes_by(self, table: str, key_name: str) -> bool:
        """Whether the last change of a table was logged by this column, be it that no key was touched."""
        logged = first_row(
            self._connection,
            "select generation from pipeline.logged_keys where table_name = ? and key_name = ?",
            [table, key_name],
        )
        state = self.tables().get(table)
        return bool(logged and state and logged[0] >= state.generation)

    def forget_seen_changes(self) -> None:
        """Drop the logged keys that every reader of their table has seen.

        A table that is never built again (its asset is gone) would hold a log for ever. Where a log has outgrown its
        table it goes as a whole, and who lags behind builds anew, which is no more work by then.
        """
        with transaction(self._connection):
            self._connection.execute(
                "delete from pipeline.changed_keys as logged "
                "where not exists (from pipeline.tables as reader where reader.seen_generation < logged.generation "
                "and list_contains(reader.upstream, logged.table_name))"
            )
            outgrown = self._connection.execute(
                "select table_name from pipeline.tables join pipeline.changed_keys using (table_name) "
                "group by table_name, rows having count(*) > rows"
            ).fetchall()
            for (name,) in outgrown:
                self._forget_log(name)

    def forget_logged_values(self, values: Collection[str]) -> None:
        """Drop logged keys that nobody may know any more; who has not seen these changes builds anew."""
        with transaction(self._connection):
            tables = self._connection.execute(
                "select distinct table_name from pipeline.changed_keys where key_value in (select unnest(?))",
                [list(values)],
            ).fetchall()
            for (name,) in tables:
                self._forget_log(name)

    def _forget_log(self, table: str) -> None:
        self._connection.execute("delete from pipeline.changed_keys where table_name = ?", [table])
        self._connection.execute(
            "update pipeline.tables set rebuilt_generation = generation where table_name = ?", [table]
        )

    def checks(self) -> list[tuple[CheckOutcome, int]]:
        """The last outcome of every check, with the generation it has seen."""
        rows = self._connection.execute(
            "select check_name, table_name, passed, severity, blocking, message, generation from pipeline.checks "
            "order by table_name, check_name"
        ).fetchall()
        return [(CheckOutcome(*row[:6]), row[6]) for row in rows]

    def forget_checks(self, known: Collection[tuple[str, str]]) -> None:
        """Drop the outcomes of checks that are no more.

        Parameters
        ----------
        known
            ``(table, check)`` of every check there is.
        """
        gone = [
            where for outcome, _ in self.checks() if (where := (outcome.table_name, outcome.check_name)) not in known
        ]
        if gone:
            with transaction(self._connection):
                self.next_generation()
                self._connection.executemany(
                    "delete from pipeline.checks where table_name = ? and check_name = ?",
                    [list(where) for where in gone],
                )

    def forget_table(self, name: str) -> None:
        """Drop all that is noted of a table; call it inside the transaction that drops the table."""
        self.next_generation()
        for noted in ("tables", "checks", "changed_keys", "logged_keys"):
            self._connection.execute(f"delete from pipeline.{noted} where table_name = ?", [name])

    def record_check(self, outcome: CheckOutcome) -> None:
        """Note what a check has found; it is a change for readers unless it passed before as well."""
        with transaction(self._connection):
            before = first_row(
                self._connection,
                "delete from pipeline.checks where check_name = ? and table_name = ? "
                "returning passed, severity, blocking, message",
                [outcome.check_name, outcome.table_name],
            )
            found = (outcome.passed, outcome.severity, outcome.blocking, outcome.message)
            compared = 3 if outcome.passed else 4  # what a check that passes says in words may change from day to day
            if before is None or before[:compared] != found[:compared]:
                self.next_generation()
            self._connection.execute(
                "insert into pipeline.checks values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [outcome.check_name, outcome.table_name, *found, utc_now(), self._run_id, self.generation()],
            )

    def record_run_start(self, started_by: str) -> None:
        """Note that this run has begun. One that is still noted as running cannot be: there is one at a time."""
        with transaction(self._connection):
            self._connection.execute("delete from pipeline.runs where run = ?", [self._run_id])
            self._connection.execute(
                "update pipeline.runs set status = 'killed', message = ? where status = 'running'", [ENDED_SILENTLY]
            )
            self._connection.execute(
                "insert into pipeline.runs values (?, ?, null, 'running', ?, '')",
                [self._run_id, utc_now(), started_by],
            )
            self._connection.execute(
                "delete from pipeline.runs "
                "where run not in (select run from pipeline.runs order by started desc limit ?)",
                [KEPT_RUNS],
            )

    def record_killed(self, run_id: str) -> None:
        """Note that another run was cut off at its very end."""
        self._connection.execute(
            "update pipeline.runs set status = 'killed', message = ? where run = ?", [ENDED_SILENTLY, run_id]
        )

    def record_run_end(self, end: "RunEnd") -> None:
        """Note how this run has ended."""
        self._connection.execute(
            "update pipeline.runs set status = ?, seconds = ?, message = ? where run = ?",
            [end.status, end.seconds, end.message[:1000], self._run_id],
        )

    def _one(self, sql: str, parameters: Any = None) -> Any:
        row = first_row(self._connection, sql, parameters)
        assert row is not None
        return row[0]


def changed_sources(state: TableState, tables: Mapping[str, TableState]) -> list[str]:
    """The tables it is made from whose rows changed since it was last found current."""
    return [
        source for source in state.upstream if source in tables and tables[source].generation > state.seen_generation
    ]


def stale_tables(tables: Mapping[str, TableState]) -> dict[str, str]:
    """The tables that are older than what they are made from, each with the reason in words."""
    reasons: dict[str, str] = {}
    for name, state in tables.items():
        if state.failure:
            reasons[name] = f"the last attempt failed: {state.failure}"
        elif changed := changed_sources(state, tables):
            reasons[name] = f"{changed[0]} changed after it was built"
    spreading = bool(reasons)
    while spreading:
        reached = {
            name: f"{source} is stale"
            for name, state in tables.items()
            for source in state.upstream
            if name not in reasons and source in reasons
        }
        reasons |= reached
        spreading = bool(reached)
    return reasons
