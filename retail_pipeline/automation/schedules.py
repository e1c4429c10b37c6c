"""The nightly refresh and the weekly training."""

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
    return _build_schedule("nightly_refresh", job, settings, "nightly", "Refresh everything each night.")


def build_training_schedule(job: AssetJob, settings: Settings) -> dg.ScheduleDefinition:
    """Runs ``train`` at ``schedule.training`` in ``schedule.timezone``; on unless switched off in the UI.

    Raises
    ------
    SettingsError
        when Dagster does not take the cron line or the time zone.
    """
    return _build_schedule("weekly_training", job, settings, "training", "Fit all models anew each week.")


def _build_schedule(
    name: str, job: AssetJob, settings: Settings, setting: str, description: str
) -> dg.ScheduleDefinition:
    cron = getattr(settings.schedule, setting)
    try:
        return dg.ScheduleDefinition(
            name=name,
            job=job,
            cron_schedule=cron,
            execution_timezone=settings.schedule.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description=description,
        )
    except dg.DagsterError as error:
        raise SettingsError(
            f"schedule.{setting} = {cron!r} and schedule.timezone = {settings.schedule.timezone!r} "
            f"are not allowed: {error}"
        ) from error
