"""Publishing: an immutable copy of the working database for readers, and a link to the newest.

A file that readers may have open is never replaced: each snapshot gets a name of its own, and only the link
``warehouse.duckdb`` moves. What a reader must know of runs, checks and the age of tables is in the schema ``meta``.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from retail_pipeline.errors import PublishError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.bookkeeping import Bookkeeping, CheckOutcome, RunEnd, first_row
from retail_pipeline.warehouse.chunks import drop_unfinished
from retail_pipeline.warehouse.notices import withheld_notice, write_notice
from retail_pipeline.warehouse.snapshot_meta import META, write_meta
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import STORAGE_VERSION, utc_now

COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"


@dataclass(frozen=True)
class Withheld:
    """Why the snapshot stays as it is.

    Attributes
    ----------
    failed, unseen
        Blocking checks that failed, or have not seen the newest rows.
    losses
        What readers would lose, in words.
    """

    failed: tuple[CheckOutcome, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()
    losses: str = ""

    def __str__(self) -> str:
        parts = [f"{check.table_name}: {check.check_name}: {check.message}" for check in self.failed]
        parts += [f"{table}: {check} has not run since the table changed" for table, check in self.unseen]
        return "; ".join([*parts, self.losses] if self.losses else parts)


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
    before = withheld_notice(home) or {}
    write_notice(home.withheld_notice, {**notice, "since": before.get("since", notice["since"])})


def current_snapshot(home: Home) -> Path | None:
    """The file the link leads to, None before the first publish."""
    target = home.warehouse_link.resolve()
    return target if target.is_file() else None


def snapshots(home: Home) -> list[Path]:
    """The kept snapshots, the oldest first."""
    return sorted(home.snapshots.glob("warehouse-*.duckdb"))


def connect_as_reader(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to a snapshot that can reach nothing else: read-only, no files, no network, no settings.

    All of it is settled at the opening: within one process, connections to one file must agree on the configuration.
    """
    return duckdb.connect(
        str(path), read_only=True, config={"enable_external_access": False, "lock_configuration": True}
    )


def published_version(home: Home) -> str | None:
    """The version of what readers see now, None if there is nothing readable."""
    target = current_snapshot(home)
    if target is None:
        return None
    try:
        with connect_as_reader(target) as connection:
            row = first_row(connection, "select version from meta.snapshot")
    except duckdb.Error:
        return None
    return str(row[0]) if row else None


def publish(warehouse: Warehouse, keep: int, ending: RunEnd | None = None) -> Path:
    """Copy the working database to a new snapshot, verify it, let the link point to it, drop old ones.

    Parameters
    ----------
    keep
        Snapshots to keep, the new one included.
    ending
        How the run that publishes ends, for ``meta.runs``.

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
    try:
        remove_leftovers(home)
        expected = _copy(warehouse, temporary, ending)
        verify(temporary, expected)
        temporary.chmod(0o444)  # a client that forgets read_only must not write into what others read
        temporary.rename(final)
        _sync_folder(home.snapshots)
        point_link(home.warehouse_link, final)
    except (duckdb.Error, OSError, PublishError) as error:
        for path in (temporary, temporary.with_name(temporary.name + ".wal"), final):
            with contextlib.suppress(OSError):
                path.unlink()
        raise PublishError(
            f"The new snapshot could not be published, readers keep the last one: {str(error).strip()}"
        ) from error
    forget_withholding(home)
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
    if path.with_name(path.name + ".wal").exists():
        raise PublishError("a part of the snapshot is in its write-ahead log still.")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            # by its statistics DuckDB would know that a column has no nulls, and count it without reading it
            connection.execute("set disabled_optimizers = 'statistics_propagation'")
            for table, rows in expected.items():
                found = first_row(connection, f"select count(*), count(columns(*)) from {table}")
                if found is None or found[0] != rows:
                    raise PublishError(f"{table} has {found and found[0]} rows in the snapshot instead of {rows}.")
    except duckdb.Error as error:
        raise PublishError(f"the snapshot does not verify: {error}") from error


def _copy(warehouse: Warehouse, target: Path, ending: RunEnd | None) -> dict[str, int]:
    """Write the copy and its ``meta``; returns the rows each table must have."""
    run = warehouse.execute
    drop_unfinished(warehouse)
    tables = run(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where database_name = current_database() and schema_name <> 'pipeline' order by 1"
    ).fetchall()
    expected = {name: warehouse.count(name) for (name,) in tables}
    run("checkpoint")
    is_copied = _can_be_copied_as_it_is(warehouse)
    if is_copied:
        _copy_file(warehouse.home.working_database, target)
    path = str(target).replace("'", "''")
    run(f"attach '{path}' as snapshot (storage_version '{STORAGE_VERSION}')")
    try:
        if not is_copied:
            run("copy from database warehouse to snapshot (schema)")
        run("drop schema snapshot.pipeline cascade")
        for name in () if is_copied else expected:
            run(f"insert into snapshot.{name} from {name}")
        write_meta(warehouse, target.name.removesuffix(".tmp"), ending)
        run("checkpoint snapshot")
        return expected | {name: warehouse.count(f"snapshot.{name}") for name in META}
    finally:
        with contextlib.suppress(duckdb.Error):  # what went wrong before must not be hidden
            run("detach snapshot")


def _can_be_copied_as_it_is(warehouse: Warehouse) -> bool:
    """Whether the file is one that older clients can open, not mostly empty, and without what was taken out."""
    if warehouse.books.holds_removed():
        return False
    version = warehouse.value(
        "select tags['storage_version'] from duckdb_databases() where database_name = 'warehouse'"
    )
    blocks = warehouse.row(
        "select free_blocks, total_blocks from pragma_database_size() where database_name = 'warehouse'"
    )
    return version == f"{STORAGE_VERSION}+" and blocks is not None and 2 * blocks[0] <= blocks[1]


def _copy_file(source: Path, target: Path) -> None:
    """Copy the working database's file, in a process of its own.

    Where this process opened and closed the file, the system would take away the lock that DuckDB has on it.
    """
    command = [sys.executable, "-I", "-S", "-c", COPY, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise PublishError(f"{source} could not be copied: {said[-1] if said else f'exit code {done.returncode}'}")


def _sync_folder(folder: Path) -> None:
    """Make a renaming outlast a power cut before the link is moved to the new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def point_link(link: Path, target: Path) -> None:
    """Let readers find another snapshot from now on."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)


def forget_withholding(home: Home) -> None:
    """Nothing is held back from readers any more."""
    home.withheld_notice.unlink(missing_ok=True)


def _drop_old(home: Home, keep: int, newest: Path) -> None:
    older = [path for path in snapshots(home) if path != newest]
    for path in older[: max(0, len(older) - (keep - 1))]:
        with contextlib.suppress(OSError):  # the next publish tries again
            path.unlink()


def remove_leftovers(home: Home) -> None:
    """Remove what an interrupted publish left. A folder of such a name is not ours: a reader spills its rows there."""
    for pattern in ("warehouse-*.tmp", "warehouse-*.tmp.wal"):
        for path in home.snapshots.glob(pattern):
            if path.is_file():
                path.unlink(missing_ok=True)
