"""The nightly refresh."""

import dagster as dg

from retail_pipeline.automation.jobs import AssetJob
from retail_pipeline.settings import Settings


def build_nightly_schedule(job: AssetJob, settings: Settings) -> dg.ScheduleDefinition:
    """Runs ``refresh`` at ``schedule.nightly`` in ``schedule.timezone``; on unless switched off in the UI."""
    return dg.ScheduleDefinition(
        name="nightly_refresh",
        job=job,
        cron_schedule=settings.schedule.nightly,
        execution_timezone=settings.schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refresh everything each night.",
    )
