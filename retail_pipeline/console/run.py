"""``retail run``: one run of the pipeline with live progress and a summary."""

import contextlib
import re
import time
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from retail_pipeline import errors
from retail_pipeline.errors import SelectionError, SnapshotMissingError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import list_drops
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.bookkeeping import first_row
from retail_pipeline.warehouse.reader import open_snapshot, withheld_notice
from retail_pipeline.warehouse.run_markers import RunMarker
from retail_pipeline.warehouse.snapshot import current_snapshot

if TYPE_CHECKING:
    import dagster as dg

NOTHING_TO_DO = "Nothing to do: there are no files in {drops}. Put an export there with 'retail add FILE'."
TOLD_ELSEWHERE = ("Dependencies for step", "Published ", "The snapshot is withheld")
TEAR_DOWN_ERROR = "WarehouseRunError"
MEANT_TO_BE_SHOWN = {TEAR_DOWN_ERROR, *(name for name, kind in vars(errors).items() if isinstance(kind, type))}
"""Errors whose own text tells a user more than that of their cause, by their class."""
CLASS_NAME = re.compile(r"^[\w.]+(Error|Exception): ")


@dataclass
class RunOutcome:
    """What a run did, as far as the command line tells."""

    succeeded: bool
    seconds: float
    tables: int
    failures: dict[str, str] = field(default_factory=dict)
    failed_checks: list[str] = field(default_factory=list)


def run_pipeline(
    home: Home,
    console: Console,
    *,
    select: str | None = None,
    reload: Sequence[str] = (),
    remove: Sequence[str] = (),
    full: bool = False,
    training: bool = False,
) -> int:
    """Load new drops, materialise, check, publish; returns the exit code.

    Parameters
    ----------
    select
        A Dagster asset selection, or table names separated by commas; everything if None.
    reload
        Files in drops/ to load again.
    remove
        Loaded files to take out.
    full
        Build incremental tables as a whole.
    training
        Fit all models anew.
    """
    known_formats(load_settings(home))
    is_empty = not list_drops(home) and not home.working_database.exists()
    if is_empty and remove:
        raise SelectionError(f"{remove[0]} is not loaded, so it cannot be removed: nothing is.")
    if is_empty and reload:
        raise SelectionError(f"{reload[0]} is not in {home.drops}, so it cannot be loaded again: there are no files.")
    if is_empty and not select:
        console.print(NOTHING_TO_DO.format(drops=home.drops), markup=False, highlight=False)
        return 0
    from retail_pipeline.console.dagster_home import prepare_dagster_home

    prepare_dagster_home(home)
    before = current_snapshot(home)
    changes = {name: list(files) for name, files in (("reload", reload), ("remove", remove)) if files}
    outcome = _execute(home, console, select, changes, full=full, training=training)
    return _summarise(home, console, outcome, published=current_snapshot(home) != before)


def _execute(
    home: Home, console: Console, select: str | None, changes: dict[str, list[str]], *, full: bool, training: bool
) -> RunOutcome:
    from retail_pipeline.assets.raw.drops import LOAD_OP
    from retail_pipeline.automation.jobs import REFRESH, TRAIN
    from retail_pipeline.console.dagster_home import open_instance
    from retail_pipeline.console.event_log import quick_event_log
    from retail_pipeline.definitions import build_defs
    from retail_pipeline.warehouse.resource import FULL_TAG, STARTED_BY_TAG, TRAIN_TAG

    definitions = build_defs(home)
    job = definitions.resolve_job_def(TRAIN if training else REFRESH)
    selection = _resolve_selection(definitions, select)
    _require_load_step(definitions, selection, changes.get("reload", []))
    steps = len(job.get_subset(asset_selection=set(selection)).nodes) if selection else len(job.nodes)
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if changes:
        config["ops"] = {LOAD_OP: {"config": changes}}
    run_id = str(uuid.uuid4())
    marker = RunMarker.hold(home, run_id)
    marker.retire()  # kept until the process ends: a kill before the set-up is noticed too
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.callback(marker.note_end)
        stack.enter_context(quick_event_log())
        instance = stack.enter_context(open_instance(home))
        follower = stack.enter_context(_Follower(console, steps))
        instance.add_event_listener(run_id, follower.take)
        result = job.execute_in_process(
            run_config=config,
            instance=instance,
            run_id=run_id,
            asset_selection=selection,
            tags={
                STARTED_BY_TAG: "command line",
                **({FULL_TAG: "true"} if full else {}),
                **({TRAIN_TAG: "true"} if training else {}),
            },
            raise_on_error=False,
        )
    return RunOutcome(
        result.success, time.monotonic() - started, follower.tables, follower.failures, follower.failed_checks
    )


def _resolve_selection(definitions: "dg.Definitions", select: str | None) -> list["dg.AssetKey"] | None:
    import dagster as dg

    if not select:
        return None
    graph = definitions.resolve_asset_graph()
    names = [part.strip() for part in select.split(",")]
    known = {key.to_user_string(): key for key in graph.get_all_asset_keys()}
    plain = {name: known.get(name.replace(".", "/")) for name in names}
    keys: AbstractSet[dg.AssetKey]
    if all(plain.values()):
        keys = {key for key in plain.values() if key}
    else:
        try:
            keys = dg.AssetSelection.from_string(select).resolve(graph)
        except Exception as error:  # the parser of selections has no error class of its own
            raise SelectionError(_wrong_selection(select, known)) from error
    if not keys:
        raise SelectionError(_wrong_selection(select, known))
    made_together = [graph.get(key).execution_set_asset_keys for key in keys]  # Dagster runs a step whole or not at all
    return sorted(set().union(*made_together))


def _require_load_step(
    definitions: "dg.Definitions", selection: Sequence["dg.AssetKey"] | None, reload: list[str]
) -> None:
    """Raise if files are to be loaded again by a selection that loads none."""
    from retail_pipeline.assets.sql_assets import asset_key
    from retail_pipeline.ingest.raw_tables import DROPS

    if reload and selection is not None and asset_key(DROPS.name) not in selection:
        raise SelectionError(
            f"--reload {reload[0]}: the tables selected load no files. Leave out --select, or add {DROPS.name} to it."
        )


def _wrong_selection(select: str, known: dict[str, Any]) -> str:
    return (
        f"{select!r} selects nothing. Name tables (core.orders), or select as in Dagster (group:core, "
        f"+key:customers/rfm_scores). Tables: {', '.join(sorted(name.replace('/', '.') for name in known))}."
    )


class _Follower:
    """Shows a run's events as they come: a bar on a terminal, lines elsewhere."""

    def __init__(self, console: Console, steps: int) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=steps)
        self.tables = 0
        self.failures: dict[str, str] = {}
        self.failed_checks: list[str] = []

    def __enter__(self) -> "_Follower":
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def take(self, entry: "dg.EventLogEntry") -> None:
        """One event of the run."""
        event = entry.dagster_event
        if event is None:
            if not entry.user_message.startswith(TOLD_ELSEWHERE):
                self._print(entry.user_message)
        elif event.is_step_start:
            self._progress.update(self._task, description=_readable(event.step_key))
        elif event.is_step_success:
            self._progress.advance(self._task)
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            self._tell_table(event)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._tell_check(event)
        elif event.is_step_failure:
            self._progress.advance(self._task)
            self._fail(_readable(event.step_key), event.step_failure_data.error)
        elif event.event_type_value == "PIPELINE_FAILURE":
            self._fail_run(event.job_failure_data.error)

    def _tell_table(self, event: "dg.DagsterEvent") -> None:
        materialization = event.step_materialization_data.materialization
        rows = materialization.metadata.get("dagster/row_count")
        self.tables += 1
        self._print(f"{'.'.join(materialization.asset_key.path):32} {rows.value if rows else '':>12,} rows")

    def _tell_check(self, event: "dg.DagsterEvent") -> None:
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            name = f"{'.'.join(evaluation.asset_key.path)}: {evaluation.check_name}"
            text = evaluation.metadata["found"].value
            severity = evaluation.severity.value
            self.failed_checks.append(f"{severity} {name}: {text}")

    def _fail_run(self, error: Any) -> None:
        """The run as a whole: with failed steps its error is that of a step, unless the tear-down failed as well."""
        if not self.failures or (error and error.cls_name == TEAR_DOWN_ERROR):
            self._fail("the run", error)

    def _fail(self, step: str, error: Any) -> None:
        while error is not None and error.cause is not None and error.cls_name not in MEANT_TO_BE_SHOWN:
            error = error.cause
        text = (error.message if error else "failed").strip()
        if "DagsterExecutionInterruptedError" in text:
            text = "interrupted; what was built before stays, the next run does the rest"
        if "AssetCheckFailed" not in text:
            self.failures[step] = CLASS_NAME.sub("", text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)


def _readable(step: str | None) -> str:
    return (step or "").replace("__", ".")


def _summarise(home: Home, console: Console, outcome: RunOutcome, *, published: bool) -> int:
    """Print the end of a run; returns the exit code."""

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False)

    for step, text in outcome.failures.items():
        say(f"FAILED {step}: {text}", "red")
    for text in outcome.failed_checks:
        say(text, "red" if text.startswith("ERROR") else "yellow")
    withheld = withheld_notice(home)
    refused: list[Any] = []
    try:
        with open_snapshot(home) as snapshot:
            rows = first_row(snapshot, "select sum(rows_read), sum(rows_rejected), count(*) from raw.drops")
            refused = snapshot.execute("from raw.refused_files").fetchall()
        if rows and rows[2]:
            say(f"{rows[2]:,} drops: {rows[0]:,} rows read, {rows[1]:,} rejected.")
    except (SnapshotMissingError, duckdb.CatalogException):
        pass  # nothing is loaded yet
    if refused and not any("raw.refused_files" in text for text in outcome.failed_checks):
        say(f"ERROR refused before: {', '.join(name for name, *_ in refused)}; see raw.refused_files", "red")
    state = "done" if outcome.succeeded else "FAILED"
    say(f"Run {state} in {outcome.seconds:.1f} s, {outcome.tables} tables built.")
    if withheld:
        say(f"The snapshot is withheld, readers keep the last one. {withheld['reason']}", "red")
    elif current_snapshot(home):
        say(f"{'Published' if published else 'Unchanged:'} {home.warehouse_link}")
    failed_blocking = any(text.startswith("ERROR") for text in outcome.failed_checks)
    return 0 if outcome.succeeded and not withheld and not failed_blocking and not refused else 1
