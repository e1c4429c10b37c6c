"""The nightly refresh."""

import dagster as dg

from retail_pipeline.automation.jobs import AssetJob
from retail_pipeline.errors import SettingsError
from retail_pipeline.settings import Settings


def build_nightly_schedule(job: AssetJob, settings: Settings) -> dg.ScheduleDefinition:
    """Runs ``refresh`` at ``schedule.nightly`` in ``schedule.timezone``; on unless switched off in the UI.

    Raises
    ------
    SettingsError
        when Dagster does not take the cron line or the time zone.
    """
    try:
        return dg.ScheduleDefinition(
            name="nightly_refresh",
            job=job,
            cron_schedule=settings.schedule.nightly,
            execution_timezone=settings.schedule.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Refresh everything each night.",
        )
    except dg.DagsterError as error:
        raise SettingsError(
            f"schedule.nightly = {settings.schedule.nightly!r} and schedule.timezone = {settings.schedule.timezone!r} "
            f"are not allowed: {error}"
        ) from error
