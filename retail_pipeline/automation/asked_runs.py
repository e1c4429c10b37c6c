"""Asking for a run again when the last one did not do what it was asked for."""

import time

import dagster as dg

from retail_pipeline.home import Home
from retail_pipeline.warehouse.run_markers import has_died

DROPS_TAG = "retail/drops"
"""On a run that the sensor asked for: which contents it is to load."""
LONGEST_PAUSE_SECONDS = 86_400.0


def next_run_key(instance: dg.DagsterInstance, home: Home, key: str) -> str | None:
    """The key by which to ask for a run for some new contents now; None while it is not the time.

    Dagster starts one run a key, whatever becomes of it. So each further attempt has a key of its own, which names the
    attempt and the run before. After the n-th attempt there is a pause of 2^n minutes, of a day at most.
    """
    runs = dg.RunsFilter(tags={DROPS_TAG: key})
    last = next(iter(instance.get_run_records(runs, limit=1)), None)
    if last is None:
        return key
    run = last.dagster_run
    if run.status is dg.DagsterRunStatus.NOT_STARTED:
        return run.tags.get("dagster/run_key")  # asked for and not yet started: Dagster starts this very run
    if not run.is_finished and not has_died(home, run.run_id):
        return None
    attempts = instance.get_runs_count(runs)
    ended = last.end_time or last.create_timestamp.timestamp()
    if _now() < ended + pause_seconds(attempts):
        return None
    return f"{key}-attempt-{attempts + 1}-after-{run.run_id[:8]}"


def pause_seconds(attempts: int) -> float:
    """How long to wait after so many attempts."""
    return min(60.0 * 2.0 ** min(attempts, 20), LONGEST_PAUSE_SECONDS)


def _now() -> float:
    return time.time()
