"""The warehouse as a Dagster resource: locked at a run's set-up, published at its tear-down.

Set-up and tear-down happen once a run, for every way of starting one and after failed steps too; that is why
publishing lives here and not in an asset.
"""

import contextlib
import dataclasses
import time
import uuid
from datetime import datetime
from typing import Any

import dagster as dg
import duckdb
from pydantic import Field, PrivateAttr

from retail_pipeline.errors import PublishError, RetailPipelineError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings, load_settings
from retail_pipeline.warehouse.bookkeeping import ENDED_SILENTLY, RunEnd
from retail_pipeline.warehouse.chunks import drop_unfinished
from retail_pipeline.warehouse.losses import find_losses
from retail_pipeline.warehouse.notices import LastRun, note_last_run, withheld_notice
from retail_pipeline.warehouse.rewrite import rewrite_working_database
from retail_pipeline.warehouse.run_markers import ended_runs
from retail_pipeline.warehouse.snapshot import (
    Withheld,
    find_withholding_checks,
    forget_withholding,
    publish,
    published_version,
    remove_leftovers,
    withhold,
)
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase, cannot_open, utc_now

FULL_TAG = "retail/full"
TRAIN_TAG = "retail/train"
STARTED_BY_TAG = "retail/started_by"


class WarehouseRunError(dg.DagsterError):
    """A warehouse error in the shape that fails a Dagster run: others are swallowed at a resource's tear-down."""


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The working database of ``home`` for the length of a run, and the publishing of its snapshot at the end.

    ``blocking_checks`` lists, as ``schema.table:check``, the checks without whose consent nothing is published.
    ``known_checks`` and ``known_tables`` list all there are: what else earlier releases left in the working database
    goes when a run begins. Nothing goes where they are not given.
    """

    home: str
    blocking_checks: list[str] = Field(default_factory=list)
    known_checks: list[str] = Field(default_factory=list)
    known_tables: list[str] = Field(default_factory=list)

    _database: WorkingDatabase | None = PrivateAttr(default=None)
    _warehouse: Warehouse | None = PrivateAttr(default=None)
    _started: float = PrivateAttr(default=0.0)
    _began: datetime = PrivateAttr(default_factory=utc_now)
    _started_by: str = PrivateAttr(default="")

    @property
    def warehouse(self) -> Warehouse:
        """The open warehouse of the current run."""
        if self._warehouse is None:
            raise WarehouseError("The warehouse is open only while a run is under way.")
        return self._warehouse

    @property
    def settings(self) -> Settings:
        """The home's settings as they were when the run began."""
        return self.warehouse.settings

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Wait for the working database and open it; mark runs that died as failed."""
        home = Home.locate(self.home)
        run_id = context.run_id or f"ephemeral-{uuid.uuid4().hex[:8]}"
        say = context.log.info if context.log else (lambda _: None)
        self._started, self._began = time.monotonic(), utc_now()
        self._started_by = _started_by(context.dagster_run.tags if context.dagster_run else {})
        try:
            settings = load_settings(home)
            database = WorkingDatabase.open(home, run_id, settings.warehouse, say)
        except (RetailPipelineError, OSError) as error:
            self._leave_word(home, run_id, RunEnd("failed", self._seconds(), str(error)))
            raise WarehouseRunError(str(error)) from error
        try:
            self._begin(context, database, settings)
        except BaseException as error:
            database.close()
            message = cannot_open(home, error) if isinstance(error, duckdb.Error) else str(error)
            self._leave_word(home, run_id, RunEnd("failed", self._seconds(), message))
            if isinstance(error, duckdb.Error):
                raise WarehouseRunError(message) from error
            raise
        self._database = database

    def _begin(self, context: dg.InitResourceContext, database: WorkingDatabase, settings: Settings) -> None:
        tags = context.dagster_run.tags if context.dagster_run else {}
        full, training = (tags.get(tag) == "true" for tag in (FULL_TAG, TRAIN_TAG))
        self._started, self._began = time.monotonic(), utc_now()
        self._warehouse = Warehouse(
            database.connection, database.home, settings, database.run_id, full=full, training=training
        )
        self._warehouse.books.record_run_start(self._started_by)
        drop_unfinished(self._warehouse)
        self._forget_what_is_no_more(context)
        try:
            for ended in ended_runs(database.home, lambda run: _is_known(context, run)):
                if _report_if_cut_off(context, ended):
                    self._warehouse.books.record_killed(ended)
        except Exception as error:  # of whatever storage the instance has; this run must not fail by it
            if context.log:  # the marker stays, the next run tries again
                context.log.warning(f"A run was cut off; marking it as failed did not work: {error}")

    def _forget_what_is_no_more(self, context: dg.InitResourceContext) -> None:
        if self.known_checks:
            self.warehouse.books.forget_checks(_table_and_check(self.known_checks))
        if self.known_tables:
            gone = self.warehouse.drop_tables_but(self.known_tables)
            if gone and context.log:
                context.log.info(f"Dropped what the pipeline makes no more: {', '.join(gone)}.")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Publish what changed, unless a blocking check withholds it; let the next run in."""
        if self._warehouse is None or self._database is None:
            return
        try:
            ending = self._end(context)
            self._publish_or_withhold(context, ending)
            self.warehouse.books.record_run_end(ending)
            self._leave_word(self._database.home, self._database.run_id, ending)
            self._rewrite_after_removal(context)
        except Exception as error:
            self._note_failure(str(error))
            raise WarehouseRunError(str(error)) from error
        finally:
            self._database.close()
            self._database = self._warehouse = None

    def _rewrite_after_removal(self, context: dg.InitResourceContext) -> None:
        """Write the working database anew where rows were taken out of raw: their bytes are not to be in any copy."""
        assert self._database is not None
        if not self.warehouse.books.holds_removed():
            return
        try:
            rewrite_working_database(self._database)
        except (duckdb.Error, OSError) as error:
            if context.log:  # all else is done, and until it works snapshots are copied table by table
                context.log.warning(
                    f"The working database could not be written anew, the next run tries again: {error}"
                )

    def _end(self, context: dg.InitResourceContext) -> RunEnd:
        failed = _failed_steps(context)
        return RunEnd("failed" if failed else "success", self._seconds(), failed)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 1)

    def _publish_or_withhold(self, context: dg.InitResourceContext, ending: RunEnd) -> None:
        warehouse, log = self.warehouse, context.log
        warehouse.books.forget_seen_changes()
        if published_version(warehouse.home) == warehouse.books.version():
            remove_leftovers(warehouse.home)
            forget_withholding(warehouse.home)  # a run killed just after it moved the link may have left the notice
            return
        withheld = self._find_withheld()
        if withheld:
            withhold(warehouse.home, warehouse.run_id, withheld)
            if log:
                log.warning(f"The snapshot is withheld, readers keep the last one. {withheld}")
            return
        path = publish(warehouse, warehouse.settings.warehouse.keep_snapshots, ending)
        if log:
            log.info(f"Published {path}")

    def _find_withheld(self) -> Withheld | None:
        withheld = find_withholding_checks(self.warehouse.books, _table_and_check(self.blocking_checks))
        losses = find_losses(self.warehouse, self.known_tables)
        return dataclasses.replace(withheld or Withheld(), losses=losses) if withheld or losses else None

    def _note_failure(self, message: str) -> None:
        ending = RunEnd("failed", self._seconds(), message)
        with contextlib.suppress(duckdb.Error):  # the disk may be full for this note as well
            self.warehouse.books.record_run_end(ending)
        self._leave_word(self.warehouse.home, self.warehouse.run_id, ending)

    def _leave_word(self, home: Home, run_id: str, ending: RunEnd) -> None:
        """Tell those who read how the run ended, also where nothing is published."""
        started = f"{self._began:%Y-%m-%d %H:%M:%S}"
        message = ending.message or ("the snapshot is withheld" if withheld_notice(home) else "")
        note_last_run(home, LastRun(run_id, started, ending.seconds, ending.status, self._started_by, message))


def _table_and_check(names: list[str]) -> list[tuple[str, str]]:
    return [(table, check) for table, _, check in (name.partition(":") for name in names)]


def _is_known(context: dg.InitResourceContext, run_id: str) -> bool:
    """Whether this Dagster instance has the run; a home may be run from several."""
    return bool(context.instance and context.instance.has_run(run_id))


def _report_if_cut_off(context: dg.InitResourceContext, run_id: str) -> bool:
    """Mark a run whose process is gone as failed in Dagster if that thinks it still under way; whether it did."""
    run = context.instance.get_run_by_id(run_id) if context.instance else None
    if not context.instance or not run or run.is_finished or run_id == context.run_id:
        return False
    context.instance.report_run_failed(run, message=f"The run was cut off: {ENDED_SILENTLY}.")
    return True


def _started_by(tags: Any) -> str:
    if "dagster/schedule_name" in tags:
        return f"schedule {tags['dagster/schedule_name']}"
    if "dagster/sensor_name" in tags:
        return f"sensor {tags['dagster/sensor_name']}"
    return str(tags.get(STARTED_BY_TAG, "Dagster"))


def _failed_steps(context: dg.InitResourceContext) -> str:
    """Which steps of the run have failed so far, in words; empty if none."""
    if context.instance is None or context.run_id is None:
        return ""
    events = context.instance.all_logs(context.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    steps = sorted({event.step_key for event in events if event.step_key})
    return f"failed: {', '.join(steps)}" if steps else ""


__all__ = ["FULL_TAG", "STARTED_BY_TAG", "TRAIN_TAG", "PublishError", "WarehouseResource", "WarehouseRunError"]
