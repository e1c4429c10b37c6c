"""``retail status``: drops, freshness, failing checks, the last runs."""

from collections.abc import Set as AbstractSet
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import DroppedFile, content_hash, list_drops
from retail_pipeline.warehouse.bookkeeping import ENDED_SILENTLY, first_row
from retail_pipeline.warehouse.notices import last_run
from retail_pipeline.warehouse.reader import open_snapshot, withheld_notice
from retail_pipeline.warehouse.run_markers import died_runs
from retail_pipeline.warehouse.working_database import running, utc_now

LAST_RUNS = 5
SHOWN_DROPS = 12


def print_status(home: Home, console: Console) -> None:
    """Tell how a home stands."""
    console.print(f"Home: {home.root}", markup=False, highlight=False)
    holder = running(home)
    if holder:
        console.print(f"Under way: {holder}", markup=False, highlight=False)
    _print_died(home, console)
    withheld = withheld_notice(home)
    if withheld:
        text = f"Withheld since {withheld['since']} UTC: {withheld['reason']}"
        console.print(text, style="red", markup=False, highlight=False)
    try:
        _print_snapshot(home, console)
    except SnapshotMissingError as error:
        console.print(str(error), markup=False, highlight=False)
        _print_without_snapshot(home, console)
    except duckdb.CatalogException:
        console.print("The snapshot has no drops yet: the first run did not get to them. Run 'retail run'.")
        _print_without_snapshot(home, console)
    except (WarehouseError, duckdb.Error) as error:
        console.print(str(error).strip(), style="red", markup=False, highlight=False)
        _print_without_snapshot(home, console)


def _print_died(home: Home, console: Console) -> None:
    """Runs whose process is gone, unless another has run since: that one has taken up what they left."""
    last = last_run(home)
    for run, moment in died_runs(home).items():
        began = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None, microsecond=0)
        if last is None or str(began) >= last.started:
            text = f"Died: run {run}, begun {began} UTC: {ENDED_SILENTLY}. The next run does what it left undone."
            console.print(text, style="red", markup=False, highlight=False)


def _print_without_snapshot(home: Home, console: Console) -> None:
    _print_waiting(home, console, set())
    _print_runs(home, console, [])


def _print_snapshot(home: Home, console: Console) -> None:
    with open_snapshot(home) as snapshot:
        row = first_row(snapshot, "select file_name, published_at from meta.snapshot")
        assert row is not None
        console.print(f"Snapshot: {row[0]}, published {_ago(row[1])}", highlight=False)
        drops = snapshot.execute(
            "select file_name, format, rows_read, rows_rejected, first_order_ts::date, last_order_ts::date, sha256 "
            "from raw.drops order by last_order_ts desc nulls last, file_name"
        ).fetchall()
        refused = snapshot.execute("select file_name, reason, sha256 from raw.refused_files order by 1").fetchall()
        stale = snapshot.execute("select table_name, stale_reason from meta.tables where is_stale").fetchall()
        checks = snapshot.execute(
            'select severity, table_name, "check", message from meta.checks where not passed order by 1, 2, 3'
        ).fetchall()
        passed = first_row(snapshot, "select count(*) from meta.checks where passed")
        runs = snapshot.execute(
            "select run, started, seconds, status, started_by, message from meta.runs "
            f"order by started desc limit {LAST_RUNS}"
        ).fetchall()
    _print_rows(
        console,
        f"Drops ({len(drops):,})",
        ["file", "format", "rows read", "rejected", "from", "to"],
        [(*drop[:2], f"{drop[2]:,}", f"{drop[3]:,}", *drop[4:6]) for drop in drops[:SHOWN_DROPS]],
    )
    if len(drops) > SHOWN_DROPS:
        console.print(f"and {len(drops) - SHOWN_DROPS:,} earlier ones: retail sql 'from raw.drops'", highlight=False)
    unreadable = {name for name, _, sha256 in refused if not sha256}
    _print_waiting(home, console, {drop[6] for drop in drops} | {sha256 for _, _, sha256 in refused}, unreadable)
    for name, reason, _ in refused:
        console.print(f"Refused: {name}: {reason}", style="red", markup=False, highlight=False)
    for name, reason in stale:
        console.print(f"Stale: {name}: {reason}", style="yellow", markup=False, highlight=False)
    for severity, table, check, message in checks:
        style = "red" if severity == "ERROR" else "yellow"
        console.print(f"{severity} {table}: {check}: {message}", style=style, markup=False, highlight=False)
    console.print(f"Checks: {passed[0] if passed else 0} passed, {len(checks)} failed", highlight=False)
    _print_runs(home, console, runs)


def _print_runs(home: Home, console: Console, runs: list[tuple[Any, ...]]) -> None:
    """The last runs that the snapshot knows of, and before them the one that ended since without publishing."""
    last = last_run(home)
    told = {(run[0], run[3]) for run in runs}
    if last and (last.run, last.status) not in told and all(last.started >= str(run[1]) for run in runs):
        runs = [astuple(last), *(run for run in runs if run[0] != last.run)]
    if runs:
        shown = [(run[:8], *rest) for run, *rest in runs]
        _print_rows(console, "Last runs", ["run", "started (UTC)", "seconds", "status", "started by", "message"], shown)


def _print_waiting(
    home: Home, console: Console, known: AbstractSet[str], unreadable: AbstractSet[str] = frozenset()
) -> None:
    """Files that the next run will look at.

    Parameters
    ----------
    known
        Hashes of what was loaded or refused.
    unreadable
        Names of files that were refused because they could not be read.
    """
    waiting = [drop.name for drop in list_drops(home) if not _is_known(drop, known, unreadable)]
    if waiting:
        console.print(f"New files, loaded by the next run: {', '.join(waiting)}", markup=False, highlight=False)


def _is_known(drop: DroppedFile, known: AbstractSet[str], unreadable: AbstractSet[str]) -> bool:
    try:
        return content_hash(drop.path)[0] in known
    except OSError:
        return drop.name in unreadable  # if not: the next run says why it is refused


def _print_rows(console: Console, title: str, names: list[str], rows: list[tuple[object, ...]]) -> None:
    console.print()
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name not in ("file", "message"))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table, markup=False)


def _ago(moment: datetime) -> str:
    minutes = int((utc_now() - moment).total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
