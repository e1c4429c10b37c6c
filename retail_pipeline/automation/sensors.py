"""The sensor that sees new files in ``drops/``."""

import contextlib
import hashlib
import json

import dagster as dg
import duckdb

from retail_pipeline.automation.jobs import AssetJob
from retail_pipeline.errors import SnapshotMissingError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import DroppedFile, content_hash, list_drops
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.reader import open_snapshot

NOTHING = "No new files in drops/."


def build_new_drops_sensor(job: AssetJob, home: Home, settings: Settings) -> dg.SensorDefinition:
    """Asks for one ``refresh`` for all new files, once none of them grows any more.

    The cursor remembers each file's size and time of change at the last look, and its content's hash once it held
    still between two looks. Files that still grow are waited for, but for one look only, so that a file written to
    for ever holds up no other. The run key is made from the contents: the same files are asked for once, whatever
    their names, and a file of which nothing can be loaded does not come again until something new lies beside it.
    """

    @dg.sensor(
        name="new_drops",
        job=job,
        minimum_interval_seconds=settings.schedule.drops_every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Refresh when new files lie in drops/ and have stopped growing.",
    )
    def new_drops(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before = json.loads(context.cursor) if context.cursor else {}
        files = _look(list_drops(home), before.get("files", {}))
        loaded = _loaded_hashes(home)
        settled = {name: look["sha256"] for name, look in files.items() if "sha256" in look}
        pending = {name: sha256 for name, sha256 in settled.items() if sha256 not in loaded}
        growing = sorted(files.keys() - settled.keys())
        key = hashlib.sha256("".join(sorted(set(pending.values()))).encode()).hexdigest()
        waits = bool(growing) and before.get("pending") != key
        cursor = json.dumps({"files": files, "pending": key if pending else None}, sort_keys=True)
        if pending and not waits:
            return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=cursor)
        reason = f"Waiting for files to stop growing: {', '.join(growing)}." if growing else NOTHING
        return dg.SensorResult(skip_reason=reason, cursor=cursor)

    return new_drops


def _look(drops: list[DroppedFile], seen: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Each file's stamp, and its hash if the stamp is that of the last look."""
    looks = {}
    for drop in drops:
        before = seen.get(drop.name, {})
        look = {"stamp": drop.stamp}
        if before.get("stamp") == drop.stamp:
            with contextlib.suppress(OSError):  # gone or unreadable by now: the next look may tell
                look["sha256"] = before.get("sha256") or content_hash(drop.path)[0]
        looks[drop.name] = look
    return looks


def _loaded_hashes(home: Home) -> set[str]:
    try:
        with open_snapshot(home) as snapshot:
            return {sha256 for (sha256,) in snapshot.execute("select sha256 from raw.drops").fetchall()}
    except (SnapshotMissingError, duckdb.CatalogException):
        return set()
