"""The sensor that sees new files in ``drops/``."""

import contextlib
import hashlib
import json
import time

import dagster as dg
import duckdb

from retail_pipeline.automation.asked_runs import DROPS_TAG, next_run_key
from retail_pipeline.automation.jobs import AssetJob
from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import DroppedFile, list_drops
from retail_pipeline.ingest.hashing import BoundedHasher
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.reader import open_snapshot

NOTHING = "No new files in drops/."
HASHED_BYTES = 1 << 30
"""Read at one look at most: a look has a minute, then Dagster gives it up."""


def build_new_drops_sensor(job: AssetJob, home: Home, settings: Settings) -> dg.SensorDefinition:
    """Asks for one ``refresh`` for all new files, once none of them grows any more.

    The cursor remembers each file's size and time of change at the last look, and its content's hash once it held
    still between two looks and for as long as a run wants it to. Files that still grow are waited for, but for one
    look only, so that a file written to for ever holds up no other. A file is new while the snapshot neither has its
    contents nor says why they were refused; a run that did not change that is asked for again, see
    :func:`~retail_pipeline.automation.asked_runs.next_run_key`.
    """
    hasher = BoundedHasher(HASHED_BYTES)

    @dg.sensor(
        name="new_drops",
        job=job,
        minimum_interval_seconds=settings.schedule.drops_every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Refresh when new files lie in drops/ and have stopped growing.",
    )
    def new_drops(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before = json.loads(context.cursor) if context.cursor else {}
        files = _look(list_drops(home), before.get("files", {}), settings.ingest.settle_seconds, hasher)
        known = _known_hashes(home)
        settled = {name: look["sha256"] for name, look in files.items() if "sha256" in look}
        pending = sorted({sha256 for sha256 in settled.values() if sha256 not in known})
        growing = sorted(files.keys() - settled.keys())
        key = hashlib.sha256("".join(pending).encode()).hexdigest()
        waits = bool(growing) and before.get("pending") != key
        cursor = json.dumps({"files": files, "pending": key if pending else None}, sort_keys=True)
        if pending and not waits:
            run_key = next_run_key(context.instance, home, key)
            if run_key:
                request = dg.RunRequest(run_key=run_key, tags={DROPS_TAG: key})
                return dg.SensorResult(run_requests=[request], cursor=cursor)
            return dg.SensorResult(skip_reason=f"A run for {len(pending)} new files has been asked for.", cursor=cursor)
        reason = f"Waiting for files to stop growing, or to be read: {', '.join(growing)}." if growing else NOTHING
        return dg.SensorResult(skip_reason=reason, cursor=cursor)

    return new_drops


def _look(
    drops: list[DroppedFile], seen: dict[str, dict[str, str]], settle_seconds: float, hasher: BoundedHasher
) -> dict[str, dict[str, str]]:
    """Each file's stamp, and its hash if the stamp is that of the last look and the file is settled for a run too."""
    now = time.time_ns()
    hasher.begin()
    looks = {}
    for drop in drops:
        before = seen.get(drop.name, {})
        look = {"stamp": drop.stamp}
        if before.get("stamp") == drop.stamp and drop.age_seconds(now) >= settle_seconds:
            with contextlib.suppress(OSError):  # gone or unreadable by now: the next look may tell
                digest = before.get("sha256") or hasher.hash(drop.path, drop.stamp)
                if digest:
                    look["sha256"] = digest
        looks[drop.name] = look
    return looks


def _known_hashes(home: Home) -> set[str]:
    """The contents that readers have, or are told why not."""
    try:
        with open_snapshot(home) as snapshot:
            rows = snapshot.execute(
                "select sha256 from raw.drops union select sha256 from raw.refused_files"
            ).fetchall()
    except (SnapshotMissingError, WarehouseError, duckdb.Error):
        return set()  # nothing published, or nothing readable: the run that is asked for publishes anew
    return {sha256 for (sha256,) in rows}
