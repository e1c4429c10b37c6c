"""The warehouse as a Dagster resource: locked at a run's set-up, published at its tear-down.

Set-up and tear-down happen once a run, for every way of starting one and after failed steps too; that is why
publishing lives here and not in an asset.
"""

import contextlib
import time
from typing import Any

import dagster as dg
import duckdb
from pydantic import Field, PrivateAttr

from retail_pipeline.errors import PublishError, RetailPipelineError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import Settings, load_settings
from retail_pipeline.warehouse.snapshot import (
    Withheld,
    find_withholding_checks,
    publish,
    published_version,
    withhold,
)
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import WorkingDatabase, dead_runs

FULL_TAG = "retail/full"
STARTED_BY_TAG = "retail/started_by"


class WarehouseRunError(dg.DagsterError):
    """A warehouse error in the shape that fails a Dagster run: others are swallowed at a resource's tear-down."""


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The working database of ``home`` for the length of a run, and the publishing of its snapshot at the end.

    ``blocking_checks`` lists, as ``schema.table:check``, the checks without whose consent nothing is published.
    """

    home: str
    blocking_checks: list[str] = Field(default_factory=list)

    _database: WorkingDatabase | None = PrivateAttr(default=None)
    _warehouse: Warehouse | None = PrivateAttr(default=None)
    _settings: Settings | None = PrivateAttr(default=None)
    _started: float = PrivateAttr(default=0.0)

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
        run = context.dagster_run
        run_id = context.run_id or "ephemeral"
        say = context.log.info if context.log else (lambda _: None)
        try:
            settings = load_settings(home)
            self._database = WorkingDatabase.open(home, run_id, settings.warehouse, say)
        except RetailPipelineError as error:
            raise WarehouseRunError(str(error)) from error
        tags = run.tags if run else {}
        self._started = time.monotonic()
        self._warehouse = Warehouse(
            self._database.connection, home, settings, run_id, full=tags.get(FULL_TAG) == "true"
        )
        self._bury_dead_runs(context, home)
        self._warehouse.books.record_run_start(_started_by(tags))

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Publish what changed, unless a blocking check withholds it; let the next run in."""
        if self._warehouse is None or self._database is None:
            return
        failure = _failed_steps(context)
        status, message = ("failed", failure) if failure else ("success", "")
        seconds = round(time.monotonic() - self._started, 1)
        try:
            self.warehouse.books.record_run_end(self.warehouse.run_id, status, seconds, message)
            self._publish_or_withhold(context)
        except (RetailPipelineError, duckdb.Error, OSError) as error:
            self._note_failed_publish(str(error))
            raise WarehouseRunError(str(error)) from error
        finally:
            self._database.close()
            self._database = self._warehouse = None

    def _publish_or_withhold(self, context: dg.InitResourceContext) -> None:
        warehouse, log = self.warehouse, context.log
        warehouse.books.forget_seen_changes()
        if published_version(warehouse.home) == warehouse.books.version():
            return
        withheld = self._find_withheld()
        if withheld:
            withhold(warehouse.home, warehouse.run_id, withheld)
            if log:
                log.warning(f"The snapshot is withheld, readers keep the last one. {withheld}")
            return
        path = publish(warehouse, warehouse.settings.warehouse.keep_snapshots)
        if log:
            log.info(f"Published {path}")

    def _find_withheld(self) -> Withheld | None:
        blocking = [tuple(name.split(":", 1)) for name in self.blocking_checks]
        return find_withholding_checks(self.warehouse.books, [(table, check) for table, check in blocking])

    def _note_failed_publish(self, message: str) -> None:
        with contextlib.suppress(duckdb.Error):  # the disk may be full for this note as well
            self.warehouse.execute(
                "update pipeline.runs set status = 'failed', message = ? where run = ?",
                [message[:1000], self.warehouse.run_id],
            )

    def _bury_dead_runs(self, context: dg.InitResourceContext, home: Home) -> None:
        for run_id in dead_runs(home):
            self.warehouse.books.record_run_end(run_id, "killed", None, "its process ended without saying so")
            run = context.instance.get_run_by_id(run_id) if context.instance else None
            if context.instance and run and not run.is_finished:
                context.instance.report_run_failed(
                    run, message="The process of this run ended without saying so (killed, or out of memory)."
                )


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


__all__ = ["FULL_TAG", "STARTED_BY_TAG", "PublishError", "WarehouseResource", "WarehouseRunError"]
