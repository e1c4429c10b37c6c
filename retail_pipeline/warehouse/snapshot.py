"""Publishing: an immutable copy of the working database for readers, and a link to the newest.

A file that readers may have open is never replaced: each snapshot gets a name of its own, and only the link
``warehouse.duckdb`` moves. What a reader must know of runs, checks and the age of tables is in the schema ``meta``.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from retail_pipeline import __version__
from retail_pipeline.errors import PublishError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.bookkeeping import Bookkeeping, CheckOutcome, first_row, stale_tables
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import utc_now

STORAGE_VERSION = "v1.4.0"

META = {
    "meta.tables": (
        "a table in this snapshot",
        {
            "table_name": "schema and name",
            "row_is": "what a row is",
            "rows": "how many rows",
            "materialised_at": "when it was last built [UTC]",
            "run_id": "the run that built it",
            "is_stale": "older than what it is made from, or its last build failed",
            "stale_reason": "why it is stale, else null",
        },
    ),
    "meta.checks": (
        "a check's last outcome",
        {
            "check": "the check's name",
            "table_name": "the table it looks at",
            "passed": "whether the data passed",
            "severity": "ERROR or WARN",
            "is_blocking": "whether a failure withholds the snapshot",
            "message": "what was found",
            "at": "when it ran [UTC]",
            "run_id": "the run it ran in",
        },
    ),
    "meta.runs": (
        "a run of the pipeline, the newest 500",
        {
            "run": "the run's id",
            "started": "when it got hold of the working database [UTC]",
            "seconds": "from then to its publish [seconds]",
            "status": "success, failed or killed",
            "started_by": "command line, schedule, sensor or Dagster UI",
            "message": "why it failed",
        },
    ),
    "meta.snapshot": (
        "this snapshot",
        {
            "file_name": "the snapshot's file",
            "published_at": "when it was published [UTC]",
            "run_id": "the run that published it",
            "version": "names its contents: equal versions hold equal tables",
            "pipeline_version": "the release of retail_pipeline",
        },
    ),
}


@dataclass(frozen=True)
class Withheld:
    """Why the snapshot stays as it is: blocking checks that failed or have not seen the newest rows."""

    failed: tuple[CheckOutcome, ...]
    unseen: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        parts = [f"{check.table_name}: {check.check_name}: {check.message}" for check in self.failed]
        parts += [f"{table}: {check} has not run since the table changed" for table, check in self.unseen]
        return "; ".join(parts)


def find_withholding_checks(books: Bookkeeping, blocking: Iterable[tuple[str, str]]) -> Withheld | None:
    """What keeps a snapshot from being published, None if nothing does.

    Parameters
    ----------
    blocking
        ``(table, check)`` of every blocking check there is.
    """
    wanted = set(blocking)
    outcomes = {(outcome.table_name, outcome.check_name): (outcome, seen) for outcome, seen in books.checks()}
    failed = tuple(
        outcome
        for where, (outcome, _) in outcomes.items()
        if where in wanted and outcome.blocking and not outcome.passed
    )
    tables = books.tables()
    unseen = tuple(
        where
        for where in sorted(wanted)
        if where[0] in tables and (where not in outcomes or outcomes[where][1] < tables[where[0]].generation)
    )
    return Withheld(failed, unseen) if failed or unseen else None


def withhold(home: Home, run_id: str, withheld: Withheld) -> None:
    """Leave word beside the snapshots of what is withheld and why."""
    notice = {
        "since": f"{utc_now():%Y-%m-%d %H:%M:%S}",
        "run_id": run_id,
        "reason": str(withheld),
        "failed_checks": [f"{check.table_name}:{check.check_name}" for check in withheld.failed],
        "unseen_checks": [f"{table}:{check}" for table, check in withheld.unseen],
    }
    temporary = home.withheld_notice.with_name(f".{home.withheld_notice.name}")
    temporary.write_text(json.dumps(notice, indent=1))
    temporary.replace(home.withheld_notice)


def current_snapshot(home: Home) -> Path | None:
    """The file the link leads to, None before the first publish."""
    target = home.warehouse_link.resolve()
    return target if target.is_file() else None


def published_version(home: Home) -> str | None:
    """The version of what readers see now, None if there is nothing readable."""
    target = current_snapshot(home)
    if target is None:
        return None
    try:
        with duckdb.connect(str(target), read_only=True) as connection:
            row = first_row(connection, "select version from meta.snapshot")
    except duckdb.Error:
        return None
    return str(row[0]) if row else None


def publish(warehouse: Warehouse, keep: int) -> Path:
    """Copy the working database to a new snapshot, verify it, let the link point to it, drop old ones.

    Returns
    -------
    The new snapshot's path.

    Raises
    ------
    PublishError
        when the copy could not be written or does not verify. Readers keep the old snapshot.
    """
    home = warehouse.home
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    final = home.snapshots / f"warehouse-{stamp}-{warehouse.run_id[:8]}.duckdb"
    temporary = final.with_name(final.name + ".tmp")
    _remove_leftovers(home)
    try:
        expected = _copy(warehouse, temporary, final.name)
        verify(temporary, expected)
        temporary.rename(final)
        _point_link(home.warehouse_link, final)
    except (duckdb.Error, OSError, PublishError) as error:
        _remove_leftovers(home)
        raise PublishError(
            f"The new snapshot could not be published, readers keep the last one: {str(error).strip()}"
        ) from error
    home.withheld_notice.unlink(missing_ok=True)
    _drop_old(home, keep, final)
    return final


def verify(path: Path, expected: dict[str, int]) -> None:
    """Open a snapshot as a reader would and read every table through.

    Parameters
    ----------
    expected
        Each table's number of rows.

    Raises
    ------
    PublishError
        naming the first table that is missing, unreadable or short of rows.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            for table, rows in expected.items():
                found = first_row(connection, f"select count(*), count(columns(*)) from {table}")
                if found is None or found[0] != rows:
                    raise PublishError(f"{table} has {found and found[0]} rows in the snapshot instead of {rows}.")
    except duckdb.Error as error:
        raise PublishError(f"the snapshot does not verify: {error}") from error


def _copy(warehouse: Warehouse, target: Path, final_name: str) -> dict[str, int]:
    """Write the copy and its ``meta``; returns the rows each table must have."""
    run = warehouse.execute
    run("checkpoint")
    run(f"attach '{str(target).replace(chr(39), chr(39) * 2)}' as snapshot (storage_version '{STORAGE_VERSION}')")
    try:
        run("copy from database warehouse to snapshot")
        run("drop schema snapshot.pipeline cascade")
        _write_meta(warehouse, final_name)
        run("checkpoint snapshot")
        tables = run(
            "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'snapshot' order by 1"
        ).fetchall()
        working = {name for (name,) in tables if not name.startswith("meta.")}
        return {
            name: warehouse.count(f"warehouse.{name}" if name in working else f"snapshot.{name}") for (name,) in tables
        }
    finally:
        run("detach snapshot")


def _write_meta(warehouse: Warehouse, file_name: str) -> None:
    run = warehouse.execute
    stale = stale_tables(warehouse.books.tables())
    run("create schema snapshot.meta")
    run(
        "create table snapshot.meta.tables as select table_name, row_is, rows, materialised_at, run_id, "
        "table_name in (select unnest($names::varchar[])) as is_stale, "
        "map_from_entries($reasons::struct(k varchar, v varchar)[])[table_name] as stale_reason "
        "from warehouse.pipeline.tables order by table_name",
        {"names": list(stale), "reasons": [{"k": name, "v": reason} for name, reason in stale.items()]},
    )
    run(
        'create table snapshot.meta.checks as select check_name as "check", table_name, passed, severity, '
        'blocking as is_blocking, message, checked_at as "at", run_id from warehouse.pipeline.checks '
        "order by table_name, check_name"
    )
    run("create table snapshot.meta.runs as from warehouse.pipeline.runs order by started, run")
    run(
        "create table snapshot.meta.snapshot as select $file as file_name, $at::timestamp as published_at, "
        "$run as run_id, $version as version, $release as pipeline_version",
        {
            "file": file_name,
            "at": utc_now(),
            "run": warehouse.run_id,
            "version": warehouse.books.version(),
            "release": __version__,
        },
    )
    for table, (row_is, columns) in META.items():
        warehouse.describe(f"snapshot.{table}", row_is, {f'"{name}"': text for name, text in columns.items()})


def _point_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)


def _drop_old(home: Home, keep: int, newest: Path) -> None:
    older = sorted(path for path in home.snapshots.glob("warehouse-*.duckdb") if path != newest)
    for path in older[: max(0, len(older) - (keep - 1))]:
        path.unlink(missing_ok=True)


def _remove_leftovers(home: Home) -> None:
    for pattern in ("warehouse-*.tmp", "warehouse-*.tmp.wal"):
        for path in home.snapshots.glob(pattern):
            path.unlink(missing_ok=True)
